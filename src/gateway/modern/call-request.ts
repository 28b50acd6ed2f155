/**
 * Answers a request of a client without a session that begins or resumes a call. The answer is one JSON body, or a
 * stream that ends with its connection. If the server asks for input in mid-call, the answer holds the input requests,
 * and the call is suspended until a request brings the answers. [2026-07-28 basic; transports; multi round-trip
 * requests]
 */
import type { Clock } from '../../base/clock.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { Lease } from '../../base/lease.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { InputRequest, Outcome, Update } from '../../protocol/call.ts'
import { acceptedForms } from '../../protocol/accept.ts'
import { header, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { mayTakeRounds } from '../../protocol/input-required.ts'
import {
  type Answer,
  errorAnswer,
  notificationText,
  type RequestMessage,
  responseText,
} from '../../protocol/jsonrpc.ts'
import type { SessionSettings } from '../../sessions/options.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import { type Envelope, statusOf } from '../../protocol/modern-server.ts'
import { progressFor } from '../../protocol/progress.ts'
import { undeclared } from '../../protocol/bridge/input-requests.ts'
import { answerable, errorAnswerOf } from '../../protocol/error-response.ts'
import { sseComment, sseHeaders, sseMessage } from '../../protocol/sse.ts'
import { answerOf, inputRequiredOf, type EncodeNeeds } from './responses.ts'
import {
  abandon,
  type SuspendableCall,
  rejectInputRequests,
  holdBack,
  inputRequestsFor,
  lookAhead,
  nextStep,
  addInputRequest,
  type InputRequests,
  type Step,
  takeNext,
} from '../interaction/suspendable-call.ts'
import type { SuspendedCalls } from '../interaction/suspended-calls.ts'
import { firstUpdate, nextOrIdle } from '../calls/json-or-stream.ts'
import { type AdmittedRequest, type BeginNeeds, beginOrResume } from './begin-or-resume.ts'
import type { OpenedState } from '../interaction/request-state.ts'

/** What answers stateless calls. */
export interface CallRequestNeeds extends BeginNeeds, EncodeNeeds {
  readonly suspended: Pick<SuspendedCalls, 'resume' | 'suspend' | 'end'>
  readonly sessionSettings: Pick<SessionSettings, 'keepAliveMs'>
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly log: Log
}

/** Input requests that follow each other within this time go to the client together. */
const gatherMs = 30
const maxGatherMs = 200

/** A request that is attached to a call. */
export interface AttachedRequest {
  readonly request: RequestMessage
  readonly envelope: Envelope
  readonly suspendable: SuspendableCall
  /** Counts a request that resumed the call; a request that began it is counted with the call. */
  readonly memory: MemoryAccount | undefined
  /** Detaches the answered request: releases its lease, and closing its connection cancels nothing any more. */
  readonly detach: () => void
  /** Whether the call has ended with this request. */
  isFinished: boolean
}

/** Answers a request. `lease` is held as long as that takes. Throws a `Refusal`. */
export async function answerCallRequest(
  admitted: AdmittedRequest,
  lease: Lease,
  needs: CallRequestNeeds,
): Promise<Outbound> {
  const { request, envelope, inbound } = admitted
  let attached: AttachedRequest | undefined
  let streaming = false
  try {
    const { suspendable, memory } = beginOrResume(admitted, needs)
    // Closing the connection cancels the call. [2026-07-28 transports, cancellation]
    const unbind = inbound.closed.onCancel(() => suspendable.call.cancel.cancel('the client closed the connection'))
    const detach = (): void => {
      unbind()
      lease.release()
    }
    attached = { request, envelope, suspendable, memory, detach, isFinished: false }
    if (suspendable.inputRequests && suspendable.inputRequests.open.size > 0) {
      const required = await gatherInputRequests(attached, suspendable.inputRequests, needs)
      if (required) return json(request, required)
    }
    if (acceptedForms(header(inbound, 'accept')) === 'json')
      return json(request, await answerWithoutStream(attached, needs))
    const first = await firstUpdate(nextStep(suspendable), needs.timers)
    if (first.kind === 'failed') throw first.error
    if (first.kind === 'outcome') return json(request, finish(attached, first.outcome, needs))
    if (first.inputRequest) {
      const required = await requestInput(attached, first.inputRequest, needs)
      if (required) return json(request, required)
    }
    streaming = true
    return {
      status: 200,
      headers: sseHeaders,
      body: stream(attached, first.inputRequest ? undefined : first.next, needs),
    }
  } catch (error) {
    if (attached) end(attached.suspendable, needs)
    throw error
  } finally {
    if (!streaming) {
      if (attached) release(attached)
      lease.release()
    }
  }
}

/** Detaches the request and releases its memory, and that of its call if the call has ended. */
function release(attached: AttachedRequest): void {
  attached.detach()
  attached.memory?.close()
  if (attached.isFinished) attached.suspendable.memory.close()
}

function json({ id }: RequestMessage, answer: Answer): Outbound {
  return { status: statusOf(answer), headers: jsonHeaders, body: responseText(id, answer) }
}

/** The answer for a client that accepts no stream: notifications are dropped. */
async function answerWithoutStream(attached: AttachedRequest, needs: CallRequestNeeds): Promise<Answer> {
  for (;;) {
    const step = await nextStep(attached.suspendable)
    if (step.done === true) return finish(attached, step.value, needs)
    const required = step.value.kind === 'input_request' ? await requestInput(attached, step.value, needs) : undefined
    if (required) return required
  }
}

/**
 * The body of a stream. The client's connection pulls it, so that a slow reader slows its own call; it ends with the
 * connection.
 * @param first the first step, if it was requested already
 */
async function* stream(
  attached: AttachedRequest,
  first: Promise<Step> | undefined,
  needs: CallRequestNeeds,
): AsyncGenerator<string> {
  const { request, suspendable } = attached
  let next = first
  let isAnswered = false
  try {
    for (;;) {
      next ??= nextStep(suspendable)
      const step = await nextOrIdle(next, needs.sessionSettings.keepAliveMs, needs.timers)
      if (step === 'idle') {
        yield sseComment
        continue
      }
      next = undefined
      const answer =
        step.done === true
          ? finish(attached, step.value, needs)
          : step.value.kind === 'input_request'
            ? await requestInput(attached, step.value, needs)
            : undefined
      if (answer) {
        // Detached first: a client may close its connection as soon as it has the answer, and that cancels nothing.
        isAnswered = true
        attached.detach()
        yield sseMessage(responseText(request.id, answer))
        return
      }
      const text = step.done === true ? undefined : textOf(attached, step.value)
      if (text !== undefined) yield sseMessage(text)
    }
  } catch (error) {
    const refusal = answerable(error, needs.log)
    if (refusal.code !== 'cancelled') yield sseMessage(responseText(request.id, errorAnswerOf(refusal)))
  } finally {
    if (!isAnswered) end(suspendable, needs)
    release(attached)
  }
}

function textOf({ suspendable, envelope }: AttachedRequest, update: Update): string | undefined {
  if (update.kind === 'input_request') return undefined
  // The server knows only the log level of the request that began the call.
  const { logLevel } = envelope
  if (update.method === 'notifications/message' && !wantsLog({ ...suspendable.call, logLevel }, update.params))
    return undefined
  const params = progressFor(update, suspendable.call.progressToken, envelope.progressToken)
  return params === 'unwanted' ? undefined : notificationText(update.method, params)
}

/** Ends a call whose client closed its connection, or that failed. */
function end(suspendable: SuspendableCall, needs: CallRequestNeeds): void {
  needs.suspended.end(suspendable)
  abandon(suspendable, 'the client closed the stream')
}

/** Finishes the call; returns its outcome as the answer to this request. */
function finish(attached: AttachedRequest, outcome: Outcome, needs: CallRequestNeeds): Answer {
  const { request, suspendable } = attached
  attached.isFinished = true
  needs.suspended.end(suspendable)
  rejectInputRequests(suspendable)
  suspendable.leaveDrain()
  return answerOf(request, suspendable.call, outcome, needs)
}

/**
 * Gathers an input request and those that follow at once, and suspends the call.
 * @returns the answer to this request: the input requests, or the outcome if the call ends meanwhile; undefined if there is
 * nothing to ask (any more)
 */
async function requestInput(
  attached: AttachedRequest,
  inputRequest: InputRequest,
  needs: CallRequestNeeds,
): Promise<Answer | undefined> {
  const inputRequests = noteInputRequest(attached, inputRequest)
  return inputRequests && gatherInputRequests(attached, inputRequests, needs)
}

async function gatherInputRequests(
  attached: AttachedRequest,
  inputRequests: InputRequests,
  needs: CallRequestNeeds,
): Promise<Answer | undefined> {
  const { request, suspendable } = attached
  const { clock } = needs
  // Only another input request extends the time, up to a limit, because some servers send without a pause.
  const latestMs = clock.now() + maxGatherMs
  let endMs = clock.now() + gatherMs
  for (let leftMs = gatherMs; leftMs > 0; leftMs = Math.min(endMs, latestMs) - clock.now()) {
    const step = await lookAhead(suspendable, leftMs, clock)
    if (step === undefined) break
    if (step.done === true && inputRequests.held.length === 0) return finish(attached, step.value, needs)
    // Updates that came before the outcome are sent before it.
    if (step.done === true) return undefined
    takeNext(suspendable)
    if (step.value.kind !== 'input_request') holdBack(suspendable, inputRequests, step.value)
    else if (noteInputRequest(attached, step.value)) endMs = clock.now() + gatherMs
  }
  if (inputRequests.open.size === 0) return undefined
  const waits: OpenedState = { kind: 'suspended', ...needs.suspended.suspend(suspendable, inputRequests) }
  return inputRequiredOf(request, suspendable.call, inputRequestsFor(inputRequests), waits, needs)
}

/** Adds an input request if the client can be required with this request; if not, the server gets an error. */
function noteInputRequest(
  { request, envelope, suspendable }: AttachedRequest,
  inputRequest: InputRequest,
): InputRequests | undefined {
  const isDeclared = undeclared(inputRequest, envelope.client.capabilities) === undefined
  if (isDeclared && mayTakeRounds(request.method)) return addInputRequest(suspendable, inputRequest)
  const reason = isDeclared
    ? 'The client cannot be required in the course of this request'
    : 'The client did not declare that it can be required this'
  inputRequest.answer(errorAnswer(-32602, reason))
  return undefined
}
