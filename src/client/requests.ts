/**
 * Runs requests of the client: sends each one, resumes its stream after a cut as far as the server allows, and always
 * answers it. A request that may have run is not sent again unless it is idempotent: the client gets `connection_lost`.
 *
 * The client is at the pipes, mcplex stands in between, and the server is the gateway in this process or a remote endpoint.
 */
import { pauseUnless } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import { refusals } from '../base/refusals.ts'
import type { Outbound } from '../protocol/inbound.ts'
import { editObject } from '../protocol/json-text.ts'
import { requestText, type RequestMessage, responseText } from '../protocol/jsonrpc.ts'
import { answerable, errorAnswerOf } from '../protocol/error-response.ts'
import { standaloneHeaders } from '../protocol/request-headers.ts'
import type { ClientContext } from './client-context.ts'
import type { ClientMessage, ExpectedResponse } from './client-message.ts'
import { deliver, type DeliveryContext, type OnAnswer } from './deliver.ts'
import { answerTo } from './own-request.ts'
import { retryPauseMs } from './retry-pause.ts'
import { send } from './send.ts'
import type { OpenSession } from './session.ts'
import { headerOf, isForgotten, isStream, takeAnswer, takeStream } from './response-reader.ts'

/** How often the session of one message may be lost before the message fails. */
const maxLosses = 3

/** Answers all open requests of a message that failed, with an error. */
export async function failUnanswered(
  clientMessage: ClientMessage,
  error: unknown,
  delivery: DeliveryContext,
): Promise<void> {
  const { context } = delivery
  const refusal = answerable(error, context.log)
  for (const one of clientMessage.expected) {
    if (one.state !== 'awaited' || clientMessage.state === 'closed') continue
    one.answer()
    await context.writeOwn(responseText(one.request.id, errorAnswerOf(refusal)))
  }
}

/** Opens the session of the client by its `initialize` request. Throws a `Refusal`. */
export async function runOpening(
  clientMessage: ClientMessage,
  initialize: RequestMessage,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, session } = delivery
  const done = session.beginOpening()
  try {
    const deadlineMs = context.clock.now() + context.waitMs
    const outbound = await send(outgoingRequestOf(clientMessage, {}, deadlineMs, true), context)
    await take(outbound, clientMessage, delivery, (_, { answer }) => {
      if (answer.kind === 'result')
        session.opened(initialize.params, headerOf(outbound, 'mcp-session-id'), answer.result)
      return 'deliver'
    })
    if (clientMessage.isAwaited) throw new Refusal('connection_lost')
  } finally {
    done()
  }
}

/** Runs a request of the session, or a batch. Throws a `Refusal`. */
export async function runInSession(clientMessage: ClientMessage, delivery: DeliveryContext): Promise<void> {
  const { context } = delivery
  const deadlineMs = context.clock.now() + context.waitMs
  for (let failures = 1; ; failures++) {
    const { session, outbound } = await sendInSession(clientMessage, deadlineMs, delivery)
    await take(outbound, clientMessage, delivery)
    if (clientMessage.isAwaited) await resume(clientMessage, session, delivery)
    if (!clientMessage.isAwaited) return
    await pauseBeforeRetry(clientMessage, failures, deadlineMs, context)
  }
}

/** Sends a message of the session. If the server has forgotten the session, sends it again in the renewed one. */
export async function sendInSession(
  clientMessage: ClientMessage,
  deadlineMs: number,
  delivery: DeliveryContext,
): Promise<{ session: OpenSession; outbound: Outbound }> {
  const { context, session } = delivery
  for (let losses = 0; ; losses++) {
    const openSession = await session.current(clientMessage.isHandshake)
    const outbound = await send(
      outgoingRequestOf(clientMessage, openSession.headers, deadlineMs, clientMessage.isIdempotent),
      context,
    )
    if (!isForgotten(outbound) || openSession.id === undefined || losses >= maxLosses)
      return { session: openSession, outbound }
    clientMessage.wasNotRun()
    session.lost(openSession)
  }
}

/** Runs a request without a session. Throws a `Refusal`. */
export async function runAlone(
  clientMessage: ClientMessage,
  expected: ExpectedResponse,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, paramHeaders } = delivery
  const deadlineMs = context.clock.now() + context.waitMs
  let hasLearnedTool = false
  for (let failures = 1; ; failures++) {
    let isRefused = false
    const headers = standaloneHeaders(expected.request, paramHeaders.of(expected.request))
    const outbound = await send(
      outgoingRequestOf(clientMessage, headers, deadlineMs, clientMessage.isIdempotent),
      context,
    )
    await take(outbound, clientMessage, delivery, (_, { answer }) => {
      // [2026-07-28 transports, custom headers] the server wants arguments mirrored that are not known here
      isRefused =
        !hasLearnedTool && answer.kind === 'error' && answer.error.value['code'] === refusals.header_mismatch.rpc
      return isRefused ? 'withhold' : 'deliver'
    })
    if (!clientMessage.isAwaited) return
    if (isRefused) {
      hasLearnedTool = true
      await learnTool(expected.request, clientMessage, delivery)
    } else await pauseBeforeRetry(clientMessage, failures, deadlineMs, context)
  }
}

