/**
 * A unit of isolation: the processes that a set of callers shares (one session, one principal, one tenant, or all),
 * and what must be said again to a process that takes another's place. Units of different keys share nothing.
 */
import { Refusal } from '../../base/refusal.ts'
import type { EraName, Filter, Caller, Update } from '../../protocol/call.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { mayBeAsked } from '../../protocol/capabilities.ts'
import type { JsonObject } from '../../protocol/json-text.ts'
import type { Attribution } from '../connection/attribution.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { Mode } from '../options.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** Somebody who hears what the processes of a unit say outside of calls. */
export interface Subscriber {
  /** Whether it is the stream of a session: it can be asked, and told all that is said for its session alone. */
  readonly isSession: boolean
  filter: Filter
  take(update: Update): void
  /** Whether its client reads what is said to it outside of calls, at this moment. */
  isRead(): boolean
}

/** Whom a process works for; one that was opened to learn can become one that serves. */
export interface WorkerOwner {
  group: IsolationGroup | undefined
  /** The source that it is asked for as a keeper. */
  source: string | undefined
}

export interface IsolationGroup {
  readonly key: string
  readonly codec: UpstreamCodec
  readonly caller: Caller
  readonly announced: JsonObject
  readonly connections: Set<UpstreamConnection>
  readonly restarts: RestartBackoff
  /** Who messages belong to that name no call. */
  readonly attribution: Attribution
  /** Whether a process serves one call at a time: so that its questions have one addressee, or by its mode. */
  readonly exclusive: boolean
  /** When a process ends with its call: so that what the server asks late can be of no other call, and nothing of one that was cancelled stays. */
  readonly endsAfter: 'every call' | 'a cancelled call' | undefined
  /** Processes at most. */
  readonly maxProcesses: number
  /** Processes being started. */
  starting: number
  /** Calls waiting for a process. */
  waiting: number
  /** Those of them with which the client of the unit can be asked. */
  readonly waitingCalls: WaitingCalls
  /** The log level that the unit's session asked for, to be said again to a new process. */
  logLevel: string | undefined
  /** Whether the operator was told that the server asks what could be of several clients. */
  isWarnedOf: boolean
  /** A process with state was lost: the next one has to be told, and its clients too. */
  lost: boolean
  /** Lists that the unit's clients are shown as a process of the unit has them, since it has announced a change, or no other could be asked; and which process it is. */
  readonly changed: Map<string, UpstreamConnection>
  ended: boolean
}

/** The key of the unit that a seat belongs to. Nothing of one tenant is ever in another's unit, `shared` excepted. */
export function isolationGroupKey(caller: Caller, era: EraName, mode: Mode, profile: () => string): string {
  const { tenant, subject } = caller.principal
  if (mode === 'shared') return sharedKey(era)
  if (mode === 'tenant') return `${era}/tenant/${JSON.stringify(tenant)}`
  if (mode === 'session' && caller.session !== undefined) {
    return `${era}/session/${JSON.stringify([tenant, subject, caller.session])}`
  }
  // A client without a session gets the next narrower thing that is known of it.
  return `${era}/${mode === 'session' ? 'principal' : mode}/${JSON.stringify([tenant, subject])}/${profile()}`
}

function sharedKey(era: EraName): string {
  return `${era}/shared`
}

/** @param own whether all callers are one client: a session, or whatever the only client says */
export function createIsolationGroup(
  key: string,
  codec: UpstreamCodec,
  mode: Mode,
  caller: Caller,
  own: boolean,
  announced: JsonObject,
  bounds: { readonly pool: number; readonly cores: number; readonly hasOneClient: boolean },
): IsolationGroup {
  const common = isCommon(mode)
  // A question names no call, and may come late: where it could be of any client, a process that asks has one call in all.
  const isForOneCall = mode === 'call' || (mode === 'session' && !own)
  const asked = codec.era === 'legacy' && isForOneCall && mayBeAsked(announced)
  const endsAfterAny = asked && !bounds.hasOneClient
  const single = mode === 'call' || asked
  return {
    key,
    codec,
    caller,
    announced,
    connections: new Set(),
    restarts: new RestartBackoff(),
    attribution: own ? 'own' : common ? 'none' : 'single',
    exclusive: single,
    endsAfter: endsAfterAny ? 'every call' : mode === 'call' ? 'a cancelled call' : undefined,
    maxProcesses: single ? bounds.pool : common ? Math.min(bounds.pool, bounds.cores) : 1,
    starting: 0,
    waiting: 0,
    waitingCalls: new WaitingCalls(),
    logLevel: undefined,
    isWarnedOf: false,
    lost: false,
    changed: new Map(),
    ended: false,
  }
}

/** Whether clients of this mode may be asked questions: only where a question can be attributed to one of them. */
export function mayAsk(mode: Mode): boolean {
  return !isCommon(mode)
}

/** Whether all callers share the unit. */
export function isShared(group: IsolationGroup): boolean {
  return group.key === sharedKey(group.codec.era)
}

/** Whether a unit of this mode has callers of different principals. */
export function isCommon(mode: Mode): boolean {
  return mode === 'shared' || mode === 'tenant'
}

/** The process of a unit with this pid. Throws `upstream_closed` if it has ended. */
export function processOf(group: IsolationGroup, pid: number | undefined): UpstreamConnection {
  for (const connection of group.connections) if (connection.pid === pid) return connection
  throw new Refusal('upstream_closed')
}
