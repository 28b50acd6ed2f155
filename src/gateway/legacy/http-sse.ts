/**
 * The transport HTTP+SSE: a POST is answered with 202, and all messages to the client go over its one stream. Only an
 * invalid message, or one without a stream to answer on, is refused by the POST itself. Messages are handled as in any
 * session (requests.ts). [2024-11-05 transports, HTTP with SSE]
 */
import { Refusal } from '../../base/refusal.ts'
import type { Principal, ClientDescription } from '../../protocol/call.ts'
import { isModernMessage } from '../../protocol/classify.ts'
import { reconnectedClient, sessionIdIn, sessionsOnly, streamPath } from '../../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../../protocol/inbound.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import { type Message, type RequestMessage, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { checkVersionHeader, mayBatch, readInitialize } from '../../protocol/legacy-server.ts'
import { notServed } from '../../protocol/modern-server.ts'
import { type RequestIdHolder, parseIncoming, readBatch, readIncoming } from '../../protocol/incoming.ts'
import { answerable, errorAnswerOf } from '../../protocol/error-response.ts'
import { isStateless } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { completed } from '../../sessions/session.ts'
import { pump } from './responses.ts'
import type { GatewayServices } from '../services.ts'
import { clientAnswersPing } from './notices.ts'
import { isLocal } from './local-requests.ts'
import { openSession } from './open-session.ts'
import { begin, checkRoom, handleClientMessage, replyInBatch } from './requests.ts'
import type { SseSession } from './http-sse-sessions.ts'

/** Early clients parse any other body of a 202 as a message. */
const accepted: Outbound = { status: 202, headers: { 'Content-Type': 'text/plain' }, body: 'Accepted' }

/** Answers an exchange on one of the two paths of this transport. Throws a `Refusal`. */
export async function answerOverStream(
  inbound: Inbound,
  principal: Principal,
  idHolder: RequestIdHolder,
  services: GatewayServices,
): Promise<Outbound> {
  if (!services.offersHttpSse) throw new Refusal('not_found')
  const allowed = inbound.path === streamPath ? 'GET' : 'POST'
  if (inbound.method !== allowed) throw new Refusal('method_not_allowed', { headers: { Allow: allowed } })
  return allowed === 'GET' ? openStream(inbound, principal, services) : take(inbound, principal, idHolder, services)
}

async function openStream(inbound: Inbound, principal: Principal, services: GatewayServices): Promise<Outbound> {
  if (services.drain.draining) throw new Refusal('draining')
  const lease = services.admission.take() ?? (await services.admission.wait(inbound.connection, inbound.closed))
  try {
    const body = services.sseSessions.open(principal, lease, inbound.closed, header(inbound, 'last-event-id'))
    return { status: 200, headers: sseHeaders, body }
  } catch (error) {
    lease.release()
    throw error
  }
}

async function take(
  inbound: Inbound,
  principal: Principal,
  idHolder: RequestIdHolder,
  services: GatewayServices,
): Promise<Outbound> {
  const id = sessionIdIn(inbound.query)
  if (id === undefined) {
    throw new Refusal('session_required', { message: 'The parameter sessionId is missing from the address.' })
  }
  const sseSession = services.sseSessions.find(principal, id)
  if (!sseSession) throw new Refusal('session_not_found')
  const version = header(inbound, 'mcp-protocol-version')
  if (!isStateless(version)) checkVersionHeader(version)
  const text = await inbound.body()
  idHolder.isBodyRead = true
  const value = parseIncoming(text)
  const messages = Array.isArray(value) ? batchOf(sseSession, text) : [readIncoming(text, value, idHolder)]
  const { liveSession } = sseSession
  if (!liveSession && messages.some((message) => needsSession(message, version)))
    await openForClient(sseSession, version, services)
  // Counts as a sign of life, and checks whether the session has expired.
  const isAnswer = messages.every(clientAnswersPing)
  if (liveSession && !(await services.sessions.find(principal, liveSession.session.id, isAnswer)))
    throw new Refusal('session_not_found')
  if (sseSession.stream.isOver) throw new Refusal('session_not_found')
  for (const message of messages) await handle(sseSession, message, version, services)
  return accepted
}

/**
 * Opens a session for a client that reconnected by itself: its event source took the new address, and it continues as
 * if its session still existed. Its capabilities are known if its last session ended on this instance; else it is
 * assumed to have none. If the session is being opened already, waits for that.
 */
