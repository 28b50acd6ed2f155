/**
 * The transport HTTP+SSE: a POST is answered with 202, and all messages to the client go over its one stream. Only an
 * invalid message, or one without a stream to answer on, is refused by the POST itself. Messages are handled as in any
 * session (requests.ts). [2024-11-05 transports, HTTP with SSE]
 */
import type { EventSink } from '../../base/events.ts'
import type { Lease } from '../../base/lease.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Principal, ClientDescription } from '../../protocol/call.ts'
import { isModernMessage } from '../../protocol/classify.ts'
import { reconnectedClient } from '../../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../../protocol/inbound.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import { type Message, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { answerable, errorAnswerOf, requestIdOf, withRequestId } from '../../protocol/error-response.ts'
import { isStateless } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import { clientName, type LiveSession } from '../../sessions/live-session.ts'
import { completed } from '../../sessions/session.ts'
import type { GatedRequest } from '../gated-request.ts'
import type { AdmittedCall } from './admitted-call.ts'
import { isLocal } from './local-requests.ts'
import { openSession, type OpenSessionNeeds } from './open-session.ts'
import { handleClientMessage, replyToRequest, type SessionRequestNeeds, startCall } from './requests.ts'
import { pump } from './responses.ts'
import type { SseSession, SseSessions } from './http-sse-sessions.ts'

/** What handles the messages of this transport. */
export interface HttpSseNeeds extends SessionRequestNeeds, OpenSessionNeeds {
  readonly catalog: SessionRequestNeeds['catalog'] & OpenSessionNeeds['catalog']
  readonly sessions: SessionRequestNeeds['sessions'] & OpenSessionNeeds['sessions']
  readonly sseSessions: Pick<SseSessions, 'bind'>
  readonly events: EventSink
}

/** Early clients parse any other body of a 202 as a message. */
const accepted: Outbound = { status: 202, headers: { 'Content-Type': 'text/plain' }, body: 'Accepted' }

/** Opens an event stream; `place` passes to it. Throws `cancelled` if the client has disconnected. */
export function openSseStream(
  principal: Principal,
  place: Lease,
  inbound: Inbound,
  { sseSessions, endpoint }: { readonly sseSessions: Pick<SseSessions, 'open'>; readonly endpoint: string },
): Outbound {
  const body = sseSessions.open(principal, place, inbound.closed, header(inbound, 'last-event-id'), endpoint)
  return { status: 200, headers: sseHeaders, body }
}

/**
 * Handles the messages of an admitted POST.
 * @param admitMessage admits one of them; throws the refusal
 */
export async function receiveOverStream(
  request: GatedRequest,
  admitMessage: (one: GatedRequest) => Promise<void>,
  needs: HttpSseNeeds,
): Promise<Outbound> {
  const { sseSession, messages, version } = request
  if (!sseSession.liveSession && messages.some((message) => needsSession(message, version)))
    await openForClient(sseSession, version, needs)
  if (sseSession.stream.isOver) throw new Refusal('session_not_found')
  for (const message of messages) await handle(request.forMessage(message), message, admitMessage, needs)
  return accepted
}

/**
 * Opens a session for a client that reconnected by itself: its event source took the new address, and it continues as
 * if its session still existed. Its capabilities are known if its last session ended on this instance; else it is
 * assumed to have none. If the session is being opened already, waits for that.
 */
async function openForClient(sseSession: SseSession, version: string | undefined, needs: HttpSseNeeds): Promise<void> {
  if (sseSession.opening) return sseSession.opening
  await open(
    sseSession,
    '0',
    reconnectedClient(isStateless(version) ? undefined : version, sseSession.previousClient),
    needs,
  )
}

/** Whether a message can be handled only in a session. */
export function needsSession(message: Message, version: string | undefined): boolean {
  if (message.kind !== 'request' || message.method === 'initialize' || message.method === 'ping') return false
  return !isModernMessage(message, version)
}

/** Handles a message. Throws a `Refusal` that cannot be reported on the stream. */
async function handle(
  request: GatedRequest,
  message: Message,
  admitMessage: (one: GatedRequest) => Promise<void>,
  needs: HttpSseNeeds,
): Promise<void> {
  const { sseSession } = request
  try {
    await admitMessage(request)
    const [call] = request.calls
    if (request.kind === 'initialize') handshake(sseSession, request.id, request.client, needs)
    else if (call) await beginCall(sseSession, request.liveSession, call, needs)
    else if (message.kind === 'request')
      answer(sseSession, responseText(message.id, { kind: 'result', result: emptyObject })) // a ping before initialize
    else if (request.hasSession) await handleClientMessage(request.liveSession, message, needs)
  } catch (error) {
    request.release()
    if (message.kind !== 'request') throw error
    const refusal = answerable(error, needs.log)
    const requestId = requestIdOf(refusal)
    answer(sseSession, responseText(message.id, errorAnswerOf(withRequestId(refusal, requestId))))
    needs.events.emit('refused', {
      code: refusal.code,
      tenant: sseSession.principal.tenant,
      client: sseSession.liveSession && clientName(sseSession.liveSession.session),
      requestId,
    })
  }
}

/** Answers `initialize` on a stream: opens its session. */
function handshake(
  sseSession: SseSession,
  id: RpcId | undefined,
  client: ClientDescription,
  needs: HttpSseNeeds,
): void {
  // Two handshakes may have been admitted at the same time.
  if (sseSession.liveSession || sseSession.opening) throw new Refusal('already_initialized')
  const { stream } = sseSession
  open(sseSession, id, client, needs)
    .then((body) => stream.send(body))
    .catch((error: unknown) => {
      const refusal = answerable(error, needs.log)
      stream.send(responseText(id, errorAnswerOf(refusal)))
      // The failed attempt has released the lease, so the stream must not stay open.
      if (refusal.code === 'store_unavailable') stream.end()
    })
}

/** Opens the session of a stream; returns the text to answer `initialize` with. */
async function open(
  sseSession: SseSession,
  id: RpcId | undefined,
  client: ClientDescription,
  needs: HttpSseNeeds,
): Promise<string> {
  const opened = openSession(id, client, sseSession.principal, sseSession.lease, needs, sseSession.stream)
  const opening = opened
    .then(({ liveSession }) => needs.sseSessions.bind(sseSession, liveSession))
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
async function beginCall(
  sseSession: SseSession,
  liveSession: LiveSession,
  call: AdmittedCall,
  needs: HttpSseNeeds,
): Promise<void> {
  if (!liveSession.session.ready) await needs.sessions.update(liveSession, completed)
  // The stream is read all the time: a client that has been given a list can hear that it has changed.
  const isOfWorker = needs.catalog.isList(call.request.method) || !isLocal(call.request, needs)
  if (isOfWorker && liveSession.workerSubscription === undefined) await needs.sessionNotifications.attach(liveSession)
  const one = startCall(liveSession, call, replyToRequest, needs)
  void pump(liveSession, one, { kind: 'streaming', next: one.reply.next() }, sseSession.stream, needs)
}

/** Writes an answer to the stream. Throws `too_many_calls` if the client has too much unread. */
function answer({ stream }: SseSession, text: string): void {
  if (!stream.hasRoom) throw new Refusal('too_many_calls', { message: 'The event stream has to be read first.' })
  stream.send(text)
}
