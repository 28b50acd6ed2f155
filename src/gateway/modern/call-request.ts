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
  readonly course: SuspendableCall
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
  house: GatewayServices,
): Promise<Outbound> {
  let turn: AttachedRequest | undefined
  let streaming = false
  try {
    const { course, memory } = beginOrResume(request, envelope, inbound, principal, house)
    // Closing the connection is cancelling. [2026-07-28 transports, cancellation]
    const unbind = inbound.closed.onCancel(() => course.call.cancel.cancel('the client closed the connection'))
    const leave = (): void => {
      unbind()
      place.release()
    }
    turn = { request, envelope, course, memory, leave, isFinished: false }
    if (course.questions && course.questions.open.size > 0) {
      const asked = await askOn(turn, course.questions, house)
      if (asked) return json(request, asked)
    }
    if (acceptedForms(header(inbound, 'accept')) === 'json')
      return json(request, await answerWithoutStream(turn, house))
    const first = await firstUpdate(nextStep(course), house.pulse)
    if (first.kind === 'failed') throw first.error
    if (first.kind === 'outcome') return json(request, finish(turn, first.outcome, house))
    if (first.ask) {
      const asked = await ask(turn, first.ask, house)
      if (asked) return json(request, asked)
    }
    streaming = true
    return { status: 200, headers: sseHeaders, body: stream(turn, first.ask ? undefined : first.next, house) }
  } catch (error) {
    if (turn) end(turn.course, house)
    throw error
  } finally {
    if (!streaming) {
      if (turn) giveBack(turn)
      place.release()
    }
  }
}

/** Nothing holds the request any more: gives back what was kept for it, and for its call if that is over. */
function giveBack(turn: AttachedRequest): void {
  turn.leave()
  turn.memory?.close()
  if (turn.isFinished) turn.course.memory.close()
}

function json({ id }: RequestMessage, answer: Answer): Outbound {
  return { status: statusOf(answer), headers: jsonHeaders, body: responseText(id, answer) }
}

/** The answer for a client that takes no stream: what the server says before it is dropped. */
async function answerWithoutStream(turn: AttachedRequest, house: GatewayServices): Promise<Answer> {
  for (;;) {
    const step = await nextStep(turn.course)
    if (step.done === true) return finish(turn, step.value, house)
    const asked = step.value.kind === 'ask' ? await ask(turn, step.value, house) : undefined
    if (asked) return asked
  }
}

/**
 * Pulled by the client's connection, so that a slow reader slows its own call; ends with it.
 * @param first the step that was waited for already
 */
async function* stream(turn: AttachedRequest, first: Promise<Step> | undefined, house: GatewayServices): AsyncGenerator<string> {
  const { request, course } = turn
  let next = first
  let isParting = false
  try {
    for (;;) {
      next ??= nextStep(course)
      const step = await nextOrIdle(next, house.sessionSettings.keepAliveMs, house.pulse)
      if (step === 'quiet') {
        yield sseComment
        continue
      }
      next = undefined
      const answer =
        step.done === true
          ? finish(turn, step.value, house)
          : step.value.kind === 'ask'
            ? await ask(turn, step.value, house)
            : undefined
      if (answer) {
        // Whoever has the answer may close: that cancels nothing.
        isParting = true
        turn.leave()
        yield sseMessage(responseText(request.id, answer))
        return
      }
      const text = step.done === true ? undefined : textOf(turn, step.value)
      if (text !== undefined) yield sseMessage(text)
    }
  } catch (error) {
    const refusal = answerable(error, house.log)
    if (refusal.code !== 'cancelled') yield sseMessage(responseText(request.id, errorAnswerOf(refusal)))
  } finally {
    if (!isParting) end(course, house)
    giveBack(turn)
  }
}

function textOf({ course, envelope }: AttachedRequest, update: Update): string | undefined {
  if (update.kind === 'ask') return undefined
  // The server was told the level of the request that the call began with.
  const { logLevel } = envelope
  if (update.method === 'notifications/message' && !wantsLog({ ...course.call, logLevel }, update.params))
    return undefined
  const params = progressFor(update, course.call.progressToken, envelope.progressToken)
  return params === 'unwanted' ? undefined : notificationText(update.method, params)
}

/** The call is over, one way or another. */
function end(course: SuspendableCall, house: GatewayServices): void {
  house.suspended.end(course)
  abandon(course, 'the client closed the stream')
}

/** How the call ended, in the words of this request. */
function finish(turn: AttachedRequest, outcome: Outcome, house: GatewayServices): Answer {
  const { request, course } = turn
  turn.isFinished = true
  house.suspended.end(course)
  dropQuestions(course)
  course.over()
  return answerOf(request, course.call, outcome, house)
}

/**
 * Puts a question to the client, and all that the server asks in the same breath.
 * @returns the answer of this request; undefined if there is nothing to ask (any more)
 */
async function ask(turn: AttachedRequest, asked: InputRequest, house: GatewayServices): Promise<Answer | undefined> {
  const questions = note(turn, asked)
  return questions && askOn(turn, questions, house)
}

async function askOn(turn: AttachedRequest, questions: Questions, house: GatewayServices): Promise<Answer | undefined> {
  const { request, course } = turn
  const { clock } = house
  // Only another question makes it longer, and not for ever: some servers never stop talking.
  const latestMs = clock.now() + maxBreathMs
  let endMs = clock.now() + breathMs
  for (let leftMs = breathMs; leftMs > 0; leftMs = Math.min(endMs, latestMs) - clock.now()) {
    const step = await lookAhead(course, leftMs, clock)
    if (step === undefined) break
    if (step.done === true && questions.held.length === 0) return finish(turn, step.value, house)
    // What was said before the end comes before it.
    if (step.done === true) return undefined
    takeNext(course)
    if (step.value.kind !== 'ask') holdBack(course, questions, step.value)
    else if (note(turn, step.value)) endMs = clock.now() + breathMs
  }
  if (questions.open.size === 0) return undefined
  const waits: OpenedState = { kind: 'suspended', ...house.suspended.suspend(course, questions) }
  return questionsOf(request, course.call, inputRequestsFor(questions), waits, house)
}

/** Notes a question, if this client may be asked, and in answer to this request; if not, the server is told. */
function note({ request, envelope, course }: AttachedRequest, asked: InputRequest): Questions | undefined {
  const isDeclared = undeclared(asked, envelope.speaker.capabilities) === undefined
  if (isDeclared && mayTakeRounds(request.method)) return noteAsk(course, asked)
  const reason = isDeclared
    ? 'The client cannot be asked in the course of this request'
    : 'The client did not declare that it can be asked this'
  asked.answer(errorAnswer(-32602, reason))
  return undefined
}
