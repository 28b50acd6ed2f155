/**
 * The endpoints of a gateway by name: that of all upstreams, one for each upstream, and the named ones. An endpoint with one
 * upstream and without a view has that upstream behind it, and costs nothing more; any other one has a router.
 */
import { isDeepStrictEqual } from 'node:util'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import type { Settings } from '../config/settings.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import type { Call } from '../protocol/call.ts'
import type { Member } from '../router/member.ts'
import type { NamingSettings } from '../router/naming.ts'
import { createRouter, type Router } from '../router/router.ts'
import { membersInView, type ViewSettings } from '../router/view.ts'
import {
  type Behind,
  createEndpoint,
  createLastingParts,
  type Endpoint,
  type LastingParts,
  type SharedServices,
} from './endpoint.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import type { StartedServer, StartRoom } from './wait-for-start.ts'

export interface EndpointsNeeds {
  readonly settings: Pick<Settings, 'upstreams' | 'endpoints' | 'aliases'>
  readonly upstreams: ServedUpstreams
  readonly shared: SharedServices
  readonly memory: MemoryBudget
}

/** What makes an endpoint, as the settings say. */
interface Plan {
  readonly members: readonly string[]
  readonly view: ViewSettings
  /** Undefined: its only upstream is behind it, under its own names. */
  readonly naming: NamingSettings | undefined
}

/** An endpoint with the upstreams behind it. */
interface Placed {
  readonly plan: Plan
  readonly router: Router | undefined
  /** The members that the router was given. */
  readonly given: readonly Member[]
  readonly endpoint: Endpoint
}

export class Endpoints {
  readonly #needs: EndpointsNeeds
  /** For all requests that wait for a start, at whatever endpoint. */
  readonly #startRoom: StartRoom
  #byName = new Map<string, Placed>()

  constructor(needs: EndpointsNeeds) {
    this.#needs = needs
    this.#startRoom = { free: needs.shared.settings.limits.queue }
    for (const [name, plan] of plansOf(needs.settings)) this.#byName.set(name, this.#create(name, plan))
  }

