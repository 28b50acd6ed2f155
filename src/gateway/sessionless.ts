/**
 * Clients without sessions: each request stands for itself, and its answer lives as long as its connection.
 * The checks and the wording are protocol/modern-server.ts. [2026-07-28 basic; transports; multi round-trip requests]
 */
import { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'
import type { Lease } from '../base/lease.ts'
import type { Call, Outcome, Principal, Reply, Seat, Update } from '../protocol/call.ts'
import { headerMatches } from '../protocol/headers.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import { editObject, type JsonObject } from '../protocol/json-text.ts'
import {
  type Answer,
  errorAnswer,
  type Message,
  notificationText,
  type RequestMessage,
  responseText,
} from '../protocol/jsonrpc.ts'
import { discoverResult, type Envelope, readEnvelope, statusOf, wordAnswer } from '../protocol/modern-server.ts'
import { checkParams } from '../protocol/params.ts'
import { answerable, refusalAnswer, refusalOutbound } from '../protocol/refusal-answer.ts'
import { sseComment, sseHeaders, sseMessage } from '../protocol/sse.ts'
import { jsonHeaders } from './carry.ts'
import type { House } from './house.ts'
import { listen } from './listen.ts'
import { answerList } from './lists.ts'
import { firstOf } from './patience.ts'
import { serve } from './serve.ts'
import { serverInfoOf } from './server-info.ts'

const empty: Outbound = { status: 202, headers: {}, body: '' }

/** Methods that may ask the client for input and go on in another request. */
const multiRound = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** One message of a client without a session. Throws a `Refusal` for what is no request. */
export async function answerOne(
  message: Message,
  inbound: Inbound,
  principal: Principal,
  house: House,
): Promise<Outbound> {
  // [2026-07-28 basic] clients send no responses; notifications are accepted and mean nothing over HTTP
  if (message.kind === 'response') throw new Refusal('invalid_request')
  if (message.kind === 'notification') return empty
  try {
    return await request(message, inbound, principal, house)
  } catch (error) {
    const refusal = answerable(error, house.log)
    if (refusal.code !== 'cancelled') house.events.emit('refused', { code: refusal.code, tenant: principal.tenant })
    return refused(refusal, message)
  }
}

/** A refusal in this era's words: a method that is not there is a page that is not there. */
function refused(refusal: Refusal, message: RequestMessage): Outbound {
  if (refusal.code === 'cancelled') return empty
  const outbound = refusalOutbound(refusal, message.id)
  return outbound.status === 200 ? { ...outbound, status: statusOf(refusalAnswer(refusal)) } : outbound
}

async function request(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  house: House,
): Promise<Outbound> {
  const envelope = readEnvelope(
    message,
    {
      version: header(inbound, 'mcp-protocol-version'),
      method: header(inbound, 'mcp-method'),
      name: header(inbound, 'mcp-name'),
    },
    house.extensions,
  )
  const seat: Seat = { principal, speaker: envelope.speaker, session: undefined }
  if (house.inflight.draining) throw new Refusal('draining')
  if (house.catalog.isList(message.method)) return list(seat, message, house)
  if (message.method === 'server/discover') return discovered(seat, message, house)
  if (message.method === 'tools/call' && house.catalog.mirrorsHeaders)
    await checkMirrored(seat, message, inbound, house)

  const place = house.admission.take() ?? (await house.admission.wait(inbound.connection, inbound.closed))
  if (message.method === 'subscriptions/listen') return listen(seat, message, place, inbound, house)
  return run(message, envelope, place, inbound, principal, house)
}

async function list(seat: Seat, message: RequestMessage, house: House): Promise<Outbound> {
  const { text, status } = await answerList(seat, message, house)
  return { status, headers: jsonHeaders, body: text }
}

async function discovered(seat: Seat, message: RequestMessage, house: House): Promise<Outbound> {
  const hello = await house.catalog.hello(seat)
  const result = discoverResult(hello, serverInfoOf(hello))
  return { status: 200, headers: jsonHeaders, body: responseText(message.id, { kind: 'result', result }) }
}

/** [2026-07-28 transports, custom headers] what is mirrored must say the same as the body */
async function checkMirrored(seat: Seat, message: RequestMessage, inbound: Inbound, house: House): Promise<void> {
  const params = message.params?.value ?? {}
  const tool = params['name']
  if (typeof tool !== 'string') return
  for (const param of await house.catalog.mirrored(seat, tool)) {
    if (!headerMatches(param, params['arguments'], header(inbound, param.header))) {
      throw new Refusal('header_mismatch', { message: 'A Mcp-Param header does not match the arguments.' })
    }
  }
}

async function run(
  message: RequestMessage,
  envelope: Envelope,
  place: Lease,
  inbound: Inbound,
  principal: Principal,
  house: House,
): Promise<Outbound> {
  const cancel = new Cancel()
  const leave = house.inflight.enter(cancel)
  const over = (): void => {
    leave()
    place.release()
  }
  let streaming = false
  try {
    const call = callOf(message, envelope, cancel, inbound, principal, house)
    // Closing the connection is cancelling. [2026-07-28 transports, cancellation]
    inbound.closed.onCancel(() => cancel.cancel('the client closed the connection'))
    const reply = serve(call, house)
    const first = await firstOf(reply, house.pulse)
    if (first.kind === 'failed') throw first.error
    if (first.kind === 'outcome') {
      const { outcome } = first
      const info = speaksSame(call, outcome) ? undefined : await infoFor(call, house)
      const answer = worded(call, outcome, info, house)
      return { status: statusOf(answer), headers: jsonHeaders, body: responseText(message.id, answer) }
    }
    streaming = true
    return { status: 200, headers: sseHeaders, body: stream(call, reply, first.next, over, house) }
  } finally {
    if (!streaming) over()
  }
}

function callOf(
  message: RequestMessage,
  envelope: Envelope,
  cancel: Cancel,
  inbound: Inbound,
  principal: Principal,
  house: House,
): Call {
  checkParams(message.method, message.params)
  let { params } = message
  let process: number | undefined
  const state = params?.value['requestState']
  if (params && state !== undefined && multiRound.has(message.method)) {
    if (typeof state !== 'string')
      throw new Refusal('invalid_params', { message: 'The requestState must be a string.' })
    const opened = house.seal.open(state, principal, message.method, params.value)
    process = opened.process
    params = editObject(params, { requestState: opened.state })
  }
  return {
    id: message.id,
    method: message.method,
    params,
    speaker: envelope.speaker,
    principal,
    session: undefined,
    client: inbound.connection,
    progressToken: envelope.progressToken,
    logLevel: envelope.logLevel,
    process,
    cancel,
  }
}

/** The answer in this era's words, with the server's `requestState` sealed for the way through the client. */
function worded(call: Call, outcome: Outcome, info: JsonObject | undefined, house: House): Answer {
  const answer = wordAnswer(call.method, outcome, info)
  if (answer.kind === 'error') return answer
  const { resultType, requestState } = answer.result.value
  if (resultType !== 'input_required' || typeof requestState !== 'string') return answer
  const sealed = house.seal.close(requestState, outcome.process, call.principal, call.method, call.params?.value ?? {})
  return { kind: 'result', result: editObject(answer.result, { requestState: sealed }) }
}

function speaksSame(call: Call, outcome: Outcome): boolean {
  return outcome.spoken === call.speaker.era
}

/** Who the server says it is, where its answers do not say so themselves. */
async function infoFor(call: Call, house: House): Promise<JsonObject | undefined> {
  return serverInfoOf(await house.catalog.hello(call))
}

/** Pulled by the client's connection, so that a slow reader slows its own call; ends with it. */
async function* stream(
  call: Call,
  reply: Reply,
  first: Promise<IteratorResult<Update, Outcome>>,
  over: () => void,
  house: House,
): AsyncGenerator<string> {
  let next: Promise<IteratorResult<Update, Outcome>> | undefined = first
  try {
    for (;;) {
      next ??= reply.next()
      const step = await orQuiet(next, house)
      if (step === 'quiet') {
        yield sseComment
        continue
      }
      next = undefined
      if (step.done === true) {
        yield sseMessage(
          responseText(
            call.id,
            worded(call, step.value, speaksSame(call, step.value) ? undefined : await infoFor(call, house), house),
          ),
        )
        return
      }
      if (step.value.kind === 'ask') {
        step.value.answer(errorAnswer(-32601, 'The client cannot be asked in its protocol revision'))
        throw new Refusal('not_bridged')
      }
      yield sseMessage(notificationText(step.value.method, step.value.params))
    }
  } catch (error) {
    const refusal = answerable(error, house.log)
    if (refusal.code !== 'cancelled') yield sseMessage(responseText(call.id, refusalAnswer(refusal)))
  } finally {
    // In this order: a return() alone would wait behind the step that is pending.
    call.cancel.cancel('the client closed the stream')
    next?.catch(() => undefined)
    reply.return(undefined as never).catch(() => undefined)
    over()
  }
}

/** The next step, or word that nothing has come for a while. */
function orQuiet<Step>(next: Promise<Step>, house: House): Promise<Step | 'quiet'> {
  return new Promise((resolve, reject) => {
    const stop = house.pulse.after(house.sessionSettings.keepAliveMs, () => resolve('quiet'))
    next.then(
      (step) => {
        stop()
        resolve(step)
      },
      (error: unknown) => {
        stop()
        reject(error)
      },
    )
  })
}
