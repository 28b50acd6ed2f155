/**
 * Handles the messages of clients with sessions. The encoding is in protocol/legacy-server.ts, the streams are in
 * sessions/journalled-output.ts, the calls run in calls/run-call.ts. [2025-11-25 lifecycle; transports]
 */
import { Cancel } from '../../base/cancel.ts'
import { reserve, Portion } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Call, type Outcome, type Principal, progressTokenOf, type Reply } from '../../protocol/call.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { memberText } from '../../protocol/json-text.ts'
import {
  idKey,
  type Message,
  type NotificationMessage,
  type ResponseMessage,
  type RequestMessage,
} from '../../protocol/jsonrpc.ts'
import { checkMethod, checkVersionHeader, outcomeIn } from '../../protocol/legacy-server.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { checkParams } from '../../protocol/params.ts'
import { hasPrimingEvent } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import { journalledOutput } from '../../sessions/journalled-output.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { bytesOfUri, completed } from '../../sessions/session.ts'
import { abandonRequest, respondToBatch, type RunningRequest, respondToOne } from './responses.ts'
import type { GatewayServices } from '../services.ts'
import { answerLocally, isLocal, uriOf } from './local-requests.ts'
import { callerOf } from './notifications.ts'
import { callBytes, runCall } from '../calls/run-call.ts'

/** Bounded because every new worker is told of each subscription. */
const maxUris = 1000

const accepted: Outbound = { status: 202, headers: {}, body: '' }

/** Finds the session that a request names. Throws `session_required` or `session_not_found`. */
export async function sessionOf(
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
  isAnswer = false,
): Promise<LiveSession> {
  checkVersionHeader(header(inbound, 'mcp-protocol-version'))
  const id = header(inbound, 'mcp-session-id')
  if (id === undefined) throw new Refusal('session_required')
  const liveSession = await services.sessions.find(principal, id, isAnswer)
  // A session over HTTP+SSE has no streams of this transport.
  if (liveSession?.output.kind !== 'journalled') throw new Refusal('session_not_found')
  return liveSession
}

/** Handles one message of a session. Throws `too_many_calls` or `draining`. */
export function receive(
  liveSession: LiveSession,
  message: Message,
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  // The common case first, without an await: a further call of a session that has called before.
  if (
    message.kind === 'request' &&
    liveSession.session.ready &&
    liveSession.subscription !== undefined &&
    !isLocal(message, services)
  ) {
    return forward(liveSession, message, inbound, services)
  }
  return receiveOther(liveSession, message, inbound, services)
}

async function receiveOther(
  liveSession: LiveSession,
  message: Message,
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  if (message.kind !== 'request') {
    await handleClientMessage(liveSession, message, services)
    return accepted
  }
  if (!liveSession.session.ready) await services.sessions.update(liveSession, completed)
  if (isLocal(message, services)) {
    return { status: 200, headers: jsonHeaders, body: await answerLocally(liveSession, message, services) }
  }
  await services.sessionNotifications.attach(liveSession)
  return forward(liveSession, message, inbound, services)
}

function forward(
  liveSession: LiveSession,
  request: RequestMessage,
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  checkRoom(liveSession, 1, services)
  return respondToOne(liveSession, begin(liveSession, request, replyTo, services), inbound, services)
}

/** Handles several messages of a session in one body. */
export async function receiveBatch(
  liveSession: LiveSession,
  messages: readonly Message[],
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  const requests: RequestMessage[] = []
  for (const message of messages) {
    if (message.kind === 'request') requests.push(message)
    else await handleClientMessage(liveSession, message, services)
  }
  if (requests.length === 0) return accepted
  if (!liveSession.session.ready) await services.sessions.update(liveSession, completed)
  checkRoom(liveSession, requests.length, services)
  await services.sessionNotifications.attach(liveSession)
  const running: RunningRequest[] = []
  try {
    for (const request of requests) running.push(begin(liveSession, request, replyInBatch, services))
  } catch (error) {
    for (const one of running) {
      one.cancel.cancel('its batch was refused')
      abandonRequest(one)
    }
    throw error
  }
  return respondToBatch(liveSession, running, inbound, services)
}

/** Throws `session_not_found`, `too_many_calls` or `draining` if the session cannot begin `calls` more calls. */
export function checkRoom(liveSession: LiveSession, calls: number, services: GatewayServices): void {
  if (liveSession.ended) throw new Refusal('session_not_found')
  if (liveSession.calls + calls > services.gates.callsPerSession) throw new Refusal('too_many_calls')
  if (services.drain.draining) throw new Refusal('draining')
}

/** What a new call is given. */
type Held = Pick<Call, 'cancel' | 'memory'>

type CreateReply = (liveSession: LiveSession, request: RequestMessage, held: Held, services: GatewayServices) => Reply

