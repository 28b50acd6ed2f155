/**
 * A worker: one live conversation with one instance of a server. Pools, isolation groups, catalog workers, subscriptions
 * and spares use this interface and know nothing of what is behind it; `connection/` implements it for lines of JSON-RPC.
 */
import type { WorkerEnd } from '../base/events.ts'
import type { Call, Caller, ClientKey, Outcome, Update, WorkerId } from '../protocol/call.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { UpstreamCodec } from '../protocol/upstream-codec.ts'
import type { Refusal } from '../base/refusal.ts'
import type { Responsiveness } from './responsiveness.ts'
import type { StartFailure, WorkerExit } from './worker-exit.ts'
import type { WorkerStanding, WorkerState } from './worker-states.ts'

/**
 * Whose messages a worker sends, which decides how those that name no call are attributed: all are of one `session` (or of
 * the only client of the gateway), of clients of one `principal`, or of clients of `several` principals.
 */
export type Attribution = 'session' | 'principal' | 'several'

export interface Worker {
  /** Undefined if the worker could not be started. */
  readonly id: WorkerId | undefined
  /** The `worker` of log lines and events; its id ends with it. Undefined if the worker could not be started. */
  readonly number: number | undefined
  readonly state: WorkerState
  /** Whether it is ending or has ended. */
  readonly closed: boolean
  readonly codec: UpstreamCodec
  /** Its `attribution` changes when a worker that no client has used is handed over to a group. */
  readonly attributor: { attribution: Attribution }
  /** The client whose next call must run here: the worker takes no call of another client. */
  pinnedTo: ClientKey | undefined
  /** Calls in flight and reserved places. */
  readonly callsInFlight: number
  /** How many calls it has been sent so far. */
  readonly callsBegun: number
  /** How many more it may be sent before another worker takes its place, without those that have a place reserved. */
  readonly callsLeft: number
  /** When its last call ended, in milliseconds of the clock. */
  readonly idleSinceMs: number
  readonly liveness: Responsiveness
  /** Whether its silence is expected: it is held back, or waits for a client to answer. */
  readonly isExcused: boolean
  /** Whether the server has sent any input request. */
  readonly hasInputRequests: boolean
  /** Resolves when all open input requests are answered or withdrawn, or the worker has ended. */
  inputRequestsAnswered(): Promise<void>

  /** Reserves a place for a call: `begin` must follow `unreserve` at once. */
  reserve(): void
  unreserve(): void
  /** Sends a call; `isAlone` if no other call begins before its end. Throws `overloaded` if the worker does not read. */
  begin(call: Call, isAlone: boolean): WorkerCall
  /** The call is over for its client. With a reason, the call is cancelled at the worker. */
  finish(call: WorkerCall, reason: string | undefined): void
  /** Work other than a call begins; `client` is undefined if unknown. Call the returned function once when it ends. */
  workFor(client: ClientKey | undefined): () => void

  /** Sends a request of our own. Rejects if the worker ends or does not answer in time. */
  request(method: string, params: RawObject | undefined, timeoutMs: number): Promise<Answer>
  /**
   * Sends a request that stays open until the worker ends it (`subscriptions/listen`). `ended` is called once if the
   * worker ends it; `stop` ends it from here. Throws `overloaded` if the worker does not read.
   */
  open(method: string, params: RawObject, ended: () => void): { id: number; stop(): void }
  /** Forwards a notification of a client. Throws `overloaded` if the worker does not read. */
  pass(method: string, params: RawObject | undefined): void

  /** Ends calls past their deadline. @returns whether any timed out while the worker was not held back */
  expire(nowMs: number): boolean
  /** It did not answer a ping: it is unresponsive until it sends anything. */
  markUnresponsive(): void
  /** Gives it no further call and ends it when its calls are over; at once if it has none. Idempotent: the first reason counts. */
  retire(reason: WorkerEnd): void
  /** Ends the worker in an orderly way; calls in flight fail. Resolves when it is gone. Idempotent: the first reason counts. */
  close(reason: WorkerEnd): Promise<void>
  /** Ends a worker that no longer reacts, at once. */
  kill(reason: WorkerEnd): void
}

/** A call that a worker runs: updates and outcome, as they come. */
export interface WorkerCall {
  readonly id: number
  /** Takes the next update that waits. */
  take(): Update | undefined
  /** How the call ended, if it has. Throws the refusal that ended it. */
  outcome(): Outcome | undefined
  /** Resolves with the next change. One waiter at a time. */
  changed(): Promise<unknown>
  /** Ends the call by a refusal; updates before it are still delivered. */
  fail(refusal: Refusal): void
}

/** What happens at a worker. */
export interface WorkerEvents {
  readonly codec: UpstreamCodec
  /** A message outside of calls; returns false if there was no recipient. */
  unsolicited(worker: Worker, update: Update): boolean
  ended(worker: Worker, exit: WorkerExit): void
  /** An input request could not be attributed to a client. */
  unattributed(method: string): void
  /** The server keeps sending requests and does not read the responses. */
  notReading(worker: Worker): void
  /** An unresponsive worker has sent something. */
  recovered(worker: Worker): void
}

export interface WorkerNeeds extends WorkerEvents {
  readonly standing: WorkerStanding
  readonly caller: Caller
  readonly announced: JsonObject
  readonly attribution: Attribution
  /** Whether a stateless server must answer `server/discover` first, although its era needs no handshake. */
  readonly mustDiscover: boolean
  /** The start failed, and not because we ended the worker. */
  failed(failure: StartFailure): void
  /** Called with the worker before anything is sent. */
  connected(worker: Worker): void
}

export interface OpenedWorker {
  readonly worker: Worker
  /** The server description by this worker; undefined if it was not asked for. */
  readonly serverDescription: RawObject | undefined
}

/** An instance of the server that was started and has been sent nothing: it becomes a worker by `open`. */
export interface ServerInstance {
  /** Calls `exited` once, as soon as it has ended; at once if it has already. */
  whenExited(exited: () => void): void
  /** Begins the conversation with the handshake of its era. Throws a `Refusal` if that fails; the instance is then ended. */
  open(needs: WorkerNeeds): Promise<OpenedWorker>
  /** Calls `exited` with its exit, for an instance that is never opened. */
  watch(exited: (exit: WorkerExit) => void): void
  /** Ends it in an orderly way; resolves when it is gone. Idempotent: the first reason counts. */
  close(reason: WorkerEnd): Promise<void>
}
