/**
 * The transport HTTP+SSE: what a client POSTs is taken with 202, and everything that there is to say to it goes over
 * its one stream. Refused by the POST itself is only what is no message, or what has no stream to be answered on.
 * What the messages mean is sessionful.ts. [2024-11-05 transports, HTTP with SSE]
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
import type { LiveSession } from '../../sessions/sessions.ts'
import { pump } from './responses.ts'
import type { GatewayServices } from '../services.ts'
import { clientAnswersPing } from './notices.ts'
import { isLocal } from './local-requests.ts'
import { openSession } from './open-session.ts'
import { begin, checkRoom, handleClientMessage, replyInBatch } from './requests.ts'
import type { SseSession } from './http-sse-sessions.ts'

/** Early clients take an answer without this word for a message. */
const accepted: Outbound = { status: 202, headers: { 'Content-Type': 'text/plain' }, body: 'Accepted' }

/** Answers an exchange on one of the two paths of this transport. Throws a `Refusal`. */
export async function answerOverStream(
  inbound: Inbound,
  principal: Principal,
  naming: RequestIdHolder,
  services: GatewayServices,
): Promise<Outbound> {
  if (!services.offersStreams) throw new Refusal('not_found')
  const allowed = inbound.path === streamPath ? 'GET' : 'POST'
  if (inbound.method !== allowed) throw new Refusal('method_not_allowed', { headers: { Allow: allowed } })
  return allowed === 'GET' ? openStream(inbound, principal, services) : take(inbound, principal, naming, services)
}

async function openStream(inbound: Inbound, principal: Principal, services: GatewayServices): Promise<Outbound> {
  if (services.inflight.draining) throw new Refusal('draining')
  const place = services.admission.take() ?? (await services.admission.wait(inbound.connection, inbound.closed))
  try {
    const body = services.streamSessions.open(principal, place, inbound.closed, header(inbound, 'last-event-id'))
    return { status: 200, headers: sseHeaders, body }
  } catch (error) {
    place.release()
    throw error
  }
}

async function take(
  inbound: Inbound,
  principal: Principal,
  naming: RequestIdHolder,
  services: GatewayServices,
): Promise<Outbound> {
  const id = sessionIdIn(inbound.query)
  if (id === undefined) {
    throw new Refusal('session_required', { message: 'The parameter sessionId is missing from the address.' })
  }
  const holder = services.streamSessions.find(principal, id)
  if (!holder) throw new Refusal('session_not_found')
  const version = header(inbound, 'mcp-protocol-version')
  if (!isStateless(version)) checkVersionHeader(version)
  const text = await inbound.body()
  naming.isBodyRead = true
  const value = parseIncoming(text)
  const messages = Array.isArray(value) ? batchOf(holder, text) : [readIncoming(text, value, naming)]
  const { liveSession } = holder
  if (!liveSession && messages.some((message) => needsSession(message, version)))
    await openForClient(holder, version, services)
  // Counts as a sign of life, and finds out whether the session's time is over.
  const isAnswer = messages.every(clientAnswersPing)
  if (liveSession && !(await services.sessions.find(principal, liveSession.session.id, isAnswer)))
    throw new Refusal('session_not_found')
  if (holder.stream.isOver) throw new Refusal('session_not_found')
  for (const message of messages) await act(holder, message, version, services)
  return accepted
}

/**
 * Makes the handshake for a client that reconnected by itself: its event source took the new address, and it goes on as
 * if its session still were there. What the client can do is known if its last session ended here; else it is taken to
 * be able to do nothing that it would be asked for. Does nothing if the handshake is under way.
 */
async function openForClient(
  holder: SseSession,
  version: string | undefined,
  services: GatewayServices,
): Promise<void> {
  if (holder.opening) return holder.opening
  if (services.inflight.draining) throw new Refusal('draining')
  await open(holder, '0', reconnectedClient(isStateless(version) ? undefined : version, holder.before), services)
}