  /** The endpoint with a name; empty for that of all upstreams. */
  find(name: string): Endpoint | undefined {
    return this.#byName.get(name)?.endpoint
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  get all(): readonly Endpoint[] {
    return [...this.#byName.values()].map(({ endpoint }) => endpoint)
  }

  /** The endpoints that an upstream is behind, alone or among others. */
  of(upstream: string): readonly Endpoint[] {
    const placed = [...this.#byName.values()].filter(({ plan }) => plan.members.includes(upstream))
    return placed.map(({ endpoint }) => endpoint)
  }

  /** Whether a call of an endpoint may be at a worker of an upstream: at a merged one, what the call names says so. */
  mayBeAt(upstream: string, { endpoint, call }: { readonly endpoint: string; readonly call: Call }): boolean {
    const { plan, router } = this.#byName.get(endpoint) ?? {}
    return plan?.members.includes(upstream) === true && (router?.memberOf(call) ?? upstream) === upstream
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

  /** Ends the routers: none asks for missing members any more. */
  release(): void {
    for (const { router } of this.#byName.values()) router?.release()
  }

  /** An upstream has started, could not be started, or another one has taken its place. */
  changed(served: ServedUpstream): void {
    for (const [name, placed] of this.#byName)
      if (placed.plan.members.includes(served.name)) this.#refresh(name, placed)
  }

  /**
   * Makes the endpoints those of other settings, whose upstreams are in place already.
   * @returns those that are gone, by name
   */
  replace(settings: EndpointsNeeds['settings']): ReadonlyMap<string, Endpoint> {
    const before = this.#byName
    this.#byName = new Map()
    for (const [name, plan] of plansOf(settings)) {
      const old = before.get(name)
      if (old && isSamePlan(old.plan, plan)) this.#refresh(name, { ...old, plan })
      else this.#place(name, this.#create(name, plan, old))
    }
    const gone = [...before].filter(([name]) => !this.#byName.has(name))
    for (const [, { router, endpoint }] of gone) {
      endpoint.lasting.end()
      router?.release()
    }
    return new Map(gone.map(([name, { endpoint }]) => [name, endpoint]))
  }

  /** Puts other upstreams behind an endpoint whose plan is the same, if there are others. */
  #refresh(name: string, placed: Placed): void {
    const { router, endpoint } = placed
    const members = this.#membersOf(placed.plan.members)
    const [only] = members
    const given = members.map(({ member }) => member)
    const isOther = router
      ? given.length !== placed.given.length || given.some((member, at) => member !== placed.given[at])
      : only && only.upstream !== endpoint.upstream
    if (isOther) router?.replace(given)
    const succeeds = isOther && !router && only
    this.#place(name, { ...placed, given, ...(succeeds && { endpoint: this.#succeed(endpoint.lasting, only) }) })
  }

  /** Puts an endpoint in place, and tells its clients what is known of the starts. */
  #place(name: string, placed: Placed): void {
    this.#byName.set(name, placed)
    const members = this.#membersOf(placed.plan.members)
    const { startWait, subscriptions } = placed.endpoint.lasting
    if (members.some(({ standing }) => standing === 'started')) {
      startWait.started(startedServer(members))
      subscriptions.started()
    } else if (members.every(({ standing }) => standing === 'failed'))
      startWait.fail(new Refusal('upstream_unavailable'))
  }

  /** @param old the endpoint whose place it takes */
  #create(name: string, plan: Plan, old?: Placed): Placed {
    const { shared, memory } = this.#needs
    const { clock, log, settings } = shared
    const { limits } = settings
    const { view, naming } = plan
    const members = this.#membersOf(plan.members)
    const given = members.map(({ member }) => member)
    const router =
      naming && createRouter({ members: given, naming, view, memberWaitMs: limits.upstreamWaitMs, memory, clock, log })
    const behind: Behind | undefined = router ?? members[0]
    if (!behind) throw new Error(`there is no upstream behind the endpoint ${name}`)
    if (old) {
      const endpoint = this.#succeed(old.endpoint.lasting, behind)
      old.router?.release()
      return { plan, router, given, endpoint }
    }
    const startTimeoutMs = Math.max(...members.map(({ setup }) => setup.startTimeoutMs))
    const lasting = createLastingParts(name, behind, { startTimeoutMs, startRoom: this.#startRoom }, shared)
    return { plan, router, given, endpoint: createEndpoint(lasting, behind, shared) }
  }

  /** An endpoint that takes the place of another one: what lasts goes over to it. */
  #succeed(lasting: LastingParts, behind: Behind): Endpoint {
    const endpoint = createEndpoint(lasting, behind, this.#needs.shared)
    lasting.subscriptions.moveTo(behind.upstream)
    return endpoint
  }

  #membersOf(names: readonly string[]): readonly ServedUpstream[] {
    return names.flatMap((name) => this.#needs.upstreams.get(name) ?? [])
  }
}

/** The endpoints that the settings name, and those that are always there. */
function plansOf({ upstreams, endpoints, aliases }: EndpointsNeeds['settings']): ReadonlyMap<string, Plan> {
  const names = Object.keys(upstreams)
  const naming: NamingSettings = { hasPrefix: names.length > 1, aliases }
  const plans = new Map<string, Plan>([['', planOf(names, {}, naming)]])
  for (const name of names) plans.set(name, planOf([name], {}, naming))
  for (const [name, view] of Object.entries(endpoints))
    plans.set(name, planOf(membersInView(view, names, aliases), view, naming))
  return plans
}

function planOf(members: readonly string[], view: ViewSettings, naming: NamingSettings): Plan {
  const isPlain = members.length === 1 && (view.tools ?? []).length === 0
  return { members, view, naming: isPlain ? undefined : naming }
}

/** Whether the same endpoint, with its router if it has one, serves both plans. */
function isSamePlan(one: Plan, other: Plan): boolean {
  if (!one.naming && !other.naming) return one.members[0] === other.members[0]
  return isDeepStrictEqual([one.view, one.naming], [other.view, other.naming])
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
