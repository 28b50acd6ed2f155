/**
 * Runs requests of the client: sends each one, resumes its stream after a cut as far as the server allows, and always
 * answers it. A request that may have run is not sent again unless it is idempotent: the client gets `connection_lost`.
 */
import { pauseUnless } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Outbound } from '../protocol/inbound.ts'
import { editObject } from '../protocol/json-text.ts'
import { requestText, type RequestMessage, responseText } from '../protocol/jsonrpc.ts'
import { answerable, errorAnswerOf } from '../protocol/error-response.ts'
import { standaloneHeaders } from '../protocol/request-headers.ts'
import { type ClientContext, type SentMessage, isAwaited, type ExpectedResponse } from './client-context.ts'
import { deliver, type DeliveryContext, type OnAnswer } from './deliver.ts'
import { answerTo } from './own-request.ts'
import { backOffMs } from '../base/backoff.ts'
import { send } from './send.ts'
import type { OpenSession } from './session.ts'
import { headerOf, isForgotten, isStream, takeAnswer, takeStream } from './response-reader.ts'

/** Methods that may run twice without harm. */
const idempotent = new Set([
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

/** How often the session of one message may be lost before the message fails. */
const maxLosses = 3

/** Answers all open requests of a message that failed, with an error. */
export async function answerAll(sent: SentMessage, error: unknown, delivery: DeliveryContext): Promise<void> {
  const { context } = delivery
  const refusal = answerable(error, context.log)
  for (const one of sent.expected) {
    if (one.isAnswered || one.isCancelled || sent.closed.cancelled) continue
    one.isAnswered = true
    await context.writeOwn(responseText(one.request.id, errorAnswerOf(refusal)))
  }
}

/** Whether all requests of a message may run twice without harm. */
export function isIdempotent(sent: SentMessage): boolean {
  return sent.expected.every((one) => idempotent.has(one.request.method))
}

/** Opens the session of the client by its `initialize` request. Throws a `Refusal`. */
export async function runOpening(
  sent: SentMessage,
  initialize: RequestMessage,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, session } = delivery
  const done = session.beginOpening()
  try {
    const deadlineMs = context.clock.now() + context.waitMs
    const outbound = await send(outgoingRequestOf(sent, {}, deadlineMs, true), context)
    await take(outbound, sent, delivery, (_, { answer }) => {
      if (answer.kind === 'result')
        session.opened(initialize.params, headerOf(outbound, 'mcp-session-id'), answer.result)
      return true
    })
    if (isAwaited(sent)) throw new Refusal('connection_lost')
  } finally {
    done()
  }
}

/** Runs a request of the session, or a batch. Throws a `Refusal`. */
export async function runInSession(sent: SentMessage, delivery: DeliveryContext): Promise<void> {
  const { context } = delivery
  const deadlineMs = context.clock.now() + context.waitMs
  for (let failures = 1; ; failures++) {
    const { session, outbound } = await sendInSession(sent, deadlineMs, delivery)
    await take(outbound, sent, delivery)
    if (isAwaited(sent)) await resume(sent, session, delivery)
    if (!isAwaited(sent)) return
    await pauseBeforeRetry(sent, failures, deadlineMs, context)
  }
}

/** Sends a message of the session. If the server has forgotten the session, sends it again in the renewed one. */
export async function sendInSession(
  sent: SentMessage,
  deadlineMs: number,
  delivery: DeliveryContext,
): Promise<{ session: OpenSession; outbound: Outbound }> {
  const { context, session } = delivery
  for (let losses = 0; ; losses++) {
    const openSession = await session.current(sent.isHandshake)
    const outbound = await send(outgoingRequestOf(sent, openSession.headers, deadlineMs, isIdempotent(sent)), context)
    if (!isForgotten(outbound) || openSession.id === undefined || losses >= maxLosses)
      return { session: openSession, outbound }
    sent.isSent = false
    session.lost(openSession)
  }
}

/** Runs a request without a session. Throws a `Refusal`. */
export async function runAlone(
  sent: SentMessage,
  expected: ExpectedResponse,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, paramHeaders } = delivery
  const deadlineMs = context.clock.now() + context.waitMs
  let isMirrored = false
  for (let failures = 1; ; failures++) {
    let isRefused = false
    const headers = standaloneHeaders(expected.request, paramHeaders.of(expected.request))
    const outbound = await send(outgoingRequestOf(sent, headers, deadlineMs, isIdempotent(sent)), context)
    await take(outbound, sent, delivery, (_, { answer }) => {
      // [2026-07-28 transports, custom headers] the server wants arguments mirrored that are not known here
      isRefused = !isMirrored && answer.kind === 'error' && answer.error.value['code'] === headerMismatch
      return !isRefused
    })
    if (!isAwaited(sent)) return
    if (isRefused) {
      isMirrored = true
      await learnTool(expected.request, sent, delivery)
    } else await pauseBeforeRetry(sent, failures, deadlineMs, context)
  }
}