/** Begins a request. Throws a `Refusal` for an invalid one, or if there is no memory to keep its params. */
export function begin(
  liveSession: LiveSession,
  request: RequestMessage,
  createReply: CreateReply,
  services: GatewayServices,
): RunningRequest {
  const cancel = new Cancel()
  const memory = new Portion(liveSession.memory)
  reserve(memory, callBytes + heldBytesOf(request.params))
  let reply: Reply
  try {
    reply = createReply(liveSession, request, { cancel, memory }, services)
  } catch (error) {
    memory.close()
    throw error
  }
  const call = liveSession.addCall(idKey(request.id), cancel)
  const leave = services.drain.enter(cancel)
  const over = (): void => {
    liveSession.liveness.seenMs = services.clock.now()
    memory.close()
    liveSession.removeCall(call)
    leave()
  }
  const { version } = liveSession.session.client
  return { id: request.id, method: request.method, version, reply, cancel, memory, over }
}

/** The reply to any request of a session, also to those that need no worker. */
export async function* replyInBatch(
  liveSession: LiveSession,
  request: RequestMessage,
  held: Held,
  services: GatewayServices,
): Reply {
  if (isLocal(request, services)) return outcomeIn(await answerLocally(liveSession, request, services))
  return yield* replyTo(liveSession, request, held, services)
}

/** Not a generator itself: each generator that a reply passes through costs time in every call. */
function replyTo(liveSession: LiveSession, request: RequestMessage, held: Held, services: GatewayServices): Reply {
  checkMethod(request.method)
  checkParams(request.method, request.params)
  const call = callOf(liveSession, request, held)
  return request.method === 'resources/subscribe' ? subscribe(liveSession, call, services) : runCall(call, services)
}

function callOf(liveSession: LiveSession, request: RequestMessage, held: Held): Call {
  const { session } = liveSession
  return {
    id: request.id,
    method: request.method,
    params: request.params,
    client: session.client,
    principal: session.principal,
    session: session.id,
    fairnessKey: session.id,
    clientKey: session.id,
    progressToken: progressTokenOf(request.params),
    logLevel: session.logLevel,
    worker: undefined,
    ...held,
  }
}

async function* subscribe(liveSession: LiveSession, call: Call, services: GatewayServices): Reply {
  if (liveSession.session.uris.length >= maxUris) {
    throw new Refusal('invalid_params', { message: `A session may subscribe to at most ${maxUris} resources.` })
  }
  const uri = uriOf(call.params)
  // Checked before the call: the server could not be made to forget the subscription.
  if (call.memory) reserve(call.memory, bytesOfUri(uri))
  const outcome: Outcome = yield* runCall(call, services)
  call.memory?.release(bytesOfUri(uri))
  if (outcome.answer.kind === 'result') {
    await services.sessions.update(liveSession, (session) =>
      session.uris.includes(uri) ? session : { ...session, uris: [...session.uris, uri] },
    )
    await services.sessionNotifications.refilter(liveSession)
  }
  return outcome
}

/** Handles a notification or an answer of the client. Its POST is answered with 202 in any case. */
export async function handleClientMessage(
  liveSession: LiveSession,
  message: NotificationMessage | ResponseMessage,
  services: GatewayServices,
): Promise<void> {
  if (message.kind === 'response') {
    if (message.id !== undefined) services.pendingInput.answer(liveSession, message.id, message.answer)
    return
  }
  switch (message.method) {
    case 'notifications/initialized':
      if (!liveSession.session.ready) await services.sessions.update(liveSession, completed)
      return
    case 'notifications/cancelled': {
      const id = message.params && memberText(message.params.text, 'requestId')
      if (id !== undefined) liveSession.callById(idKey(id))?.cancel.cancel('cancelled by the client')
      return
    }
    default:
      services.upstream.notify(callerOf(liveSession), message.method, message.params)
  }
}

/** Opens the event stream of a session: a new one, or one that resumes after the last event that the client saw. */
export async function openStream(
  liveSession: LiveSession,
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  const last = header(inbound, 'last-event-id') ?? ''
  // A client that resumes a stream still gets the rest of it during a drain.
  if (services.drain.draining && last === '') throw new Refusal('draining')
  const { version } = liveSession.session.client
  if (last === '') await services.sessionNotifications.attach(liveSession)
  const output = journalledOutput(liveSession)
  const body =
    last === '' ? await output.listen(hasPrimingEvent(version), inbound.closed) : output.resume(last, inbound.closed)
  return { status: 200, headers: sseHeaders, body }
}

/** Ends a session at the request of its client. */
export async function endSession(liveSession: LiveSession, services: GatewayServices): Promise<Outbound> {
  await services.sessions.end(liveSession, 'client')
  return { status: 200, headers: {}, body: '' }
}
