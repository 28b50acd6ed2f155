/**
 * Clients with sessions: what each message of theirs means here. The wording is protocol/legacy-server.ts, the
 * streams are sessions/streams.ts, the calls go to serve.ts. [2025-11-25 lifecycle; transports]
 */
import { Cancel } from '../../base/cancel.ts'
import type { Lease } from '../../base/lease.ts'
import { keep, Portion } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import {
  type Call,
  type Outcome,
  type Principal,
  progressTokenOf,
  type Reply,
  type ClientDescription,
} from '../../protocol/call.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { memberText } from '../../protocol/json-text.ts'
import {
  idKey,
  type Message,
  type NotificationMessage,
  type ResponseMessage,
  type RequestMessage,
  type RpcId,
  responseText,
} from '../../protocol/jsonrpc.ts'
import {
  checkMethod,
  checkVersionHeader,
  initializeResult,
  outcomeIn,
  readInitialize,
} from '../../protocol/legacy-server.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { checkParams } from '../../protocol/params.ts'
import { hasPrimingEvent } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import { bytesOfUri, callById, trackCall, type LiveSession } from '../../sessions/sessions.ts'
import { abandonRequest, respondToBatch, type RunningRequest, respondToOne } from './responses.ts'
import type { GatewayServices } from '../services.ts'
import { answerLocally, isLocal, uriOf } from './local-requests.ts'
import { seatOf } from './notifications.ts'
import { callBytes, runCall } from '../calls/run-call.ts'

/** Each is said again to every new process. */
const maxUris = 1000

const accepted: Outbound = { status: 202, headers: {}, body: '' }

/** The session that a request names. Throws `session_required` or `session_unknown`. */
export async function sessionOf(
  inbound: Inbound,
  principal: Principal,
  house: GatewayServices,
  isAnswer = false,
): Promise<LiveSession> {
  checkVersionHeader(header(inbound, 'mcp-protocol-version'))
  const id = header(inbound, 'mcp-session-id')
  if (id === undefined) throw new Refusal('session_required')
  const seat = await house.sessions.find(principal, id, isAnswer)
  if (!seat) throw new Refusal('session_unknown')
  return seat
}

/** Opens a session. Throws `overloaded` when there is no place for another client in time. */
export async function initialize(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  house: GatewayServices,
): Promise<Outbound> {
  // Clients that lost their session send its id along; it opens nothing, so a session that is over is no obstacle.
  const id = header(inbound, 'mcp-session-id')
  if (id !== undefined && (await house.sessions.find(principal, id))) throw new Refusal('already_initialized')
  if (house.inflight.draining) throw new Refusal('draining')
  const speaker = readInitialize(message.params)
  const place = house.admission.take() ?? (await house.admission.wait(inbound.connection, inbound.closed))
  try {
    const { seat, body } = await openSession(message.id, speaker, principal, place, house)
    return { status: 200, headers: { ...jsonHeaders, 'Mcp-Session-Id': seat.session.id }, body }
  } catch (error) {
    place.release()
    throw error
  }
}

/** A session for whoever speaks, and the text to answer `initialize` with. */
export async function openSession(
  id: RpcId,
  speaker: ClientDescription,
  principal: Principal,
  place: Lease,
  house: GatewayServices,
): Promise<{ readonly seat: LiveSession; readonly body: string }> {
  const hello = await house.catalog.serverDescription({ principal, client: speaker, session: '' })
  const seat = await house.sessions.open(principal, speaker, place)
  seat.onEnd.push(() => {
    house.upstream.endSession(seatOf(seat))
    house.streams.forget(seat)
  })
  return { seat, body: responseText(id, initializeResult(hello, speaker)) }
}

/** One message of a session. Throws `too_many_calls` or `draining`. */
export function receive(seat: LiveSession, message: Message, inbound: Inbound, house: GatewayServices): Promise<Outbound> {
  // The common case first, without a step that could wait: a session that has called before calls again.
  if (message.kind === 'request' && seat.session.ready && house.listeners.has(seat) && !isLocal(message, house)) {
    return forward(seat, message, inbound, house)
  }
  return receiveOther(seat, message, inbound, house)
}

async function receiveOther(seat: LiveSession, message: Message, inbound: Inbound, house: GatewayServices): Promise<Outbound> {
  if (message.kind !== 'request') {
    await handleClientMessage(seat, message, house)
    return accepted
  }
  if (!seat.session.ready) await house.sessions.change(seat, { ready: true })
  if (isLocal(message, house)) {
    return { status: 200, headers: jsonHeaders, body: await answerLocally(seat, message, house) }
  }
  await house.listeners.attach(seat)
  return forward(seat, message, inbound, house)
}

function forward(seat: LiveSession, request: RequestMessage, inbound: Inbound, house: GatewayServices): Promise<Outbound> {
  checkRoom(seat, 1, house)
  return respondToOne(seat, begin(seat, request, replyTo, house), inbound, house)
}

/** Several messages of a session in one body. */
export async function receiveBatch(
  seat: LiveSession,
  messages: readonly Message[],
  inbound: Inbound,
  house: GatewayServices,
): Promise<Outbound> {
  const requests: RequestMessage[] = []
  for (const message of messages) {
    if (message.kind === 'request') requests.push(message)
    else await handleClientMessage(seat, message, house)
  }
  if (requests.length === 0) return accepted
  if (!seat.session.ready) await house.sessions.change(seat, { ready: true })
  checkRoom(seat, requests.length, house)
  await house.listeners.attach(seat)
  const carried: RunningRequest[] = []
  try {
    for (const request of requests) carried.push(begin(seat, request, replyInBatch, house))
  } catch (error) {
    for (const one of carried) {
      one.cancel.cancel('its batch was refused')
      abandonRequest(one)
    }
    throw error
  }
  return respondToBatch(seat, carried, inbound, house)
}

