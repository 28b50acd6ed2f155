/**
 * A request on its way through the gates of admit.ts: what they have found so far, and what they hold for it. Once it
 * is admitted, dispatch.ts has it answered from here.
 */
import type { Lease } from '../base/lease.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import type { ClientDescription, Principal } from '../protocol/call.ts'
import { isModernMessage } from '../protocol/classify.ts'
import type { RequestIdHolder } from '../protocol/incoming.ts'
import { type EndpointPath, readEndpointPath } from '../protocol/endpoint-path.ts'
import { claimantOf } from '../protocol/fairness.ts'
import { header, type Inbound } from '../protocol/inbound.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Message, RequestMessage, RpcId } from '../protocol/jsonrpc.ts'
import type { Envelope } from '../protocol/modern-server.ts'
import type { LiveSession } from '../sessions/live-session.ts'
import type { OpenedState } from './interaction/request-state.ts'
import type { HeldRequest, HeldRequests } from './held-requests.ts'
import type { AdmittedCall } from './legacy/admitted-call.ts'
import type { SseSession } from './legacy/http-sse-sessions.ts'
import type { PendingPlace } from './placed-call.ts'

/**
 * What a request is. `checkEndpoint` finds it by method and path; for a POST to `/mcp` `parseBody` does, by its message.
 * `waitForStart` replaces it in one case, by `early_discovery`. Each message of `sse_messages` has a kind of its own.
 */
export type RequestKind =
  /** Opens a session. */
  | 'initialize'
  /** One message of a session, or a batch. */
  | 'session_messages'
  /** Opens the event stream of a session. */
  | 'session_stream'
  /** Ends a session. */
  | 'session_end'
  /** Opens an event stream of HTTP+SSE. */
  | 'sse_stream'
  /** A POST of HTTP+SSE: each of its messages is admitted, refused and answered on its own. */
  | 'sse_messages'
  /** A message without a session. */
  | 'stateless'
  /** A `server/discover` that is answered while the server still starts. */
  | 'early_discovery'

/** The value that a gate has found. An error here is a fault in the order of the gates. */
function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the gate that finds this value has not been passed')
  return value
}

/** A program that passes requests on by itself may have its endpoint at any path. */
const elsewhere: EndpointPath = { kind: 'mcp', name: '' }

export class GatedRequest implements RequestIdHolder {
  inbound: Inbound
  /** The same, if it is held because its principal may not be accepted any more. */
  held: HeldRequest | undefined
  /** Which endpoint it is for, by its path, and on which transport. */
  readonly at: EndpointPath
  /** The id of the JSON-RPC request, for its refusal. */
  id: RpcId | undefined
  isBodyRead = false
  messages: readonly Message[] = []
  isBatch = false
  /** Headers for its answer, whatever that is: what is left of limits. */
  answerHeaders: Readonly<Record<string, string>> | undefined
  /** The state that a request of a stateless client brings back, opened. */
  state: OpenedState | undefined
  /** The requests that are to be calls of the session. */
  callRequests: readonly RequestMessage[] = []
  /** Those of them that are admitted. */
  calls: readonly AdmittedCall[] = []
  /** The place that its call still waits for: `place` gives it back. */
  pendingPlace: PendingPlace | undefined
  #kind: RequestKind | undefined
  #principal: Principal | undefined
  #sessionId: string | undefined
  #liveSession: LiveSession | undefined
  #sseSession: SseSession | undefined
  #client: ClientDescription | undefined
  #envelope: Envelope | undefined
  #serverDescription: RawObject | undefined
  #place: Lease | undefined
  #memory: MemoryAccount | undefined

  constructor(inbound: Inbound) {
    this.inbound = inbound
    this.at = readEndpointPath(inbound.path) ?? elsewhere
  }

