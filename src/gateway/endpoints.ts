/**
 * The endpoints of a gateway by name: that of all upstreams, one for each upstream, and the named ones. An endpoint with one
 * upstream and without a view has that upstream behind it, and costs nothing more; any other one has a router.
 */
import type { MemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { capabilitiesIn } from '../catalog/catalog.ts'
import type { Settings } from '../config/settings.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import { createRouter, type Router } from '../router/router.ts'
import { membersInView, type ViewSettings } from '../router/view.ts'
import { type Behind, createEndpoint, createLastingParts, type Endpoint, type SharedServices } from './endpoint.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import type { StartedServer } from './wait-for-start.ts'

export interface EndpointsNeeds {
  readonly settings: Pick<Settings, 'upstreams' | 'endpoints' | 'aliases'>
  readonly upstreams: ServedUpstreams
  readonly shared: SharedServices
  readonly memory: MemoryBudget
}

/** An endpoint with the upstreams behind it. */
interface Placed {
  readonly members: readonly string[]
  readonly router: Router | undefined
  endpoint: Endpoint
}

export class Endpoints {
  readonly #needs: EndpointsNeeds
  readonly #byName = new Map<string, Placed>()

  constructor(needs: EndpointsNeeds) {
    this.#needs = needs
    const names = Object.keys(needs.settings.upstreams)
    this.#add('', names, {})
    for (const name of names) this.#add(name, [name], {})
    for (const [name, view] of Object.entries(needs.settings.endpoints))
      this.#add(name, membersInView(view, names, needs.settings.aliases), view)
  }

  /** The endpoint with a name; empty for that of all upstreams. */
  find(name: string): Endpoint | undefined {
    return this.#byName.get(name)?.endpoint
  }

  get all(): readonly Endpoint[] {
    return [...this.#byName.values()].map(({ endpoint }) => endpoint)
  }

  /** How many requests wait for the start of an upstream. */
  get waiting(): number {
    return this.all.reduce((sum, { lasting }) => sum + lasting.startWait.waiting, 0)
  }

  /** A DiscoverResult is known before the start is over: answers clients that ask for it with that. */
  discovered(serverDescription: RawObject): void {
    for (const { lasting } of this.all) lasting.startWait.discovered(serverDescription)
  }

  /** Refuses all requests that wait for a start. */
  refuseWaiting(refusal: Refusal): void {
    for (const { lasting } of this.all) lasting.startWait.fail(refusal)
  }

  /** An upstream has started, could not be started, or another one has taken its place. */
  changed(served: ServedUpstream): void {
    for (const placed of this.#byName.values()) if (placed.members.includes(served.name)) this.#refresh(placed, served)
  }

  #refresh(placed: Placed, { standing }: ServedUpstream): void {
    const { router, endpoint } = placed
    const members = this.#membersOf(placed.members)
    // Where one could not be started, clients see what they saw before: nothing is to be announced.
    if (router && standing === 'started') router.replace(members.map(({ member }) => member))
    if (!router && members[0] && members[0].upstream !== endpoint.upstream) {
      placed.endpoint = createEndpoint(endpoint.lasting, members[0], this.#needs.shared)
      endpoint.lasting.subscriptions.moveTo(members[0].upstream)
    }
    const { startWait } = endpoint.lasting
    if (members.some(({ standing }) => standing === 'started')) startWait.started(startedServer(members))
    else if (members.every(({ standing }) => standing === 'failed')) startWait.fail(new Refusal('upstream_unavailable'))
  }

  #add(name: string, memberNames: readonly string[], view: ViewSettings): void {
    const { shared, memory, settings } = this.#needs
    const { clock, log } = shared
    const members = this.#membersOf(memberNames)
    const [only] = members
    const isPlain = members.length === 1 && (view.tools ?? []).length === 0
    const naming = { hasPrefix: Object.keys(settings.upstreams).length > 1, aliases: settings.aliases }
    const router = isPlain
      ? undefined
      : createRouter({ members: members.map(({ member }) => member), naming, view, memory, clock, log })
    const behind: Behind | undefined = router ?? only
    if (!behind) return
    const startTimeoutMs = Math.max(...members.map(({ setup }) => setup.startTimeoutMs))
    const lasting = createLastingParts(name, behind, startTimeoutMs, shared)
    this.#byName.set(name, { members: memberNames, router, endpoint: createEndpoint(lasting, behind, shared) })
  }

  #membersOf(names: readonly string[]): readonly ServedUpstream[] {
    return names.flatMap((name) => this.#needs.upstreams.get(name) ?? [])
  }
}

/** What is known of the upstreams behind an endpoint. One that has not started yet counts as session-based. */
function startedServer(members: readonly ServedUpstream[]): StartedServer {
  return {
    refusesStateless: members.some(({ facts }) => facts === undefined || facts.sharing.stateless === 'refuse'),
    extensions: members.some(({ facts }) =>
      facts?.serverEras.some((one) => isObject(capabilitiesIn(one.serverDescription)['extensions'])),
    ),
  }
}