/** Throws `too_many_calls`, or `draining`, if the session cannot have so many calls more. */
export function checkRoom(seat: LiveSession, calls: number, house: GatewayServices): void {
  if (seat.ended) throw new Refusal('session_unknown')
  if (seat.calls.length + calls > house.gates.callsPerSession) throw new Refusal('too_many_calls')
  if (house.inflight.draining) throw new Refusal('draining')
}

/** What a call is begun with. */
type Held = Pick<Call, 'cancel' | 'memory'>

type Answering = (seat: LiveSession, request: RequestMessage, held: Held, house: GatewayServices) => Reply

/** Begins a request. Throws a `Refusal` for one that needs not be begun, or whose params may not be kept so long. */
export function begin(seat: LiveSession, request: RequestMessage, answering: Answering, house: GatewayServices): RunningRequest {
  const cancel = new Cancel()
  const memory = new Portion(seat.memory)
  keep(memory, callBytes + heldBytesOf(request.params))
  let reply: Reply
  try {
    reply = answering(seat, request, { cancel, memory }, house)
  } catch (error) {
    memory.close()
    throw error
  }
  const forget = trackCall(seat, idKey(request.id), cancel)
  const leave = house.inflight.enter(cancel)
  const over = (): void => {
    seat.presence.seenMs = house.clock.now()
    memory.close()
    forget()
    leave()
  }
  const { version } = seat.session.speaker
  return { id: request.id, method: request.method, version, reply, cancel, memory, over }
}

/** The reply to any request of a session, those included that need no process. */
export async function* replyInBatch(seat: LiveSession, request: RequestMessage, held: Held, house: GatewayServices): Reply {
  if (isLocal(request, house)) return outcomeIn(await answerLocally(seat, request, house))
  return yield* replyTo(seat, request, held, house)
}

/** Not a generator itself: each one that a reply passes through costs every call. */
function replyTo(seat: LiveSession, request: RequestMessage, held: Held, house: GatewayServices): Reply {
  checkMethod(request.method)
  checkParams(request.method, request.params)
  const call = callOf(seat, request, held)
  return request.method === 'resources/subscribe' ? subscribe(seat, call, house) : runCall(call, house)
}

function callOf(seat: LiveSession, request: RequestMessage, held: Held): Call {
  const { session } = seat
  return {
    id: request.id,
    method: request.method,
    params: request.params,
    client: session.speaker,
    principal: session.principal,
    session: session.id,
    fairnessKey: session.id,
    clientKey: session.id,
    progressToken: progressTokenOf(request.params),
    logLevel: session.logLevel,
    process: undefined,
    ...held,
  }
}

async function* subscribe(seat: LiveSession, call: Call, house: GatewayServices): Reply {
  if (seat.session.uris.length >= maxUris) {
    throw new Refusal('invalid_params', { message: `A session may subscribe to at most ${maxUris} resources.` })
  }
  const uri = uriOf(call.params)
  // Before the server knows of it, which would not forget it again.
  if (call.memory) keep(call.memory, bytesOfUri(uri))
  const outcome: Outcome = yield* runCall(call, house)
  call.memory?.release(bytesOfUri(uri))
  if (outcome.answer.kind === 'result') {
    if (!seat.session.uris.includes(uri)) await house.sessions.change(seat, { uris: [...seat.session.uris, uri] })
    await house.listeners.refilter(seat)
  }
  return outcome
}

/** A notification or an answer of the client. Whatever it says, the reply is 202: nobody waits for more. */
export async function handleClientMessage(
  seat: LiveSession,
  message: NotificationMessage | ResponseMessage,
  house: GatewayServices,
): Promise<void> {
  if (message.kind === 'response') {
    if (message.id !== undefined) house.asks.answer(seat, message.id, message.answer)
    return
  }
  switch (message.method) {
    case 'notifications/initialized':
      if (!seat.session.ready) await house.sessions.change(seat, { ready: true })
      return
    case 'notifications/cancelled': {
      const id = message.params && memberText(message.params.text, 'requestId')
      if (id !== undefined) callById(seat, idKey(id))?.cancel('cancelled by the client')
      return
    }
    default:
      house.upstream.tell(seatOf(seat), message.method, message.params)
  }
}

/** The event stream of a session: a new one, or one that goes on after the last event that the client saw. */
export async function openStream(seat: LiveSession, inbound: Inbound, house: GatewayServices): Promise<Outbound> {
  const last = header(inbound, 'last-event-id') ?? ''
  // Whoever comes back for what was in flight gets it.
  if (house.inflight.draining && last === '') throw new Refusal('draining')
  const { version } = seat.session.speaker
  if (last === '') await house.listeners.attach(seat)
  const body =
    last === ''
      ? await house.streams.listen(seat, hasPrimingEvent(version), inbound.closed)
      : await house.streams.resume(seat, last, inbound.closed)
  return { status: 200, headers: sseHeaders, body }
}

/** The client has no more use for its session. */
export async function endSession(seat: LiveSession, house: GatewayServices): Promise<Outbound> {
  await house.sessions.end(seat, 'client')
  return { status: 200, headers: {}, body: '' }
}
