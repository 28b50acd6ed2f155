/**
 * What this instance holds for a session: a copy of its record, and all that runs here for it. Calls, input requests, the
 * output and the subscription have a member each, so that `memory` bounds them, `view` shows them to an operator and `end`
 * ends them. Members that most sessions never use are absent until then: a gateway holds many idle sessions.
 */
import type { Cancel } from '../base/cancel.ts'
import type { LastError } from '../base/events.ts'
import type { Lease } from '../base/lease.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import type { EraName, Filter } from '../protocol/call.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { bytesOfListed, joinListed, type ListedTools } from '../protocol/listed-tools.ts'
import type { PastCall } from '../protocol/past-call.ts'
import { CallHistory } from './call-history.ts'
import type { Liveness } from './liveness.ts'
import { bytesOfUris, type Session } from './session.ts'
import type { SessionOutput } from './session-output.ts'

/** A call of a session that is in flight on this instance. */
export interface CallInFlight {
  /** The request id, as `idKey` gives it. */
  readonly id: string
  readonly cancel: Cancel
}

/** The subscription of a session to what the workers of its isolation group send outside of calls. */
export interface SessionSubscription {
  /** Changes the filter; resolves when the server has confirmed. */
  refilter(filter: Filter): Promise<void>
  stop(): void
}

/** An input request that was sent to the client of a session and waits for its answer. */
export interface SentInputRequest {
  readonly method: string
  /** Passes the answer of the client on to the server. */
  settle(answer: Answer): void
  /** The session has ended: tells the server that the client is gone. */
  abandon(): void
}

/** A live session in plain data, for operators. Without its id, which gives access to the session. */
export interface LiveSessionView {
  readonly tenant: string
  readonly era: EraName
  /** The revision that the client speaks. */
  readonly version: string
  /** The name of the client, as far as it has one. */
  readonly client: string | undefined
  /** Whether the handshake is complete. */
  readonly isReady: boolean
  readonly ageMs: number
  /** How long ago the client last sent a message of its own to this instance. */
  readonly idleMs: number
  readonly calls: number
  readonly callsTotal: number
  readonly output: SessionOutput['kind']
  readonly openStreams: number
  /** Whether it receives what workers send outside of calls. */
  readonly receivesWorkerMessages: boolean
  /** Resources that the client has subscribed to. */
  readonly subscribedResources: number
  /** Input requests that wait for the client's answer. */
  readonly inputRequests: number
  readonly heldBytes: number
}

/** A client's name may be as long as a handshake; only its beginning is reported. */
const maxVersionChars = 32
const maxClientChars = 128

/** What a live session is made of. */
export interface LiveSessionParts {
  readonly key: string
  readonly session: Session
  /** The version of the record; 0 if it was not read yet. */
  readonly recordVersion: number
  readonly liveness: Liveness
  readonly memory: MemoryAccount
  /** Its place in admission; undefined if another instance admitted it. Released at its end. */
  readonly lease: Lease | undefined
  readonly createOutput: (liveSession: LiveSession) => SessionOutput
}

export class LiveSession {
  readonly key: string
  readonly liveness: Liveness
  /** Counts the memory that the session holds: its record, subscriptions, calls and input requests. */
  readonly memory: MemoryAccount
  readonly output: SessionOutput
  /** The subscription to what its workers send outside of calls, from its first request on. */
  workerSubscription: Promise<SessionSubscription> | undefined
  /** Input requests that wait for the client's answer, by request id. */
  inputRequests: Map<string, SentInputRequest> | undefined
  /** What in-process servers keep for the session, in bytes by area (tool-states.ts). */
  stateAreas: Map<string, number> | undefined
  /** The last change of the record that this instance has begun, while it is being made. */
  updating: Promise<void> | undefined
  /**
   * Calls in flight, oldest first; several may have the same id. An array: they are few, and a `Map` that gains and loses an
   * entry with each call leaves old hash tables behind, which keep finished calls in memory.
   */
  readonly #calls: CallInFlight[] = []
  readonly #lease: Lease | undefined
  #session: Session
  #recordVersion: number
  #callsTotal = 0
  #history: CallHistory | undefined
  #lastError: LastError | undefined
  #listed: ListedTools | undefined
  #ended = false

  constructor(parts: LiveSessionParts) {
    this.key = parts.key
    this.liveness = parts.liveness
    this.memory = parts.memory
    this.#lease = parts.lease
    this.#session = parts.session
    this.#recordVersion = parts.recordVersion
    this.output = parts.createOutput(this)
  }

