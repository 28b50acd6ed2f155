/**
 * One request of a client without a session, and the call that it begins or takes up again. Its answer is one JSON
 * body, or a stream that ends with its connection. If the server asks in mid-call, the questions are the answer, and
 * the call waits for the request that brings the answers. [2026-07-28 basic; transports; multi round-trip requests]
 */
import type { Lease } from '../../base/lease.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { InputRequest, Outcome, Principal, Update } from '../../protocol/call.ts'
import { acceptedForms } from '../../protocol/accept.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { mayTakeRounds } from '../../protocol/input-required.ts'
import {
  type Answer,
  errorAnswer,
  notificationText,
  type RequestMessage,
  responseText,
} from '../../protocol/jsonrpc.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import { type Envelope, statusOf } from '../../protocol/modern-server.ts'
import { progressFor } from '../../protocol/progress.ts'
import { undeclared } from '../../protocol/bridge/input-requests.ts'
import { answerable, errorAnswerOf } from '../../protocol/error-response.ts'
import { sseComment, sseHeaders, sseMessage } from '../../protocol/sse.ts'
import { answerOf, questionsOf } from './responses.ts'
import {
  abandon,
  type SuspendableCall,
  dropQuestions,
  holdBack,
  inputRequestsFor,
  lookAhead,
  nextStep,
  noteAsk,
  type Questions,
  type Step,
  takeNext,
} from '../interaction/suspendable-call.ts'
import type { GatewayServices } from '../services.ts'
import { firstUpdate, nextOrIdle } from '../calls/json-or-stream.ts'
import { beginOrResume } from './begin-or-resume.ts'
import type { OpenedState } from '../interaction/request-state.ts'

/** Questions that a server asks in one breath are put to the client together. */
const breathMs = 30
const maxBreathMs = 200

/** A request that is with a call. */
export interface AttachedRequest {
  readonly request: RequestMessage
  readonly envelope: Envelope
  readonly suspendable: SuspendableCall
  /** Counts a request that goes on with a call; one that begins it counts with the call. */
  readonly memory: MemoryAccount | undefined
  /** The request is answered: its place is free, and its client may close. The call may go on without it. */
  readonly leave: () => void
  /** Whether the call has ended with this request. */
  isFinished: boolean
}

/** Answers a request. `place` is held as long as that takes. Throws a `Refusal`. */
export async function answerCallRequest(
  request: RequestMessage,
  envelope: Envelope,
  place: Lease,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  let attached: AttachedRequest | undefined
  let streaming = false
  try {
    const { suspendable, memory } = beginOrResume(request, envelope, inbound, principal, services)
    // Closing the connection is cancelling. [2026-07-28 transports, cancellation]
    const unbind = inbound.closed.onCancel(() => suspendable.call.cancel.cancel('the client closed the connection'))
    const leave = (): void => {
      unbind()
      place.release()
    }
    attached = { request, envelope, suspendable, memory, leave, isFinished: false }
    if (suspendable.questions && suspendable.questions.open.size > 0) {
      const asked = await askOn(attached, suspendable.questions, services)
      if (asked) return json(request, asked)
    }
    if (acceptedForms(header(inbound, 'accept')) === 'json')
      return json(request, await answerWithoutStream(attached, services))
    const first = await firstUpdate(nextStep(suspendable), services.timers)
    if (first.kind === 'failed') throw first.error
    if (first.kind === 'outcome') return json(request, finish(attached, first.outcome, services))
    if (first.inputRequest) {
      const asked = await ask(attached, first.inputRequest, services)
      if (asked) return json(request, asked)
    }
    streaming = true
    return {
      status: 200,
      headers: sseHeaders,
      body: stream(attached, first.inputRequest ? undefined : first.next, services),
    }
  } catch (error) {
    if (attached) end(attached.suspendable, services)
    throw error
  } finally {
    if (!streaming) {
      if (attached) giveBack(attached)
      place.release()
    }
  }
}

/** Nothing holds the request any more: gives back what was kept for it, and for its call if that is over. */
function giveBack(attached: AttachedRequest): void {
  attached.leave()
  attached.memory?.close()
  if (attached.isFinished) attached.suspendable.memory.close()
}

function json({ id }: RequestMessage, answer: Answer): Outbound {
  return { status: statusOf(answer), headers: jsonHeaders, body: responseText(id, answer) }
}

/** The answer for a client that takes no stream: what the server says before it is dropped. */
async function answerWithoutStream(attached: AttachedRequest, services: GatewayServices): Promise<Answer> {
  for (;;) {
    const step = await nextStep(attached.suspendable)
    if (step.done === true) return finish(attached, step.value, services)
    const asked = step.value.kind === 'ask' ? await ask(attached, step.value, services) : undefined
    if (asked) return asked
  }
}

