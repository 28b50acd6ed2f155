/**
 * Answers the requests of one POST of a session: by JSON if all outcomes come before any other update, else by a stream
 * that outlives the socket. The calls run on even if no client reads. [2025-11-25 transports, sending messages]
 */
import type { Cancel } from '../../base/cancel.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Notification, Outcome, Reply, Update } from '../../protocol/call.ts'
import { acceptedForms } from '../../protocol/accept.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { type Answer, notificationText, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { encodeLegacyAnswer } from '../../protocol/legacy-server.ts'
import { answerable, errorAnswerOf, errorResponse } from '../../protocol/error-response.ts'
import { hasPrimingEvent } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import { type CallStream, journalledOutput } from '../../sessions/journalled-output.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { type First, firstUpdate, outcomeOnly } from '../calls/json-or-stream.ts'
import type { PendingInput } from '../interaction/pending-input.ts'

/** What answering takes. */
export interface ResponseNeeds {
  readonly log: Log
  readonly timers: CoarseTimers
  readonly pendingInput: Pick<PendingInput, 'put'>
}

type Step = IteratorResult<Update, Outcome>

/** A step as the message for the client; some steps have none. */
interface EncodedStep {
  readonly text: string | undefined
  readonly isLast: boolean
}

/** A request that has begun and is not answered yet. */
export interface RunningRequest {
  readonly id: RpcId
  readonly method: string
  /** The revision that the client speaks. */
  readonly version: string
  readonly reply: Reply
  readonly cancel: Cancel
  /** Counts what the call keeps; closed when it is over. */
  readonly memory: MemoryAccount
  /** Called when the call is over. */
  readonly over: () => void
}

/** Answers one request. Not an async function: every call passes here, and each one costs time. */
export function respondToOne(
  liveSession: LiveSession,
  one: RunningRequest,
  inbound: Inbound,
  needs: ResponseNeeds,
): Promise<Outbound> {
  return firstOr(one.reply, inbound, needs).then((first) =>
    first.kind === 'streaming' ? stream(liveSession, [one], [first], inbound, needs) : single(one, first, needs),
  )
}

/** The first update of a reply, or its outcome if the client accepts no stream. */
function firstOr(reply: Reply, inbound: Inbound, needs: ResponseNeeds): Promise<First> {
  return acceptedForms(header(inbound, 'accept')) === 'json'
    ? outcomeOnly(reply)
    : firstUpdate(reply.next(), needs.timers)
}

/** Answers the requests of a batch: all in one array, or all on one stream. */
export async function respondToBatch(
  liveSession: LiveSession,
  running: readonly RunningRequest[],
  inbound: Inbound,
  needs: ResponseNeeds,
): Promise<Outbound> {
  const firsts = await Promise.all(running.map(async (one) => kept(one, await firstOr(one.reply, inbound, needs))))
  if (firsts.some((first) => first.kind === 'streaming')) return stream(liveSession, running, firsts, inbound, needs)
  const answers: string[] = []
  running.forEach((one, at) => {
    const text = answerText(one, firsts[at], needs)
    if (text !== undefined) answers.push(text)
    one.over()
  })
  return { status: 200, headers: jsonHeaders, body: `[${answers.join(',')}]` }
}

/** Counts an outcome that waits for the others of its batch; returns an error instead if there is no memory for it. */
function kept(one: RunningRequest, first: First): First {
  if (first.kind !== 'outcome') return first
  const { answer } = first.outcome
  const bytes = heldBytesOf(answer.kind === 'result' ? answer.result : answer.error)
  if (one.memory.take(bytes) === 'reserved') return first
  const message = 'The results of a batch are larger than what may be kept for one session.'
  return { kind: 'failed', error: new Refusal('result_too_large', { message }) }
}

function single(one: RunningRequest, first: First, needs: ResponseNeeds): Outbound {
  one.over()
  if (first.kind === 'failed') {
    const refusal = answerable(first.error, needs.log)
    if (refusal.code !== 'cancelled') return errorResponse(refusal, one.id)
  }
  const text = answerText(one, first, needs)
  // [utilities, cancellation] no response is sent to a request that was cancelled: the stream ends without one
  if (text === undefined) return { status: 200, headers: sseHeaders, body: '' }
  return { status: 200, headers: jsonHeaders, body: text }
}

