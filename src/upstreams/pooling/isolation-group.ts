/**
 * An isolation group: the workers that a set of callers shares (one session, one principal, one tenant, or all), and the
 * state that a replaced worker needs again. Groups with different keys share nothing.
 */
import { Refusal } from '../../base/refusal.ts'
import { type Call, type Caller, type EraName, type Filter, principalKey, type WorkerId } from '../../protocol/call.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { mayBeAsked } from '../../protocol/capabilities.ts'
import type { JsonObject } from '../../protocol/json-text.ts'
import type { FairCall } from '../../protocol/fairness.ts'
import type { Attribution, Worker } from '../worker.ts'
import type { Mode } from '../options.ts'
import type { Subscriber } from '../upstream.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** A recipient of what the workers of a group send outside of calls. */
export interface GroupSubscriber extends Subscriber {
  readonly caller: Caller
  /** Whether it is the stream of a session: it gets input requests, and everything sent for its session alone. */
  readonly isSession: boolean
  filter: Filter
}

/** What is known of one list of a worker of a group. */
export interface OwnList {
  /** The worker that has announced a change, or was asked. */
  readonly worker: Worker
  /** The `callsEnded` of the group when the worker was asked; another number if it has to be asked again. */
  readonly callsEnded: number
  /** Whether the clients of the group are listed this; else what clients of their kind are listed. */
  readonly isShown: boolean
}

/** What a worker is for: a group, or a catalogue source. A catalog worker can be handed over to a group. */
export interface WorkerOwner {
  group: IsolationGroup | undefined
  /** The source that it is asked for as a catalog worker. */
  source: string | undefined
}

/** What the line has to know of a call. */
export type WaitingCall = FairCall & Pick<Call, 'clientKey' | 'cancel'>

/** A call that waits in line for a worker of its group. */
export interface QueuedCall {
  readonly group: IsolationGroup
  readonly call: WaitingCall
  /** Since when, in milliseconds of the clock. */
  readonly sinceMs: number
}

export interface IsolationGroup {
  readonly key: string
  readonly codec: UpstreamCodec
  readonly caller: Caller
  readonly announced: JsonObject
  readonly workers: Set<Worker>
  readonly restarts: RestartBackoff
  /** How messages that name no call are attributed. */
  readonly attribution: Attribution
  /**
   * Whether each worker has one call at a time: the mode says so, or the server may ask the client in mid-call, and its
   * questions do not say for which call they are.
   */
  readonly exclusive: boolean
  /**
   * After which calls a worker ends, instead of taking another one. `every call`: a question that the server sends late
   * cannot reach the client of the next call. `a cancelled call`: a server that goes on with such a call does so alone.
   * Undefined: workers outlive their calls.
   */
  readonly endsAfter: 'every call' | 'a cancelled call' | undefined
  /** The most workers: a reload may change it. */
  readonly maxWorkers: number
  /** The starts of its workers that are in progress. */
  readonly starts: Set<Promise<Worker>>
  /** The calls of the group that wait for a worker. */
  readonly queued: Set<QueuedCall>
  /** The waiting calls that can carry input requests to the client of the group. */
  readonly waitingCalls: WaitingCalls
  /** The log level of the group, which a new worker is sent. */
  logLevel: string | undefined
  /** Whether an input request that could be for several clients was logged already. */
  hasWarnedOfUnattributed: boolean
  /** Whether a worker with state was lost: the next one gets its state, and the clients are notified. */
  hasLostState: boolean
  /** What is known of the lists of its workers, by method. */
  readonly ownLists: Map<string, OwnList>
  /** How many calls have ended: any of them may have changed the lists of its worker. */
  callsEnded: number
  /** Lists that one of its workers is asked for at the moment. */
  listsInFlight: number
  /** Whether the lists of the worker of a session were compared with those that other clients get, after its first call. */
  areListsCompared: boolean
  ended: boolean
}