/**
 * Waits before a message whose answer was lost is sent again. Throws `connection_lost` if that could do harm, or it is
 * too late.
 */
async function pauseBeforeRetry(
  clientMessage: ClientMessage,
  failures: number,
  deadlineMs: number,
  context: ClientContext,
): Promise<void> {
  const waitMs = retryPauseMs(failures)
  if (!clientMessage.isIdempotent || context.leaving.cancelled || context.clock.now() + waitMs > deadlineMs)
    throw new Refusal('connection_lost')
  await pauseUnless([clientMessage.closed, context.leaving], context.clock, waitMs)
}

const maxPages = 100

/** Lists the tools as the client of the call would, to learn the mirrored arguments of the tool. */
async function learnTool(
  call: RequestMessage,
  clientMessage: ClientMessage,
  { context, paramHeaders }: DeliveryContext,
): Promise<void> {
  const meta = call.params && editObject(call.params, onlyMeta(call))
  let cursor: string | undefined
  for (let page = 0; page < maxPages && meta; page++) {
    const params = cursor === undefined ? meta : editObject(meta, { cursor })
    const list: RequestMessage = { kind: 'request', id: '"mcplex-tools"', method: 'tools/list', params }
    const text = requestText(list.id, list.method, list.params)
    const { closed } = clientMessage
    const deadlineMs = context.clock.now() + context.waitMs
    const headers = standaloneHeaders(list, [])
    const outbound = await send({ method: 'POST', headers, text, closed, isIdempotent: true, deadlineMs }, context)
    const answer = await answerTo(list.id, outbound, context)
    if (answer?.kind !== 'result') return
    paramHeaders.learn(answer.result)
    const next = answer.result.value['nextCursor']
    if (typeof next !== 'string' || next === cursor || paramHeaders.of(call).length > 0) return
    cursor = next
  }
}

function onlyMeta(call: RequestMessage): Record<string, undefined> {
  const members = Object.keys(call.params?.value ?? {}).filter((key) => key !== '_meta')
  return Object.fromEntries(members.map((key) => [key, undefined]))
}

/** Resumes the stream of a message after cuts, as long as the session lasts and the server keeps the events. */
async function resume(
  clientMessage: ClientMessage,
  openSession: OpenSession,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, session } = delivery
  // The first resume is made at once. There is a pause before each later one, which grows as long as no event comes.
  for (let failures = 0; clientMessage.isAwaited && clientMessage.lastEventId !== undefined; failures++) {
    const waitMs = Math.max(failures === 0 ? 0 : retryPauseMs(failures), clientMessage.retryMs ?? 0)
    await pauseUnless([clientMessage.closed, openSession.over, context.leaving], context.clock, waitMs)
    if (openSession.over.cancelled) throw new Refusal('connection_lost')
    const headers = { ...openSession.headers, 'last-event-id': clientMessage.lastEventId }
    const { closed } = clientMessage
    const outgoing = {
      method: 'GET',
      headers,
      closed,
      isIdempotent: true,
      deadlineMs: context.clock.now() + context.waitMs,
    } as const
    const outbound = await send(outgoing, context).catch((error: unknown) => {
      // The message itself was sent before, so the failure of this attempt does not make it unsent.
      throw clientMessage.closed.cancelled ? error : new Refusal('connection_lost')
    })
    if (outbound.status === 404 && openSession.id !== undefined) session.lost(openSession)
    if (outbound.status !== 200 || !isStream(outbound)) throw new Refusal('connection_lost')
    const count = await takeStream(outbound, clientMessage, (text) => deliver(text, clientMessage, delivery), context)
    if (count > 0) failures = 0
  }
}

function take(
  outbound: Outbound,
  clientMessage: ClientMessage,
  delivery: DeliveryContext,
  onAnswer?: OnAnswer,
): Promise<void> {
  return takeAnswer(
    outbound,
    clientMessage,
    (text) => deliver(text, clientMessage, delivery, onAnswer),
    delivery.context,
  )
}

function outgoingRequestOf(
  clientMessage: ClientMessage,
  headers: Readonly<Record<string, string>>,
  deadlineMs: number,
  isIdempotent: boolean,
): Parameters<typeof send>[0] {
  return {
    method: 'POST',
    headers,
    text: clientMessage.text,
    closed: clientMessage.closed,
    isIdempotent,
    deadlineMs,
    onAttempt: (mayHaveArrived) => clientMessage.attempted(mayHaveArrived),
  }
}