/** The text of an answer; undefined for a call that the client cancelled. */
function answerText(one: RunningRequest, first: First | undefined, needs: ResponseNeeds): string | undefined {
  if (first?.kind === 'outcome')
    return responseText(
      one.id,
      encoded(() => encodeLegacyAnswer(first.outcome, one.method, one.version), needs),
    )
  const refusal = answerable(first?.kind === 'failed' ? first.error : new Refusal('internal'), needs.log)
  return refusal.code === 'cancelled' ? undefined : responseText(one.id, errorAnswerOf(refusal))
}

/** The answer that `encode` returns, or the error that it throws as an answer. */
function encoded(encode: () => Answer, needs: ResponseNeeds): Answer {
  try {
    return encode()
  } catch (error) {
    return errorAnswerOf(answerable(error, needs.log))
  }
}

async function stream(
  liveSession: LiveSession,
  running: readonly RunningRequest[],
  firsts: readonly First[],
  inbound: Inbound,
  needs: ResponseNeeds,
): Promise<Outbound> {
  const hasPriming = hasPrimingEvent(liveSession.session.client.version)
  const output = journalledOutput(liveSession)
  const events = await output.openCall(running[0]?.id, hasPriming).catch((error: unknown) => {
    for (const one of running) {
      // The end of its reply alone would wait for the next update.
      one.cancel.cancel('its stream could not be opened')
      abandonRequest(one)
    }
    throw error
  })
  endAfter(
    running.map((one, at) => pump(liveSession, one, firsts[at], events, needs)),
    events,
  )
  return { status: 200, headers: sseHeaders, body: events.read(inbound.closed) }
}

/** A function of its own: a closure in `stream` would keep the first updates in memory until the calls end. */
function endAfter(pumps: readonly Promise<void>[], events: CallStream): void {
  void Promise.allSettled(pumps).then(() => events.end().catch(() => undefined))
}

/** Ends a request whose further updates no client will get. */
export function abandonRequest(one: RunningRequest): void {
  one.reply.return(undefined as never).catch(() => undefined)
  one.over()
}

/** Writes a reply to its stream until the reply ends. Never rejects. */
export async function pump(
  liveSession: LiveSession,
  one: RunningRequest,
  first: First | undefined,
  events: Pick<CallStream, 'append'>,
  needs: ResponseNeeds,
): Promise<void> {
  const store = (text: string): Promise<void> => events.append(text, one.cancel)
  const withdrawals: Promise<void>[] = []
  const withdraw = (id: RpcId): void => {
    const withdrawn = rawObject({ requestId: JSON.parse(id) })
    withdrawals.push(store(notificationText('notifications/cancelled', withdrawn)).catch(() => undefined))
  }
  let progress = Number.NEGATIVE_INFINITY
  /** [utilities, progress] progress must rise over the whole call, though the server counts anew in each round */
  const isToBeSent = ({ method, params }: Notification): boolean => {
    const value = method === 'notifications/progress' ? params?.value['progress'] : undefined
    if (typeof value !== 'number') return true
    const rises = value > progress
    if (rises) progress = value
    return rises
  }
  const encodeStep = async (next: Promise<Step>): Promise<EncodedStep> => {
    const { done, value } = await next
    if (done === true) {
      const answer = encoded(() => encodeLegacyAnswer(value, one.method, one.version), needs)
      return { text: responseText(one.id, answer), isLast: true }
    }
    if (value.kind === 'input_request')
      return { text: needs.pendingInput.put(liveSession, value, withdraw), isLast: false }
    return { text: isToBeSent(value) ? notificationText(value.method, value.params) : undefined, isLast: false }
  }
  try {
    if (first?.kind !== 'streaming') {
      const text = answerText(one, first, needs)
      if (text !== undefined) await store(text)
      return
    }
    let next: Promise<Step> | undefined = first.next
    first = undefined
    for (;;) {
      let step: EncodedStep | undefined = await encodeStep(next)
      const { isLast } = step
      // Only the text stays in memory while it waits for its reader, and nothing while the next step is awaited.
      next = undefined
      if (isLast) await Promise.all(withdrawals)
      const stored: Promise<void> | undefined = step.text === undefined ? undefined : store(step.text)
      step = undefined
      await stored
      if (isLast) return
      next = one.reply.next()
    }
  } catch (error) {
    const refusal = answerable(error, needs.log)
    await Promise.all(withdrawals)
    if (refusal.code !== 'cancelled') await store(responseText(one.id, errorAnswerOf(refusal))).catch(() => undefined)
  } finally {
    abandonRequest(one)
  }
}