async function openForClient(
  sseSession: SseSession,
  version: string | undefined,
  services: GatewayServices,
): Promise<void> {
  if (sseSession.opening) return sseSession.opening
  if (services.drain.draining) throw new Refusal('draining')
  await open(
    sseSession,
    '0',
    reconnectedClient(isStateless(version) ? undefined : version, sseSession.before),
    services,
  )
}

function needsSession(message: Message, version: string | undefined): boolean {
  if (message.kind !== 'request' || message.method === 'initialize' || message.method === 'ping') return false
  return !isModernMessage(message, version)
}

/**
 * [2025-03-26 batching] the schema of 2024-11-05 has no batches, but a client may have agreed on the revision that has
 */
function batchOf({ liveSession }: SseSession, text: string): Message[] {
  if (!liveSession || !mayBatch(liveSession.session.client.version)) throw new Refusal('invalid_request')
  return readBatch(text)
}

/** Handles a message. Throws a `Refusal` that cannot be reported on the stream. */
async function handle(
  sseSession: SseSession,
  message: Message,
  version: string | undefined,
  services: GatewayServices,
): Promise<void> {
  if (message.kind !== 'request') {
    if (isModernMessage(message, version)) throw notServed(message, version, sessionsOnly)
    if (sseSession.liveSession) await handleClientMessage(sseSession.liveSession, message, services)
    return
  }
  try {
    if (isModernMessage(message, version)) throw notServed(message, version, sessionsOnly)
    if (message.method === 'initialize') handshake(sseSession, message, services)
    else if (sseSession.liveSession) await call(sseSession, sseSession.liveSession, message, services)
    else if (message.method === 'ping')
      answer(sseSession, responseText(message.id, { kind: 'result', result: emptyObject }))
    else throw new Refusal('invalid_request', { message: 'A session begins with initialize.' })
  } catch (error) {
    const refusal = answerable(error, services.log)
    answer(sseSession, responseText(message.id, errorAnswerOf(refusal)))
    services.events.emit('refused', { code: refusal.code, tenant: sseSession.principal.tenant })
  }
}

/** Answers `initialize` on a stream: opens its session. */
function handshake(sseSession: SseSession, request: RequestMessage, services: GatewayServices): void {
  if (sseSession.liveSession || sseSession.opening) throw new Refusal('already_initialized')
  if (services.drain.draining) throw new Refusal('draining')
  const { stream } = sseSession
  open(sseSession, request.id, readInitialize(request.params), services)
    .then((body) => stream.send(body))
    .catch((error: unknown) => {
      const refusal = answerable(error, services.log)
      stream.send(responseText(request.id, errorAnswerOf(refusal)))
      // The failed attempt has released the lease, so the stream must not stay open.
      if (refusal.code === 'store_unavailable') stream.end()
    })
}

/** Opens the session of a stream; returns the text to answer `initialize` with. */
async function open(
  sseSession: SseSession,
  id: RpcId,
  client: ClientDescription,
  services: GatewayServices,
): Promise<string> {
  const opened = openSession(id, client, sseSession.principal, sseSession.lease, services, sseSession.stream)
  const opening = opened
    .then(({ liveSession }) => services.sseSessions.bind(sseSession, liveSession))
    .catch(() => undefined)
  sseSession.opening = opening
  try {
    const { body } = await opened
    await opening
    return body
  } finally {
    sseSession.opening = undefined
  }
}

/** Begins a call; its updates and its answer go over the stream. */
async function call(
  sseSession: SseSession,
  liveSession: LiveSession,
  request: RequestMessage,
  services: GatewayServices,
): Promise<void> {
  if (!liveSession.session.ready) await services.sessions.update(liveSession, completed)
  if (isLocal(request, services)) {
    // Counted like calls, or answers could pile up for a client that does not read.
    if (liveSession.calls >= services.gates.callsPerSession) throw new Refusal('too_many_calls')
  } else {
    checkRoom(liveSession, 1, services)
    if (!liveSession.subscription) await services.sessionNotifications.attach(liveSession)
    checkRoom(liveSession, 1, services)
  }
  const one = begin(liveSession, request, replyInBatch, services)
  void pump(liveSession, one, { kind: 'streaming', next: one.reply.next() }, sseSession.stream, services)
}

/** Writes an answer to the stream. Throws `too_many_calls` if the client has too much unread. */
function answer({ stream }: SseSession, text: string): void {
  if (!stream.hasRoom) throw new Refusal('too_many_calls', { message: 'The event stream has to be read first.' })
  stream.send(text)
}
