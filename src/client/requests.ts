/**
 * The way of a request from its sending to its end: sent once, followed through cut streams as far as the server lets
 * us, and answered in any case. What may have run is told as that, and never run again by us.
 */
import { pauseUnless } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Outbound } from '../protocol/inbound.ts'
import { editObject } from '../protocol/json-text.ts'
import { requestText, type RequestMessage, responseText } from '../protocol/jsonrpc.ts'
import { answerable, errorAnswerOf } from '../protocol/error-response.ts'
import { standaloneHeaders } from '../protocol/request-headers.ts'
import { type ClientContext, type SentMessage, isSessionOpen, type ExpectedResponse } from './client-context.ts'
import { deliver, type DeliveryContext, type OnAnswer } from './deliver.ts'
import { answerTo } from './own-request.ts'
import { backOffMs } from '../base/backoff.ts'
import { send } from './send.ts'
import type { OpenSession } from './session.ts'
import { headerOf, isForgotten, isStream, takeAnswer, takeStream } from './response-reader.ts'

/** Requests that do no harm when they are run twice. */
const harmless = new Set([
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

/** How often a session may be lost under one message before it is told so. */
const maxLosses = 3

/** Answers what an errand has left open when it failed. */
export async function answerAll(sent: SentMessage, error: unknown, delivery: DeliveryContext): Promise<void> {
  const { context } = delivery
  const refusal = answerable(error, context.log)
  for (const one of sent.expected) {
    if (one.isAnswered || one.isCancelled || sent.closed.cancelled) continue
    one.isAnswered = true
    await context.writeOwn(responseText(one.request.id, errorAnswerOf(refusal)))
  }
}

export function isIdempotent(sent: SentMessage): boolean {
  return sent.expected.every((one) => harmless.has(one.request.method))
}

/** Opens the session of the client. Throws a `Refusal`. */
export async function runOpening(
  sent: SentMessage,
  serverDescription: RequestMessage,
  delivery: DeliveryContext,
): Promise<void> {
  const { context, session } = delivery
  const done = session.beginOpening()
  try {
    const deadlineMs = context.clock.now() + context.waitMs
    const outbound = await send(outgoingRequestOf(sent, {}, deadlineMs, true), context)
    await take(outbound, sent, delivery, (_, { answer }) => {
      if (answer.kind === 'result')
        session.opened(serverDescription.params, headerOf(outbound, 'mcp-session-id'), answer.result)
      return true
    })
    if (isSessionOpen(sent)) throw new Refusal('connection_lost')
  } finally {
    done()
  }
}

/** Runs what belongs to the session: one request, or a batch. Throws a `Refusal`. */
export async function runInSession(sent: SentMessage, delivery: DeliveryContext): Promise<void> {
  const { context } = delivery
  const deadlineMs = context.clock.now() + context.waitMs
  for (let failures = 1; ; failures++) {
    const { session, outbound } = await sendInSession(sent, deadlineMs, delivery)
    await take(outbound, sent, delivery)
    if (isSessionOpen(sent)) await resume(sent, session, delivery)
    if (!isSessionOpen(sent)) return
    await beforeAnother(sent, failures, deadlineMs, context)
  }
}

/** Sends a message of the session, and sends it again to a session that takes the place of a forgotten one. */
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

/** Runs a request that stands for itself. Throws a `Refusal`. */
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
      // [2026-07-28 transports, custom headers] the server wants arguments mirrored that we have not heard of
      isRefused = !isMirrored && answer.kind === 'error' && answer.error.value['code'] === headerMismatch
      return !isRefused
    })
    if (!isSessionOpen(sent)) return
    if (isRefused) {
      isMirrored = true
      await learnTool(expected.request, sent, delivery)
    } else await beforeAnother(sent, failures, deadlineMs, context)
  }
}

/** Waits before an errand whose answer was lost is run again. Throws `connection_lost` if that could do harm, or it is too late. */
async function beforeAnother(
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

/** Asks for the lists of tools, as the client of the call would. */
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
    const outbound = await send({ method: 'POST', headers, text, closed, isHarmless: true, deadlineMs }, context)
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

/** Follows the stream of an errand after a cut, for as long as the session and the server's memory of it last. */
async function resume(sent: SentMessage, openSession: OpenSession, delivery: DeliveryContext): Promise<void> {
  const { context, session } = delivery
  let isFirst = true
  for (let failures = 0; isSessionOpen(sent) && sent.lastEventId !== undefined; failures++) {
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
      isHarmless: true,
      deadlineMs: context.clock.now() + context.waitMs,
    } as const
    const outbound = await send(outgoing, context).catch((error: unknown) => {
      // It was sent before, whatever has become of this attempt.
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
  isHarmlessTwice: boolean,
): Parameters<typeof send>[0] {
  return {
    method: 'POST',
    headers,
    text: sent.text,
    closed: sent.closed,
    isHarmless: isHarmlessTwice,
    deadlineMs,
    onSent: (isSent) => void (sent.isSent = isSent),
  }
}