  /** What the record says, as this instance last read or wrote it: another instance may have changed it since. */
  get session(): Session {
    return this.#session
  }

  /** The version of the record that was last read, or the lowest that the last write can have given it; 0: not read yet. */
  get recordVersion(): number {
    return this.#recordVersion
  }

  /** Takes over the record as it was read or written, unless a newer one is known already; counts its subscriptions. */
  takeOver(session: Session, recordVersion: number): void {
    if (recordVersion <= this.#recordVersion) return
    const more = bytesOfUris(session.uris) - bytesOfUris(this.#session.uris)
    if (more > 0) this.memory.add(more)
    else this.memory.release(-more)
    this.#session = session
    this.#recordVersion = recordVersion
  }

  get ended(): boolean {
    return this.#ended
  }

  /** How many calls are in flight on this instance. */
  get calls(): number {
    return this.#calls.length
  }

  /** How many calls this instance has begun for the session. */
  get callsTotal(): number {
    return this.#callsTotal
  }

  /** The last calls that have ended here, oldest first. */
  get history(): readonly PastCall[] {
    return this.#history?.list() ?? []
  }

  /** The tools that its client was last shown here; undefined if it has not asked. */
  get listedTools(): ListedTools | undefined {
    return this.#listed
  }

  /** Its client is shown a page of the list of tools. @param isFurther whether it goes on with the pages before */
  noteListed(page: ListedTools, isFurther: boolean): void {
    if (this.#ended) return
    const before = this.#listed
    const now = (isFurther && before ? joinListed([before, page]) : page) ?? page
    const more = bytesOfListed(now) - (before ? bytesOfListed(before) : 0)
    // Sessions may share it, but each may be the last one that keeps it. Without room, operators are told nothing new.
    if (more > 0 && this.memory.take(more) !== 'reserved') return
    if (more < 0) this.memory.release(-more)
    this.#listed = now
  }

  /** The last of the calls that have not ended with `ok`. */
  get lastError(): LastError | undefined {
    return this.#lastError
  }

  /** A call of the session has ended. */
  addToHistory(call: PastCall): void {
    if (this.#ended) return
    this.#history ??= new CallHistory(this.memory)
    this.#history.add(call)
    const { method, tool, outcome, at } = call
    if (outcome !== 'ok') this.#lastError = { method, tool, status: outcome, at }
  }

  /** Adds a call to those in flight, so that it can be cancelled by its id. */
  addCall(id: string, cancel: Cancel): CallInFlight {
    const call = { id, cancel }
    this.#calls.push(call)
    this.#callsTotal++
    return call
  }

  /** The call is over. Calling it again does nothing. */
  removeCall(call: CallInFlight): void {
    const at = this.#calls.indexOf(call)
    if (at >= 0) this.#calls.splice(at, 1)
  }

  /** The newest call with an id: a client may reuse the id of an older one. */
  callById(id: string): CallInFlight | undefined {
    return this.#calls.findLast((call) => call.id === id)
  }

  /** Ends all that runs here for the session and gives back what it holds. Calling it again does nothing. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const { cancel } of [...this.#calls]) cancel.cancel('the session ended')
    this.#lease?.release()
    this.output.end()
    this.workerSubscription?.then(
      (subscription) => subscription.stop(),
      () => undefined,
    )
    for (const inputRequest of [...(this.inputRequests?.values() ?? [])]) inputRequest.abandon()
    this.memory.close()
  }

  view(nowMs: number): LiveSessionView {
    const { principal, client, ready, createdAtMs, uris } = this.#session
    return {
      tenant: principal.tenant,
      era: client.era,
      version: client.version,
      client: clientName(this.#session),
      isReady: ready,
      ageMs: nowMs - createdAtMs,
      idleMs: nowMs - this.liveness.seenAtMs,
      calls: this.calls,
      callsTotal: this.#callsTotal,
      output: this.output.kind,
      openStreams: this.liveness.openStreams,
      receivesWorkerMessages: this.workerSubscription !== undefined,
      subscribedResources: uris.length,
      inputRequests: this.inputRequests?.size ?? 0,
      heldBytes: this.memory.heldBytes,
    }
  }
}

/** The beginning of the name that the client of a session gives itself. */
export function clientName({ client }: Pick<Session, 'client'>): string | undefined {
  const name = client.info?.['name']
  return typeof name === 'string' ? name.slice(0, maxClientChars) : undefined
}

/** The beginning of the version that the client says it has. */
export function clientVersion({ client }: Pick<Session, 'client'>): string | undefined {
  const version = client.info?.['version']
  return typeof version === 'string' ? version.slice(0, maxVersionChars) : undefined
}
