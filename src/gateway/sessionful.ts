/**
 * Clients with sessions: what each message of theirs means here. The wording is protocol/legacy-server.ts, the
 * streams are sessions/streams.ts, the calls go to serve.ts. [2025-11-25 lifecycle; transports]
 */
import { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'
import { type Call, type Outcome, type Principal, progressTokenOf, type Reply } from '../protocol/call.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import { isObject, memberText, type RawObject, rawObject } from '../protocol/json-text.ts'
import {
  type Answer,
  idKey,
  type Message,
  notificationText,
  type NotificationMessage,
  type RequestMessage,
  responseText,
} from '../protocol/jsonrpc.ts'
import {
  checkVersionHeader,
  initializeResult,
  outcomeIn,
  localAnswer,
  readInitialize,
} from '../protocol/legacy-server.ts'
import { checkParams } from '../protocol/params.ts'
import { answerable, refusalAnswer } from '../protocol/refusal-answer.ts'
import { hasPrimingEvent, logLevels } from '../protocol/revisions.ts'
import { sseHeaders } from '../protocol/sse.ts'
import { callUnder, noteCall, type SessionSeat } from '../sessions/sessions.ts'
import { carry, type Carried, jsonHeaders } from './carry.ts'
import type { House } from './house.ts'
import { listText } from './lists.ts'
import { seatOf } from './listeners.ts'
import { serve } from './serve.ts'

const accepted: Outbound = { status: 202, headers: {}, body: '' }

/** The session that a request names. Throws `session_required` or `session_unknown`. */
export async function sessionOf(inbound: Inbound, principal: Principal, house: House): Promise<SessionSeat> {
  checkVersionHeader(header(inbound, 'mcp-protocol-version'))
  const id = header(inbound, 'mcp-session-id')
  if (id === undefined) throw new Refusal('session_required')
  const seat = await house.sessions.find(principal, id)
  if (!seat) throw new Refusal('session_unknown')
  return seat
}

/** Opens a session. Throws `overloaded` when there is no place for another client in time. */
export async function initialize(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  house: House,
): Promise<Outbound> {
  if (header(inbound, 'mcp-session-id') !== undefined) {
    await sessionOf(inbound, principal, house)
    throw new Refusal('already_initialized')
  }
  if (house.inflight.draining) throw new Refusal('draining')
  const speaker = readInitialize(message.params)
  const place = house.admission.take() ?? (await house.admission.wait(inbound.connection, inbound.closed))
  try {
    const hello = await house.catalog.hello({ principal, speaker, session: '' })
    const seat = await house.sessions.open(principal, speaker, place)
    seat.atEnd.push(() => {
      house.upstream.endSession(seatOf(seat))
      house.streams.forget(seat)
    })
    const body = responseText(message.id, initializeResult(hello, speaker))
    return { status: 200, headers: { ...jsonHeaders, 'Mcp-Session-Id': seat.session.id }, body }
  } catch (error) {
    place.release()
    throw error
  }
}

/** One message or a batch of a session. */
export async function receive(
  seat: SessionSeat,
  messages: readonly Message[],
  batch: boolean,
  inbound: Inbound,
  house: House,
): Promise<Outbound> {
  const requests: RequestMessage[] = []
  for (const message of messages) {
    if (message.kind === 'request') requests.push(message)
    else if (message.kind === 'notification') await heed(seat, message, house)
    else if (message.id !== undefined) house.asks.answer(seat, message.id, message.answer)
  }
  if (requests.length === 0) return accepted
  if (!seat.session.ready) await house.sessions.change(seat, { ready: true })
  const only = requests[0]
  if (!batch && only) {
    const answer = await answerHere(seat, only, house)
    if (answer !== undefined) return { status: 200, headers: jsonHeaders, body: answer }
  }
  if (seat.calls.length + requests.length > house.gates.callsPerSession) throw new Refusal('too_many_calls')
  if (house.inflight.draining) throw new Refusal('draining')
  await house.listeners.attach(seat)
  return carry(
    seat,
    requests.map((request) => begin(seat, request, batch, house)),
    batch,
    inbound,
    house,
  )
}

/** The text of an answer that needs no call. In a batch the same goes through `begin`. */
async function answerHere(seat: SessionSeat, request: RequestMessage, house: House): Promise<string | undefined> {
  try {
    if (house.catalog.isList(request.method)) return await listText(seatOf(seat), request, house)
    const answer = await localAnswerOf(seat, request, house)
    return answer && responseText(request.id, answer)
  } catch (error) {
    const refusal = answerable(error, house.log)
    if (refusal.row.status !== 200) throw refusal
    return responseText(request.id, refusalAnswer(refusal))
  }
}

async function localAnswerOf(seat: SessionSeat, request: RequestMessage, house: House): Promise<Answer | undefined> {
  switch (request.method) {
    case 'logging/setLevel': {
      const level = request.params?.value['level']
      if (typeof level !== 'string' || !logLevels.includes(level)) throw new Refusal('invalid_params')
      const hello = await house.catalog.hello(seatOf(seat))
      const capabilities = hello.value['capabilities']
      if (!isObject(capabilities) || !isObject(capabilities['logging'])) throw new Refusal('method_not_found')
      await house.sessions.change(seat, { logLevel: level })
      return { kind: 'result', result: rawObject({}) }
    }
    case 'resources/unsubscribe': {
      const uri = uriOf(request.params)
      await house.sessions.change(seat, { uris: seat.session.uris.filter((known) => known !== uri) })
      await house.listeners.refilter(seat)
      return { kind: 'result', result: rawObject({}) }
    }
    default:
      return localAnswer(request)
  }
}

function begin(seat: SessionSeat, request: RequestMessage, batch: boolean, house: House): Carried {
  const cancel = new Cancel()
  const reply = batch ? replyInBatch(seat, request, cancel, house) : replyTo(seat, request, cancel, house)
  const forget = noteCall(seat, idKey(request.id), cancel)
  const leave = house.inflight.enter(cancel)
  const over = (): void => {
    seat.seenMs = house.clock.now()
    forget()
    leave()
  }
  return { id: request.id, reply, over }
}

async function* replyInBatch(seat: SessionSeat, request: RequestMessage, cancel: Cancel, house: House): Reply {
  const answer = await answerHere(seat, request, house)
  if (answer === undefined) return yield* replyTo(seat, request, cancel, house)
  return outcomeIn(answer)
}

/** Not a generator itself: each one that a reply passes through costs every call. */
function replyTo(seat: SessionSeat, request: RequestMessage, cancel: Cancel, house: House): Reply {
  checkParams(request.method, request.params)
  const call = callOf(seat, request, cancel)
  return request.method === 'resources/subscribe' ? subscribe(seat, call, house) : serve(call, house)
}

function callOf(seat: SessionSeat, request: RequestMessage, cancel: Cancel): Call {
  const { session } = seat
  return {
    id: request.id,
    method: request.method,
    params: request.params,
    speaker: session.speaker,
    principal: session.principal,
    session: session.id,
    client: session.id,
    progressToken: progressTokenOf(request.params),
    logLevel: session.logLevel,
    process: undefined,
    cancel,
  }
}

async function* subscribe(seat: SessionSeat, call: Call, house: House): Reply {
  const outcome: Outcome = yield* serve(call, house)
  if (outcome.answer.kind === 'result') {
    const uri = uriOf(call.params)
    if (!seat.session.uris.includes(uri)) await house.sessions.change(seat, { uris: [...seat.session.uris, uri] })
    await house.listeners.refilter(seat)
  }
  return outcome
}

/** A notification of the client. Whatever it says, the answer is 202: nobody waits for more. */
async function heed(seat: SessionSeat, message: NotificationMessage, house: House): Promise<void> {
  switch (message.method) {
    case 'notifications/initialized':
      if (!seat.session.ready) await house.sessions.change(seat, { ready: true })
      return
    case 'notifications/cancelled': {
      const id = message.params && memberText(message.params.text, 'requestId')
      if (id !== undefined) callUnder(seat, idKey(id))?.cancel('cancelled by the client')
      return
    }
    default:
      house.upstream.tell(seatOf(seat), message.method, message.params)
  }
}

/** The event stream of a session: a new one, or one that goes on after the last event that the client saw. */
export async function openStream(seat: SessionSeat, inbound: Inbound, house: House): Promise<Outbound> {
  const last = header(inbound, 'last-event-id')
  // Whoever comes back for what was in flight gets it.
  if (house.inflight.draining && !last) throw new Refusal('draining')
  const { version } = seat.session.speaker
  if (last === undefined || last === '') await house.listeners.attach(seat)
  const body =
    last === undefined || last === ''
      ? await house.streams.listen(seat, hasPrimingEvent(version), inbound.closed)
      : await house.streams.resume(seat, last, inbound.closed)
  return { status: 200, headers: sseHeaders, body }
}

/** The client has no more use for its session. */
export async function endSession(seat: SessionSeat, house: House): Promise<Outbound> {
  await house.sessions.end(seat, 'client')
  return { status: 200, headers: {}, body: '' }
}

/** What a reader is told whose events are gone: the end of its call if it waits for one, else a message of its own. */
export function expiredText(request: string | undefined): string {
  const refusal = refusalAnswer(new Refusal('events_expired'))
  if (request !== undefined) return responseText(request, refusal)
  const data = {
    level: 'warning',
    logger: 'mcplex',
    data: 'Events of this stream were lost: read lists and resources again.',
  }
  return notificationText('notifications/message', rawObject({ ...data, _meta: { reason: 'events_expired' } }))
}

function uriOf(params: RawObject | undefined): string {
  const uri = params?.value['uri']
  if (typeof uri !== 'string') throw new Refusal('invalid_params', { message: 'The parameter uri must be a string.' })
  return uri
}