/**
 * Pulled by the client's connection, so that a slow reader slows its own call; ends with it.
 * @param first the step that was waited for already
 */
async function* stream(
  attached: AttachedRequest,
  first: Promise<Step> | undefined,
  services: GatewayServices,
): AsyncGenerator<string> {
  const { request, suspendable } = attached
  let next = first
  let isParting = false
  try {
    for (;;) {
      next ??= nextStep(suspendable)
      const step = await nextOrIdle(next, services.sessionSettings.keepAliveMs, services.timers)
      if (step === 'quiet') {
        yield sseComment
        continue
      }
      next = undefined
      const answer =
        step.done === true
          ? finish(attached, step.value, services)
          : step.value.kind === 'ask'
            ? await ask(attached, step.value, services)
            : undefined
      if (answer) {
        // Whoever has the answer may close: that cancels nothing.
        isParting = true
        attached.leave()
        yield sseMessage(responseText(request.id, answer))
        return
      }
      const text = step.done === true ? undefined : textOf(attached, step.value)
      if (text !== undefined) yield sseMessage(text)
    }
  } catch (error) {
    const refusal = answerable(error, services.log)
    if (refusal.code !== 'cancelled') yield sseMessage(responseText(request.id, errorAnswerOf(refusal)))
  } finally {
    if (!isParting) end(suspendable, services)
    giveBack(attached)
  }
}

function textOf({ suspendable, envelope }: AttachedRequest, update: Update): string | undefined {
  if (update.kind === 'ask') return undefined
  // The server was told the level of the request that the call began with.
  const { logLevel } = envelope
  if (update.method === 'notifications/message' && !wantsLog({ ...suspendable.call, logLevel }, update.params))
    return undefined
  const params = progressFor(update, suspendable.call.progressToken, envelope.progressToken)
  return params === 'unwanted' ? undefined : notificationText(update.method, params)
}

/** The call is over, one way or another. */
function end(suspendable: SuspendableCall, services: GatewayServices): void {
  services.suspended.end(suspendable)
  abandon(suspendable, 'the client closed the stream')
}

/** How the call ended, in the words of this request. */
function finish(attached: AttachedRequest, outcome: Outcome, services: GatewayServices): Answer {
  const { request, suspendable } = attached
  attached.isFinished = true
  services.suspended.end(suspendable)
  dropQuestions(suspendable)
  suspendable.over()
  return answerOf(request, suspendable.call, outcome, services)
}

/**
 * Puts a question to the client, and all that the server asks in the same breath.
 * @returns the answer of this request; undefined if there is nothing to ask (any more)
 */
async function ask(
  attached: AttachedRequest,
  inputRequest: InputRequest,
  services: GatewayServices,
): Promise<Answer | undefined> {
  const questions = note(attached, inputRequest)
  return questions && askOn(attached, questions, services)
}

async function askOn(
  attached: AttachedRequest,
  questions: Questions,
  services: GatewayServices,
): Promise<Answer | undefined> {
  const { request, suspendable } = attached
  const { clock } = services
  // Only another question makes it longer, and not for ever: some servers never stop talking.
  const latestMs = clock.now() + maxBreathMs
  let endMs = clock.now() + breathMs
  for (let leftMs = breathMs; leftMs > 0; leftMs = Math.min(endMs, latestMs) - clock.now()) {
    const step = await lookAhead(suspendable, leftMs, clock)
    if (step === undefined) break
    if (step.done === true && questions.held.length === 0) return finish(attached, step.value, services)
    // What was said before the end comes before it.
    if (step.done === true) return undefined
    takeNext(suspendable)
    if (step.value.kind !== 'ask') holdBack(suspendable, questions, step.value)
    else if (note(attached, step.value)) endMs = clock.now() + breathMs
  }
  if (questions.open.size === 0) return undefined
  const waits: OpenedState = { kind: 'suspended', ...services.suspended.suspend(suspendable, questions) }
  return questionsOf(request, suspendable.call, inputRequestsFor(questions), waits, services)
}

/** Notes a question, if this client may be asked, and in answer to this request; if not, the server is told. */
function note({ request, envelope, suspendable }: AttachedRequest, inputRequest: InputRequest): Questions | undefined {
  const isDeclared = undeclared(inputRequest, envelope.client.capabilities) === undefined
  if (isDeclared && mayTakeRounds(request.method)) return noteAsk(suspendable, inputRequest)
  const reason = isDeclared
    ? 'The client cannot be asked in the course of this request'
    : 'The client did not declare that it can be asked this'
  inputRequest.answer(errorAnswer(-32602, reason))
  return undefined
}