function needsSession(message: Message, version: string | undefined): boolean {
  if (message.kind !== 'request' || message.method === 'initialize' || message.method === 'ping') return false
  return !isModernMessage(message, version)
}

/** [2025-03-26 batching] the schema of 2024-11-05 has no batches, but a client may have agreed on the revision that has */
function batchOf({ liveSession }: SseSession, text: string): Message[] {
  if (!liveSession || !mayBatch(liveSession.session.client.version)) throw new Refusal('invalid_request')
  return readBatch(text)
}

/** Does what a message says. Throws a `Refusal` where the stream is no way to tell. */
async function act(
  holder: SseSession,
  message: Message,
  version: string | undefined,
  services: GatewayServices,
): Promise<void> {
  if (message.kind !== 'request') {
    if (isModernMessage(message, version)) throw notServed(message, version, sessionsOnly)
    if (holder.liveSession) await handleClientMessage(holder.liveSession, message, services)
    return
  }
  try {
    if (isModernMessage(message, version)) throw notServed(message, version, sessionsOnly)
    if (message.method === 'initialize') greet(holder, message, services)
    else if (holder.liveSession) await call(holder, holder.liveSession, message, services)
    else if (message.method === 'ping')
      answer(holder, responseText(message.id, { kind: 'result', result: emptyObject }))
    else throw new Refusal('invalid_request', { message: 'A session begins with initialize.' })
  } catch (error) {
    const refusal = answerable(error, services.log)
    answer(holder, responseText(message.id, errorAnswerOf(refusal)))
    services.events.emit('refused', { code: refusal.code, tenant: holder.principal.tenant })
  }
}

/** Opens the session of a stream. The rest of the handshake is that of any session. */
function greet(holder: SseSession, request: RequestMessage, services: GatewayServices): void {
  if (holder.liveSession || holder.opening) throw new Refusal('already_initialized')
  if (services.inflight.draining) throw new Refusal('draining')
  const { stream } = holder
  open(holder, request.id, readInitialize(request.params), services)
    .then((body) => stream.tell(body))
    .catch((error: unknown) => {
      const refusal = answerable(error, services.log)
      stream.tell(responseText(request.id, errorAnswerOf(refusal)))
      // Then its place was given back.
      if (refusal.code === 'store_unavailable') stream.end()
    })
}

/** Opens the session of a stream; returns the text to answer `initialize` with. */
async function open(
  holder: SseSession,
  id: RpcId,
  client: ClientDescription,
  services: GatewayServices,
): Promise<string> {
  const opened = openSession(id, client, holder.principal, holder.place, services)
  const opening = opened
    .then(({ liveSession }) => services.streamSessions.bind(holder, liveSession))
    .catch(() => undefined)
  holder.opening = opening
  try {
    const { body } = await opened
    await opening
    return body
  } finally {
    holder.opening = undefined
  }
}

/** Begins a call; its answer, and all that comes before it, goes over the stream. */
async function call(
  holder: SseSession,
  liveSession: LiveSession,
  request: RequestMessage,
  services: GatewayServices,
): Promise<void> {
  if (!liveSession.session.ready) await services.sessions.change(liveSession, { ready: true })
  if (isLocal(request, services)) {
    // Counted like calls, or answers could pile up for a reader that does not read.
    if (liveSession.calls.length >= services.gates.callsPerSession) throw new Refusal('too_many_calls')
  } else {
    checkRoom(liveSession, 1, services)
    if (!services.listeners.has(liveSession)) await services.listeners.attach(liveSession)
    checkRoom(liveSession, 1, services)
  }
  const one = begin(liveSession, request, replyInBatch, services)
  void pump(liveSession, one, { kind: 'streaming', next: one.reply.next() }, holder.stream, services)
}

/** An answer that is at hand. Throws `too_many_calls` if the reader is too far behind for one more. */
function answer({ stream }: SseSession, text: string): void {
  if (!stream.hasRoom) throw new Refusal('too_many_calls', { message: 'The event stream has to be read first.' })
  stream.tell(text)
}
