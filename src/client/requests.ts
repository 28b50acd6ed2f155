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
export async function answerAll(errand: SentMessage, error: unknown, hearing: DeliveryContext): Promise<void> {
  const { desk } = hearing
  const refusal = answerable(error, desk.log)
  for (const one of errand.owed) {
    if (one.isAnswered || one.isCancelled || errand.closed.cancelled) continue
    one.isAnswered = true
    await desk.writeOwn(responseText(one.request.id, errorAnswerOf(refusal)))
  }
}

export function isIdempotent(errand: SentMessage): boolean {
  return errand.owed.every((one) => harmless.has(one.request.method))
}

/** Opens the session of the client. Throws a `Refusal`. */
export async function runOpening(errand: SentMessage, hello: RequestMessage, hearing: DeliveryContext): Promise<void> {
  const { desk, session } = hearing
  const done = session.beginOpening()
  try {
    const deadlineMs = desk.clock.now() + desk.waitMs
    const outbound = await send(parcelOf(errand, {}, deadlineMs, true), desk)
    await take(outbound, errand, hearing, (_, { answer }) => {
      if (answer.kind === 'result') session.opened(hello.params, headerOf(outbound, 'mcp-session-id'), answer.result)
      return true
    })
    if (isSessionOpen(errand)) throw new Refusal('connection_lost')
  } finally {
    done()
  }
}

/** Runs what belongs to the session: one request, or a batch. Throws a `Refusal`. */
export async function runInSession(errand: SentMessage, hearing: DeliveryContext): Promise<void> {
  const { desk } = hearing
  const deadlineMs = desk.clock.now() + desk.waitMs
  for (let failures = 1; ; failures++) {
    const { standing, outbound } = await sendInSession(errand, deadlineMs, hearing)
    await take(outbound, errand, hearing)
    if (isSessionOpen(errand)) await resume(errand, standing, hearing)
    if (!isSessionOpen(errand)) return
    await beforeAnother(errand, failures, deadlineMs, desk)
  }
}

/** Sends a message of the session, and sends it again to a session that takes the place of a forgotten one. */
export async function sendInSession(
  errand: SentMessage,
  deadlineMs: number,
  hearing: DeliveryContext,
): Promise<{ standing: OpenSession; outbound: Outbound }> {
  const { desk, session } = hearing
  for (let losses = 0; ; losses++) {
    const standing = await session.current(errand.isHandshake)
    const outbound = await send(parcelOf(errand, standing.headers, deadlineMs, isIdempotent(errand)), desk)
    if (!isForgotten(outbound) || standing.id === undefined || losses >= maxLosses) return { standing, outbound }
    errand.isSent = false
    session.lost(standing)
  }
}

/** Runs a request that stands for itself. Throws a `Refusal`. */
export async function runAlone(errand: SentMessage, owed: ExpectedResponse, hearing: DeliveryContext): Promise<void> {
  const { desk, mirrors } = hearing
  const deadlineMs = desk.clock.now() + desk.waitMs
  let isMirrored = false
  for (let failures = 1; ; failures++) {
    let isRefused = false
    const headers = standaloneHeaders(owed.request, mirrors.of(owed.request))
    const outbound = await send(parcelOf(errand, headers, deadlineMs, isIdempotent(errand)), desk)
    await take(outbound, errand, hearing, (_, { answer }) => {
      // [2026-07-28 transports, custom headers] the server wants arguments mirrored that we have not heard of
      isRefused = !isMirrored && answer.kind === 'error' && answer.error.value['code'] === headerMismatch
      return !isRefused
    })
    if (!isSessionOpen(errand)) return
    if (isRefused) {
      isMirrored = true
      await learnTool(owed.request, errand, hearing)
    } else await beforeAnother(errand, failures, deadlineMs, desk)
  }
}

