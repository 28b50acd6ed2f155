/**
 * The port of an upstream: an MCP server behind mcplex, or several as one. Each kind of server implements it, and so does
 * the router. `upstreamContract` of `mcplex/testing` checks what is promised here.
 *
 * Promises: an error is a `Refusal`, whose message may be sent to clients and holds nothing of the inside; or, from
 * `start`, an `UpstreamStartError`, which is for the operator alone.
 */
import type { HealthCheck } from '../protocol/health.ts'
import type { Call, EraName, Filter, Reply, Caller, Update } from '../protocol/call.ts'
import { Refusal } from '../base/refusal.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Mode } from './options.ts'
import type { IsolationModes } from './pooling/isolation-modes.ts'
import type { Purpose, WorkerState } from './worker-states.ts'

/** One era of the server. A server of both eras has two, each with its own workers. */
export interface ServerEraInfo {
  readonly era: EraName
  readonly mode: Mode
  /** The InitializeResult or DiscoverResult from the start. */
  readonly serverDescription: RawObject
}

/** What the start has found out about the server. */
export interface UpstreamFacts {
  /** All eras of the server, best first. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes
  /** The eras in use, in the same order. */
  readonly serverEras: readonly ServerEraInfo[]
  /** The first part of the ids of its workers, where a call may take several rounds; undefined where none does. */
  readonly instance?: string | undefined
}

/** A subscription to what a server sends outside of calls. */
export interface Subscription {
  /** Changes the filter; resolves when the server has confirmed, or cannot be reached. Never rejects. */
  refilter(filter: Filter): Promise<void>
  /** Ends the subscription: nothing is delivered any more. A second call does nothing. */
  stop(): void
}

/** Gets what a server sends outside of calls. Its methods must not throw. */
export interface Subscriber {
  /** Notifications that pass the filter; for a session also input requests, and all that its own worker sends. */
  deliver(update: Update): void
  /** Whether its client reads the stream at the moment: if not, a waiting call may carry an input request to it. */
  isRead(): boolean
}