/** The key of the group of a caller. Callers of different tenants never share a group, except in mode `shared`. */
export function isolationGroupKey(caller: Caller, era: EraName, mode: Mode, profile: () => string): string {
  if (mode === 'shared') return sharedKey(era)
  if (mode === 'tenant') return tenantKey(era, caller.principal.tenant)
  if (mode === 'session' && caller.session !== undefined) {
    return `${era}/session/${JSON.stringify([...principalKey(caller.principal), caller.session])}`
  }
  // A client without a session is grouped by the narrowest thing known: its principal.
  return `${era}/${mode === 'session' ? 'principal' : mode}/${JSON.stringify(principalKey(caller.principal))}/${profile()}`
}

function tenantKey(era: EraName, tenant: string): string {
  return `${era}/tenant/${JSON.stringify(tenant)}`
}

function sharedKey(era: EraName): string {
  return `${era}/shared`
}

/** @param own whether all callers are one client: one session, or the only client of the gateway */
export function createIsolationGroup(
  key: string,
  codec: UpstreamCodec,
  mode: Mode,
  caller: Caller,
  own: boolean,
  announced: JsonObject,
  bounds: { readonly pool: () => number; readonly hasOneClient: boolean },
): IsolationGroup {
  const common = isCommon(mode)
  // An input request names no call and may come late: where it could be for any client, a worker gets one call in all.
  const isForOneCall = mode === 'call' || (mode === 'session' && !own)
  const asked = codec.era === 'legacy' && isForOneCall && mayBeAsked(announced)
  const endsAfterAny = asked && !bounds.hasOneClient
  const single = mode === 'call' || asked
  return {
    key,
    codec,
    caller,
    announced,
    workers: new Set(),
    restarts: new RestartBackoff(),
    attribution: own ? 'session' : common ? 'several' : 'principal',
    exclusive: single,
    endsAfter: endsAfterAny ? 'every call' : mode === 'call' ? 'a cancelled call' : undefined,
    get maxWorkers() {
      return single || common ? bounds.pool() : 1
    },
    starts: new Set(),
    queued: new Set(),
    waitingCalls: new WaitingCalls(),
    logLevel: undefined,
    hasWarnedOfUnattributed: false,
    hasLostState: false,
    ownLists: new Map(),
    callsEnded: 0,
    listsInFlight: 0,
    areListsCompared: false,
    ended: false,
  }
}

/** Whether clients of this mode can get input requests: only where these can be attributed to one client. */
export function mayAsk(mode: Mode): boolean {
  return !isCommon(mode)
}

/** Whether all callers share the group. */
export function isShared(group: IsolationGroup): boolean {
  return group.key === sharedKey(group.codec.era)
}

/** The tenant that all callers of a group are of; undefined if callers of another one can come. */
export function tenantOf({ key, codec, caller, attribution }: IsolationGroup): string | undefined {
  const { tenant } = caller.principal
  return attribution !== 'several' || key === tenantKey(codec.era, tenant) ? tenant : undefined
}

/** Whether groups of this mode have callers of different principals. */
export function isCommon(mode: Mode): boolean {
  return mode === 'shared' || mode === 'tenant'
}

/** The worker of a group with this id. Throws `upstream_closed` if it has ended. */
export function workerOf(group: IsolationGroup, id: WorkerId | undefined): Worker {
  for (const worker of group.workers) if (worker.id === id) return worker
  throw new Refusal('upstream_closed')
}

/** How many workers a group has and expects. One that is retiring is not counted: another one may take its place beside it. */
export function workersOf({ workers, starts }: IsolationGroup): number {
  let count = starts.size
  for (const { state } of workers) if (state !== 'retiring') count++
  return count
}

/** Whether a worker gets no further call. */
export function isLeaving({ state }: Worker): boolean {
  return state === 'retiring' || state === 'ending'
}

/** Whether a group has a worker that waiting calls may get, now or later. */
export function hasLasting({ workers }: IsolationGroup): boolean {
  for (const worker of workers) if (!isLeaving(worker)) return true
  return false
}
