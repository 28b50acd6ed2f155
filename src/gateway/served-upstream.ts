/** An upstream that the gateway serves: the server, its catalogue, and how its start went. */
import type { LearntCatalog } from '../catalog/catalog.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'
import { controlOptions } from '../upstreams/control/options.ts'
import type { UpstreamControl } from '../upstreams/control/upstream-control.ts'
import { type Upstream, type UpstreamFacts, UpstreamStartError, withCall } from '../upstreams/upstream.ts'
import { callAtFormer, type FormerUpstream, maxFormer, type RemovedUpstreams } from './former-upstreams.ts'
import type { Member } from '../router/member.ts'
import { namedAt, type NamedByRequest } from '../router/target.ts'
import type { SharedResourceFacts } from '../base/shared-resource-facts.ts'
import { wallMs } from '../base/clock.ts'
import { nameIn } from './tenant-setups.ts'
import { startingMember } from './starting-member.ts'
import type { HealthCheck } from '../protocol/health.ts'
import type { RunAsAllowed } from '../policy/policing.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { RawObject } from '../protocol/json-text.ts'

/** What makes an upstream and its catalogue out of settings, by its key; nothing runs before its start. */
export type CreateUpstream = (
  key: string,
  setup: UpstreamSetup,
) => {
  readonly upstream: Upstream
  readonly catalog: LearntCatalog
  /** What a module shares among its sessions, as far as it is in use or waited for. */
  sharedResources(): readonly SharedResourceFacts[]
  /** Gives back the memory of the catalogue, once the upstream is closed. */
  release(): void
}

/** The settings that a running upstream can change. */
export const changeable: ReadonlySet<string> = new Set(['pool', 'spares', ...Object.keys(controlOptions)])

export class ServedUpstream {
  /** What operators, the log and figures call it: its name, or with a tenant `github@acme` if it is for that one alone. */
  readonly key: string
  /** What clients call it. */
  readonly name: string
  readonly #setup: UpstreamSetup
  /** What stands in front of its calls, and of those of others of its name. */
  readonly control: UpstreamControl
  /** The upstream without what stands in front of it. */
  readonly behind: Upstream
  readonly upstream: Upstream
  /** The same without a policy: for calls that come through the one that has taken its place, and were decided on there. */
  readonly #decided: Upstream
  readonly catalog: LearntCatalog
  readonly sharedResources: () => readonly SharedResourceFacts[]
  readonly #starting: Member
  readonly #release: () => void
  /** Those whose place it has taken, the last one first. */
  #formers: readonly FormerUpstream[] = []
  /** It itself, once another one has taken its place. */
  #asFormer: FormerUpstream | undefined
  #startIsOver = (): void => {}
  #facts: UpstreamFacts | undefined
  #failure: unknown
  /** The last state that was noticed, and when. */
  #noticed = { state: 'starting', atMs: wallMs() }