  get kind(): RequestKind {
    return found(this.#kind)
  }

  set kind(kind: RequestKind) {
    this.#kind = kind
  }

  /** Whether it is a message without a session, as far as that is known. */
  get isStateless(): boolean {
    return this.#kind === 'stateless'
  }

  /** The version header. */
  get version(): string | undefined {
    return header(this.inbound, 'mcp-protocol-version')
  }

  /** The message, if the request has exactly one. */
  get message(): Message | undefined {
    return this.isBatch ? undefined : this.messages[0]
  }

  /** The JSON-RPC request, if the message is one. */
  get rpcRequest(): RequestMessage | undefined {
    const { message } = this
    return message?.kind === 'request' ? message : undefined
  }

  get principal(): Principal {
    return found(this.#principal)
  }

  set principal(principal: Principal) {
    this.#principal = principal
  }

  get claimant(): string {
    return claimantOf(this.principal, this.inbound.connection)
  }

  /** From now on the request ends as soon as its principal is not accepted any more, if that can happen. */
  hold(requests: HeldRequests): void {
    if (!requests.mayEnd(this.principal)) return
    this.held = requests.hold(this.inbound, this.principal)
    this.inbound = this.held
  }

  /** The tenant, as soon as it is known. */
  get tenant(): string | undefined {
    return this.#principal?.tenant
  }

  /** What its client has said of itself, as soon as it is known. */
  get knownClient(): ClientDescription | undefined {
    return (
      this.#client ?? this.#envelope?.client ?? (this.#liveSession ?? this.#sseSession?.liveSession)?.session.client
    )
  }

  /** The id of the session that the request names. */
  get sessionId(): string {
    return found(this.#sessionId)
  }

  set sessionId(id: string) {
    this.#sessionId = id
  }

  get liveSession(): LiveSession {
    return found(this.#liveSession)
  }

  set liveSession(liveSession: LiveSession) {
    this.#liveSession = liveSession
  }

  get hasSession(): boolean {
    return this.#liveSession !== undefined
  }

  get sseSession(): SseSession {
    return found(this.#sseSession)
  }

  set sseSession(sseSession: SseSession) {
    this.#sseSession = sseSession
  }

  /** Whether the message came over HTTP+SSE. */
  get isOverSse(): boolean {
    return this.#sseSession !== undefined
  }

  /** The description of a client that opens a session. */
  get client(): ClientDescription {
    return found(this.#client)
  }

  set client(client: ClientDescription) {
    this.#client = client
  }

  /** The metadata of a stateless request. */
  get envelope(): Envelope {
    return found(this.#envelope)
  }

  set envelope(envelope: Envelope) {
    this.#envelope = envelope
  }

  /** The description with which `early_discovery` is answered. */
  get serverDescription(): RawObject {
    return found(this.#serverDescription)
  }

  set serverDescription(serverDescription: RawObject) {
    this.#serverDescription = serverDescription
  }

  /** The place of a client: passes to the session or the exchange that is opened with it. */
  get place(): Lease {
    return found(this.#place)
  }

  set place(place: Lease) {
    this.#place = place
  }

  /** Counts what a stateless call keeps: passes to the call. */
  get memory(): MemoryAccount {
    return found(this.#memory)
  }

  set memory(memory: MemoryAccount) {
    this.#memory = memory
  }

  /** One message of a POST of HTTP+SSE, to be admitted on its own. */
  forMessage(message: Message): GatedRequest {
    const one = new GatedRequest(this.inbound)
    const { sseSession } = this
    one.kind = kindOfMessage(message, this.version)
    one.messages = [message]
    if (message.kind === 'request') one.id = message.id
    one.principal = this.principal
    one.sseSession = sseSession
    if (sseSession.liveSession) one.liveSession = sseSession.liveSession
    return one
  }

  /** Gives back all that the gates took for the request. What it began is ended by those who answer it. */
  release(): void {
    this.#place?.release()
    this.#memory?.close()
    for (const call of this.calls) call.release()
  }
}

/** The kind of the request that brings a message. */
export function kindOfMessage(
  message: Message,
  version: string | undefined,
): 'stateless' | 'initialize' | 'session_messages' {
  if (isModernMessage(message, version)) return 'stateless'
  return message.kind === 'request' && message.method === 'initialize' ? 'initialize' : 'session_messages'
}