export interface Upstream {
  /**
   * Starts the server and finds out which eras it speaks. Asked again, it returns the promise of the first call.
   * Throws `UpstreamStartError`, also after a `close` or if one comes meanwhile. Until it has resolved, calls and
   * subscriptions are refused with `upstream_unavailable`.
   * @param discovered called with the DiscoverResult before it is known whether the server speaks the other era, too
   */
  start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts>
  /**
   * Runs a call on a worker of the caller's isolation group. The reply yields updates in the order of the server and
   * returns exactly one outcome; an error of the server is an outcome. Nothing is sent before the first step is asked
   * for. When `call.cancel` fires, or the reply is returned early, the server is told that the call is cancelled.
   * The steps throw a `Refusal`: `cancelled`, `draining` after `close`, `upstream_closed` if the worker ends,
   * `upstream_unavailable`, `upstream_timeout`, `upstream_invalid`, `result_too_large`, `overloaded`,
   * `memory_share_exceeded`, `method_not_found`; what stands in front of it (`control/`) also `upstream_disabled`.
   */
  call(call: Call): Reply
  /**
   * Subscribes to what the workers of the caller's isolation group send outside of calls; resolves when the server has
   * confirmed, or cannot be reached. Starts no worker; later ones are subscribed when they start.
   * Throws `upstream_unavailable` before the start.
   */
  subscribe(caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription>
  /**
   * Forwards a notification of a client to its own worker. Without one it is dropped, and the event `dropped` says so.
   * Throws `overloaded` if the worker does not read, `upstream_unavailable` before the start.
   */
  notify(caller: Caller, method: string, params: RawObject | undefined): void
  /** Ends the workers of a session, with what they remember of it. */
  endSession(caller: Caller): void
  /**
   * Ends the workers that serve callers of one tenant alone, with what they remember. Those that all tenants share go on.
   * @returns how many have ended
   */
  endTenant(tenant: string): number
  /** Whether calls can be served, by pinging the server; cheap if it has sent anything a moment ago. Never rejects. */
  health(): Promise<HealthCheck>
  /**
   * Replaces all workers that there are: each gets no further call and ends when its calls are over; the next call gets
   * another one. Resolves when all of them have ended, or the upstream is closed.
   */
  recycle(): Promise<void>
  /** All workers, for operators. */
  workers(): readonly WorkerFacts[]
  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>>
  /**
   * Ends the upstream: calls that wait are refused with `draining`, calls in flight end with `upstream_closed`.
   * Resolves when nothing of it is left. With `force` its workers are ended at once, also while an earlier close waits
   * for them.
   */
  close(how?: { readonly force?: boolean }): Promise<void>
}

/** An upstream that is one server; each kind of server implements it. Several of them as one are an `Upstream` alone. */
export interface SingleUpstream extends Upstream {
  /** Where the catalogue gets server descriptions and lists. */
  readonly catalog: CatalogSource
}

/** What operators are shown of one worker. */
export interface WorkerFacts {
  /** Its number, as the log has it; undefined if it could not be started. */
  readonly worker: number | undefined
  readonly state: WorkerState
  readonly purpose: Purpose
  /** Whether another one takes its place when it has no call. */
  readonly isReplaced: boolean
  /** The id of its process, where it has one. */
  readonly pid: number | undefined
  /** The memory of its processes when it was last looked at, in bytes, where it has processes. */
  readonly memoryBytes: number | undefined
  readonly ageMs: number
  /** Calls that it was sent so far, and those in flight. */
  readonly calls: number
  readonly callsInFlight: number
  /** The session that it works for alone, if there is one: to be shown as the log shows it. */
  readonly session: string | undefined
}

/** The same upstream with another `call`. */
export function withCall(upstream: Upstream, call: Upstream['call']): Upstream {
  return {
    start: (discovered) => upstream.start(discovered),
    call,
    subscribe: (caller, filter, subscriber) => upstream.subscribe(caller, filter, subscriber),
    notify: (caller, method, params) => upstream.notify(caller, method, params),
    endSession: (caller) => upstream.endSession(caller),
    endTenant: (tenant) => upstream.endTenant(tenant),
    health: () => upstream.health(),
    recycle: () => upstream.recycle(),
    workers: () => upstream.workers(),
    counts: () => upstream.counts(),
    close: (how) => upstream.close(how),
  }
}

/** Where the catalogue gets its content. A source is a set of workers that list the same; its key names it. */
export interface CatalogSource {
  /** The key of the source for a caller's server description (`list` undefined) or one of its lists. */
  sourceOf(caller: Caller, list: string | undefined): string
  /** The source of a list for a caller that has no list of its own worker. */
  commonSourceOf(caller: Caller, list: string): string
  /** The source for the same clients, whatever they call themselves; the same source if it is not for clients of one name. */
  withoutName(source: string): string
  /** Whether the lists of a source may have changed when those of `changed` have. */
  follows(source: string, changed: string): boolean
  /** Tells the clients that are listed what this source lists that it has changed. */
  announce(source: string, list: string): void
  /** Tells all clients that a list has changed, and has the own workers of sessions asked for it again. */
  announceToAll(list: string): void
  /** The lists of workers that work for one session alone. */
  readonly ownLists: OwnListSource
  /** The era in which a source is asked; without a source, the era in which the caller's calls run. */
  eraOf(caller: Caller, source?: string): EraName
  /** Whether the operator says that all clients get the lists of the source. */
  isForAll(source: string): boolean
  /** Whether a source is for a profile without extensions, of which there is a closed set. */
  isWithoutExtensions(source: string): boolean
  /** Whether a source is for clients that declare no capabilities, as most do. Never forgotten. */
  isEmptyProfile(source: string): boolean
  /**
   * The server description for clients of a source. Throws `NoRoom` if there is no slot for a worker to ask: at once,
   * or after the longest wait if `mayWait`.
   */
  serverDescription(caller: Caller, source: string, mayWait: boolean): Promise<RawObject>
  /** The server description from the start, as a client that declares nothing gets it. */
  startDescription(caller: Caller): RawObject
  /**
   * One page of a list. Throws `NoRoom` if there is no slot for a worker to ask.
   * @param pages what the pages of one list are asked with, so that one worker gives all of them, if it can
   */
  list(caller: Caller, source: string, method: string, cursor: string | undefined, pages?: ListPages): Promise<Answer>
  /**
   * Has a list come from a worker of the caller's own group, as soon as there is one.
   * @returns the key of the source of the list, as long as that worker lives
   */
  own(caller: Caller, list: string): Promise<string>
  /**
   * Calls `stale` when a list of a source may have changed, or the server description of any source (`list` undefined);
   * `isOfUse` tells whether the old list is better than none.
   */
  onStale(stale: (source: string, list: string | undefined, isOfUse: boolean) => void): void
}

/**
 * The pages of one list, which are asked for one after the other: a cursor is of no use to another worker than the one that
 * gave it.
 */
export class ListPages {
  #onEnd: (() => void) | undefined

  /** Sets what ends when no more pages are asked for. */
  onEnd(end: () => void): void {
    this.#onEnd = end
  }

  /** No more pages are asked for. */
  end(): void {
    this.#onEnd?.()
    this.#onEnd = undefined
  }
}

/** The lists of workers that work for one session alone, which any call of the session may change. */
export interface OwnListSource {
  /** How to ask the caller's own worker for a list: if calls have ended since it was asked, and it is free; else undefined. */
  due(caller: Caller, list: string): OwnListQuery | undefined
  /** Calls `listen` when the first call of a session has ended, and its own worker is free. */
  onFirstCall(listen: (caller: Caller) => void): void
}

/** A question to the own worker of a session for one of its lists. */
export interface OwnListQuery {
  /** The key of the source to ask. */
  readonly source: string
  /**
   * The worker has answered, or has not.
   * @param isShown whether its session is listed that from now on, or what other clients are; undefined: as before
   */
  done(isShown: boolean | undefined): void
}

/** There is no worker to ask, and no slot to start one, or the one that was started is to be replaced already. */
export class NoRoom extends Refusal {
  constructor(cause?: unknown) {
    super('overloaded', { cause })
    this.name = 'NoRoom'
  }
}

/**
 * The server could not be started or does not speak MCP. For the operator: it is never sent to clients. A kind of server
 * throws an error of its own that extends it, with details such as a command line.
 */
export class UpstreamStartError extends Error {
  /** Whether the start time-out has passed: the server may need more time. */
  readonly late: boolean
  /** Why, in words for the health report, which hold neither the command nor text of the server. */
  readonly reason: string

  constructor(
    message: string,
    {
      late = false,
      reason = 'the server could not be started',
    }: { readonly late?: boolean; readonly reason?: string } = {},
  ) {
    super(message)
    this.name = 'UpstreamStartError'
    this.late = late
    this.reason = reason
  }
}