  /**
   * @param removed the upstreams that were removed before, and later
   * @param runAsAllowed runs its calls as a policy allows, if there is one
   */
  constructor(
    key: string,
    setup: UpstreamSetup,
    control: UpstreamControl,
    create: CreateUpstream,
    removed: RemovedUpstreams,
    runAsAllowed?: RunAsAllowed,
  ) {
    // A copy that can be changed: the upstream reads its size there.
    this.#setup = { ...setup }
    const { upstream, catalog, sharedResources, release } = create(key, this.#setup)
    this.key = key
    this.name = nameIn(key)
    this.control = control
    this.behind = upstream
    const run = (call: Call): Reply => {
      if (call.worker === undefined) return control.call(call, upstream)
      const earlier = callAtFormer(call, this.#formers) ?? removed.callAt(call, this.#facts?.instance)
      return earlier ?? control.call(call, upstream)
    }
    this.#decided = withCall(upstream, run)
    this.upstream = runAsAllowed ? withCall(upstream, (call) => runAsAllowed(call, this.name, run)) : this.#decided
    this.catalog = catalog
    this.sharedResources = sharedResources
    this.#release = release
    this.#starting = startingMember(this, new Promise((resolve) => (this.#startIsOver = resolve)))
  }

  get setup(): UpstreamSetup {
    return this.#setup
  }

  /**
   * Takes over the settings that a running upstream can change. Workers beyond their number end when they are idle for long
   * enough.
   */
  resize(setup: UpstreamSetup): void {
    Object.assign(this.#setup, Object.fromEntries(Object.entries(setup).filter(([key]) => changeable.has(key))))
  }

  /** What the start has found out; undefined until then. */
  get facts(): UpstreamFacts | undefined {
    return this.#facts
  }

  /** What it is for a router: another object once it has started, which the router announces to its clients. */
  get member(): Member {
    return this.standing === 'started' ? this : this.#starting
  }

  get standing(): 'starting' | 'started' | 'failed' {
    if (this.#facts) return 'started'
    return this.#failure === undefined ? 'starting' : 'failed'
  }

  /** Why its start has failed; undefined if it has not. */
  get failure(): unknown {
    return this.#failure
  }

  /** Starts the upstream; throws what its `start` throws. @param discovered see `Upstream.start` */
  async start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts> {
    try {
      this.#facts = await this.upstream.start(discovered)
      this.#notice('started')
      return this.#facts
    } catch (error) {
      this.#failure = error
      this.#notice('failed')
      throw error
    } finally {
      this.#startIsOver()
    }
  }

  /** Ends the upstream as `Upstream.close` does, and gives back its memory. */
  async close(how?: { readonly force?: boolean }): Promise<void> {
    if (this.#asFormer) this.#asFormer.upstream = undefined
    await this.upstream.close(how)
    this.#release()
  }

  /** Takes the place of another one: it knows where calls have begun, and the definitions of tools that were accepted there. */
  succeed(before: ServedUpstream): void {
    const { instance } = before.facts ?? {}
    if (instance !== undefined) before.#asFormer = { instance, upstream: before.#decided }
    this.#formers = [...(before.#asFormer ? [before.#asFormer] : []), ...before.#formers].slice(0, maxFormer)
    if (this.#setup.onChange !== 'allow') this.catalog.definitions.carryOver(before.catalog.definitions)
  }

  /** Whether the server says of the tool of a call, by its own name, that a second run changes nothing more. */
  isIdempotent({ method, params, ...caller }: Call): boolean {
    const tool = method === 'tools/call' ? params?.value['name'] : undefined
    return typeof tool === 'string' && this.catalog.isIdempotent(caller, tool)
  }

  /** Behind an endpoint alone, each call is for it. */
  memberOf(): string {
    return this.name
  }

  targetOf(call: Pick<Call, 'method' | 'params'>): NamedByRequest {
    return namedAt(this.name, call)
  }

  /** Calls that it runs, and calls that wait for a worker, or for a turn if nothing has taken its place. */
  get calls(): number {
    const { workerCalls = 0, waitingCalls = 0 } = this.upstream.counts()
    return workerCalls + waitingCalls + this.control.leftCalls
  }

  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>> {
    return { ...this.upstream.counts(), ...this.control.counts(), ...this.catalog.counts() }
  }

  /** Since when its state is what it was when it was last looked at, in milliseconds since the epoch. */
  get sinceMs(): number {
    return this.#noticed.atMs
  }

  #notice(state: string): void {
    if (state !== this.#noticed.state) this.#noticed = { state, atMs: wallMs() }
  }

  /** Whether calls can be served. The detail holds nothing of the inside. */
  async health(): Promise<HealthCheck> {
    if (this.standing === 'starting') return { ok: false, detail: 'the server is being started' }
    if (this.standing === 'failed') return { ok: false, detail: `${reasonOf(this.#failure)}; it is tried again` }
    const { access, breaker } = this.control.state()
    if (access === 'disabled') return { ok: false, detail: 'it is disabled by its operator' }
    const found = await this.upstream.health()
    this.#notice(found.ok ? 'started' : 'unhealthy')
    // Once a call may be let through, load balancers must send one.
    if (breaker.state === 'open' && breaker.retryInMs !== 0) {
      const why = breaker.isForced ? heldOpen : 'its circuit breaker is open: calls have failed too often'
      return { ok: false, detail: found.ok || found.detail === undefined ? why : `${why}; ${found.detail}` }
    }
    return access === 'paused' && found.ok ? { ...found, detail: 'it is paused by its operator: calls wait' } : found
  }
}

const heldOpen = 'its circuit breaker is held open by its operator'

/** Why a start has failed. */
function reasonOf(failure: unknown): string {
  return failure instanceof UpstreamStartError ? failure.reason : 'the server could not be started'
}
