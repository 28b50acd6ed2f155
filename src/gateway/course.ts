/**
 * The course of a call of a client without a session: one request of its, or several one after the other when the
 * server asks in mid-call. Requests come and go (turn.ts); between two of them the call waits (suspended.ts).
 */
import type { Ask, Call, Outcome, Reply, Update } from '../protocol/call.ts'
import type { RawObject } from '../protocol/json-text.ts'
import { inputRequestOf, inputRequestsOf } from '../protocol/question-shapes.ts'

export type Step = IteratorResult<Update, Outcome>

export interface Course {
  readonly call: Call
  readonly reply: Reply
  /** The step that was asked for and has not come. */
  next: Promise<Step> | undefined
  /** Undefined as long as the server has asked nothing. */
  questions: Questions | undefined
  /** Says that the call is no longer worked on: it is over, or waits for its client. */
  over: () => void
}

export interface Questions {
  /** Those that wait for an answer, by the key that the client knows them by. */
  readonly open: Map<string, Ask>
  /** How many there were: numbers the keys. */
  asked: number
  /** What the server said while its questions were gathered: for the next request. */
  readonly held: Update[]
}

/** The next thing that the call says to whichever request is with it. */
export function nextStep(course: Course): Promise<Step> {
  const held = course.questions?.held.shift()
  if (held) return Promise.resolve({ done: false, value: held })
  const next = course.next ?? course.reply.next()
  course.next = undefined
  return next
}

/** Adds a question to those that the client is to be asked. */
export function noteAsk(course: Course, ask: Ask): Questions {
  const questions = (course.questions ??= { open: new Map(), asked: 0, held: [] })
  const key = `${ask.method.slice(0, ask.method.indexOf('/'))}-${++questions.asked}`
  questions.open.set(key, ask)
  ask.withdrawn.onCancel(() => void questions.open.delete(key))
  return questions
}

/** The open questions, as `inputRequests`. */
export function inputRequestsFor({ open }: Questions): RawObject {
  return inputRequestsOf(new Map([...open].map(([key, ask]) => [key, inputRequestOf(ask)])))
}

/** Ends a call that nobody waits for any more, wherever it is. */
export function abandon(course: Course, reason: string): void {
  // In this order: a return() alone would wait behind the step that is pending.
  course.call.cancel.cancel(reason)
  course.next?.catch(() => undefined)
  course.reply.return(undefined as never).catch(() => undefined)
  course.over()
}