/**
 * Waits before a message whose answer was lost is sent again. Throws `connection_lost` if that could do harm, or it is
 * too late.
 */
async function pauseBeforeRetry(
  sent: SentMessage,
  failures: number,
  deadlineMs: number,
  context: ClientContext,
): Promise<void> {
  const waitMs = backOffMs(failures)
  if (!isIdempotent(sent) || context.leaving.cancelled || context.clock.now() + waitMs > deadlineMs)
    throw new Refusal('connection_lost')
  await pauseUnless([sent.closed, context.leaving], context.clock, waitMs)
}

const headerMismatch = -32020
const maxPages = 100

/** Lists the tools as the client of the call would, to learn the mirrored arguments of the tool. */
async function learnTool(
  call: RequestMessage,
  sent: SentMessage,
  { context, paramHeaders }: DeliveryContext,
): Promise<void> {
  const meta = call.params && editObject(call.params, onlyMeta(call))
  let cursor: string | undefined
  for (let page = 0; page < maxPages && meta; page++) {
    const params = cursor === undefined ? meta : editObject(meta, { cursor })
    const list: RequestMessage = { kind: 'request', id: '"mcplex-tools"', method: 'tools/list', params }
    const text = requestText(list.id, list.method, list.params)
    const { closed } = sent
    const deadlineMs = context.clock.now() + context.waitMs
    const headers = standaloneHeaders(list, [])
    const outbound = await send({ method: 'POST', headers, text, closed, isRepeatable: true, deadlineMs }, context)
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
async function resume(sent: SentMessage, openSession: OpenSession, delivery: DeliveryContext): Promise<void> {
  const { context, session } = delivery
  let isFirst = true
  for (let failures = 0; isAwaited(sent) && sent.lastEventId !== undefined; failures++) {
    const waitMs = Math.max(isFirst ? 0 : backOffMs(failures), sent.retryMs ?? 0)
    isFirst = false
    await pauseUnless([sent.closed, openSession.over, context.leaving], context.clock, waitMs)
    if (openSession.over.cancelled) throw new Refusal('connection_lost')
    const headers = { ...openSession.headers, 'last-event-id': sent.lastEventId }
    const { closed } = sent
    const outgoing = {
      method: 'GET',
      headers,
      closed,
      isRepeatable: true,
      deadlineMs: context.clock.now() + context.waitMs,
    } as const
    const outbound = await send(outgoing, context).catch((error: unknown) => {
      // The message itself was sent before, so the failure of this attempt does not make it unsent.
      throw sent.closed.cancelled ? error : new Refusal('connection_lost')
    })
    if (outbound.status === 404 && openSession.id !== undefined) session.lost(openSession)
    if (outbound.status !== 200 || !isStream(outbound)) throw new Refusal('connection_lost')
    const count = await takeStream(outbound, sent, (text) => deliver(text, sent, delivery), context)
    if (count > 0) failures = 0
  }
}

function take(outbound: Outbound, sent: SentMessage, delivery: DeliveryContext, onAnswer?: OnAnswer): Promise<void> {
  return takeAnswer(outbound, sent, (text) => deliver(text, sent, delivery, onAnswer), delivery.context)
}

function outgoingRequestOf(
  sent: SentMessage,
  headers: Readonly<Record<string, string>>,
  deadlineMs: number,
  isRepeatable: boolean,
): Parameters<typeof send>[0] {
  return {
    method: 'POST',
    headers,
    text: sent.text,
    closed: sent.closed,
    isRepeatable,
    deadlineMs,
    onSent: (isSent) => void (sent.isSent = isSent),
  }
}