/** Waits before an errand whose answer was lost is run again. Throws `connection_lost` if that could do harm, or it is too late. */
async function beforeAnother(errand: SentMessage, failures: number, deadlineMs: number, desk: ClientContext): Promise<void> {
  const waitMs = backOffMs(failures)
  if (!isIdempotent(errand) || desk.leaving.cancelled || desk.clock.now() + waitMs > deadlineMs)
    throw new Refusal('connection_lost')
  await pauseUnless([errand.closed, desk.leaving], desk.clock, waitMs)
}

const headerMismatch = -32020
const maxPages = 100

/** Asks for the lists of tools, as the client of the call would. */
async function learnTool(call: RequestMessage, errand: SentMessage, { desk, mirrors }: DeliveryContext): Promise<void> {
  const meta = call.params && editObject(call.params, onlyMeta(call))
  let cursor: string | undefined
  for (let page = 0; page < maxPages && meta; page++) {
    const params = cursor === undefined ? meta : editObject(meta, { cursor })
    const list: RequestMessage = { kind: 'request', id: '"mcplex-tools"', method: 'tools/list', params }
    const text = requestText(list.id, list.method, list.params)
    const { closed } = errand
    const deadlineMs = desk.clock.now() + desk.waitMs
    const headers = standaloneHeaders(list, [])
    const outbound = await send({ method: 'POST', headers, text, closed, isHarmless: true, deadlineMs }, desk)
    const answer = await answerTo(list.id, outbound, desk)
    if (answer?.kind !== 'result') return
    mirrors.learn(answer.result)
    const next = answer.result.value['nextCursor']
    if (typeof next !== 'string' || next === cursor || mirrors.of(call).length > 0) return
    cursor = next
  }
}

function onlyMeta(call: RequestMessage): Record<string, undefined> {
  const members = Object.keys(call.params?.value ?? {}).filter((key) => key !== '_meta')
  return Object.fromEntries(members.map((key) => [key, undefined]))
}

/** Follows the stream of an errand after a cut, for as long as the session and the server's memory of it last. */
async function resume(errand: SentMessage, standing: OpenSession, hearing: DeliveryContext): Promise<void> {
  const { desk, session } = hearing
  let isFirst = true
  for (let failures = 0; isSessionOpen(errand) && errand.lastEventId !== undefined; failures++) {
    const waitMs = Math.max(isFirst ? 0 : backOffMs(failures), errand.retryMs ?? 0)
    isFirst = false
    await pauseUnless([errand.closed, standing.over, desk.leaving], desk.clock, waitMs)
    if (standing.over.cancelled) throw new Refusal('connection_lost')
    const headers = { ...standing.headers, 'last-event-id': errand.lastEventId }
    const { closed } = errand
    const parcel = {
      method: 'GET',
      headers,
      closed,
      isHarmless: true,
      deadlineMs: desk.clock.now() + desk.waitMs,
    } as const
    const outbound = await send(parcel, desk).catch((error: unknown) => {
      // It was sent before, whatever has become of this attempt.
      throw errand.closed.cancelled ? error : new Refusal('connection_lost')
    })
    if (outbound.status === 404 && standing.id !== undefined) session.lost(standing)
    if (outbound.status !== 200 || !isStream(outbound)) throw new Refusal('connection_lost')
    const count = await takeStream(outbound, errand, (text) => deliver(text, errand, hearing), desk)
    if (count > 0) failures = 0
  }
}

function take(outbound: Outbound, errand: SentMessage, hearing: DeliveryContext, onAnswer?: OnAnswer): Promise<void> {
  return takeAnswer(outbound, errand, (text) => deliver(text, errand, hearing, onAnswer), hearing.desk)
}

function parcelOf(
  errand: SentMessage,
  headers: Readonly<Record<string, string>>,
  deadlineMs: number,
  isHarmlessTwice: boolean,
): Parameters<typeof send>[0] {
  return {
    method: 'POST',
    headers,
    text: errand.text,
    closed: errand.closed,
    isHarmless: isHarmlessTwice,
    deadlineMs,
    onSent: (isSent) => void (errand.isSent = isSent),
  }
}
