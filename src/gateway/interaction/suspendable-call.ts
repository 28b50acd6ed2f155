/**
 * The course of a call of a client without a session: one request of its, or several one after the other when the
 * server asks in mid-call. Requests come and go (turn.ts); between two of them the call waits (suspended.ts).
 */
import type { Clock } from '../../base/clock.ts'
import { type MemoryAccount, Portion } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { InputRequest, Call, Outcome, Reply, Update } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'
import { inputRequestOf, inputRequestsOf, unanswered } from '../../protocol/bridge/input-requests.ts'

export type Step = IteratorResult<Update, Outcome>

export interface SuspendableCall {
  readonly call: Call
  readonly reply: Reply
  /** The step that was asked for and that nobody has taken. */
  next: Coming | undefined
  /** Undefined as long as the server has asked nothing. */
  questions: Questions | undefined
  /** Counts what the call keeps, wherever it is; closed at its end. */
  readonly memory: MemoryAccount
  /** Says that the call is no longer worked on: it is over, or waits for its client. */
  over: () => void
}

/** A step on its way, with one to be told when it is there: however often a client comes by in vain, it stays one. */
interface Coming {
  readonly step: Promise<Step>
  isThere: boolean
  tell: (() => void) | undefined
  /** Counts what it says, once it is known that it waits for a client. */
  memory: Portion | undefined
}

export interface Questions {
  /** Those that wait for an answer, by the key that the client knows them by. */
  readonly open: Map<string, InputRequest>
  /** How many there were: numbers the keys. */
  asked: number
  /** What the server said meanwhile: for the next request. */
  readonly held: Update[]
}

/** What is held back at most, in updates and in characters: what is older is forgotten. */
const maxHeld = { updates: 100, chars: 1024 * 1024 }

/** The next thing that the call says to whichever request is with it. What was held back comes first. */
export function nextStep(suspendable: SuspendableCall): Promise<Step> {
  const held = suspendable.questions?.held.shift()
  if (held) {
    suspendable.memory.release(heldBytesOf(held.params))
    return Promise.resolve({ done: false, value: held })
  }
  const next = suspendable.next?.step ?? suspendable.reply.next()
  takeNext(suspendable)
  return next
}

/** The next step has been taken. */
export function takeNext(suspendable: SuspendableCall): void {
  suspendable.next?.memory?.close()
  suspendable.next = undefined
}

/** The next step, left where it is until it is taken. */
function coming(suspendable: SuspendableCall): Coming {
  if (suspendable.next) return suspendable.next
  const next: Coming = { step: suspendable.reply.next(), isThere: false, tell: undefined, memory: undefined }
  const there = (): void => {
    next.isThere = true
    next.tell?.()
  }
  next.step.then(there, there)
  return (suspendable.next = next)
}

/** What the call says next if it says it in time; it still is the next step then. Throws how the call failed. */
export async function lookAhead(suspendable: SuspendableCall, ms: number, clock: Clock): Promise<Step | undefined> {
  const next = coming(suspendable)
  if (!next.isThere) {
    await new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve)
      next.tell = () => {
        timer.stop()
        resolve()
      }
    })
  }
  return next.isThere ? next.step : undefined
}

/** Keeps what the call says for the next request of its client; instead of what is older, where there is no room. */
export function holdBack({ memory }: SuspendableCall, { held }: Questions, update: Update): void {
  const bytes = heldBytesOf(update.params)
  const forgetOldest = (): void => memory.release(heldBytesOf(held.shift()?.params))
  let kept = memory.take(bytes)
  while (kept !== 'kept' && held.length > 0) {
    forgetOldest()
    kept = memory.take(bytes)
  }
  if (kept !== 'kept') return
  // A copy: the reply forgets what it has passed on.
  held.push({ ...update })
  let chars = 0
  for (const { params } of held) chars += params?.text.length ?? 0
  while (held.length > maxHeld.updates || (chars > maxHeld.chars && held.length > 1)) {
    chars -= held[0]?.params?.text.length ?? 0
    forgetOldest()
  }
}

/**
 * Hears what the call says while no request is with it, so that its end is noticed and its process is free again. A
 * question waits for the next request. Returns how to stop.
 */
export function listenOn(suspendable: SuspendableCall, questions: Questions): () => void {
  let isOver = false
  const take = (step: Step): void => {
    if (isOver || letWait(suspendable, step)) return
    takeNext(suspendable)
    if (step.done === true)
      suspendable.next = failed(new Refusal('result_too_large', { message: 'No memory for the result.' }))
    else {
      if (step.value.kind === 'ask') step.value.answer(errorAnswer(-32603, tooMuch), true)
      else holdBack(suspendable, questions, step.value)
      listen()
    }
  }
  const listen = (): void => {
    const next = coming(suspendable)
    // Whoever comes back learns how it failed.
    const hear = (): void => void next.step.then(take, () => undefined)
    if (next.isThere) hear()
    else next.tell = hear
  }
  listen()
  return () => {
    isOver = true
  }
}

/** Whether the next step may stay where it is until its client comes back: its end, or a question. */
function letWait(suspendable: SuspendableCall, step: Step): boolean {
  if (step.done !== true && step.value.kind !== 'ask') return false
  const memory = new Portion(suspendable.memory)
  const answer = step.done === true ? step.value.answer : undefined
  const said = step.done === true ? (answer?.kind === 'result' ? answer.result : answer?.error) : step.value.params
  if (memory.take(heldBytesOf(said)) !== 'kept' || !suspendable.next) return false
  suspendable.next.memory = memory
  return true
}

/** A next step that is there, and has failed. */
function failed(refusal: Refusal): Coming {
  const step = Promise.reject<Step>(refusal)
  step.catch(() => undefined)
  return { step, isThere: true, tell: undefined, memory: undefined }
}

/** What a server is told that asks more than may wait for its client. */
const tooMuch = 'The client has too much to answer already'
/** What a question takes besides what it says, in bytes. */
const askBytes = 512

/**
 * Adds a question to those that the client is to be asked.
 * @returns undefined if there is no memory for it; the server is told
 */
export function noteAsk(suspendable: SuspendableCall, inputRequest: InputRequest): Questions | undefined {
  const memory = new Portion(suspendable.memory)
  if (memory.take(askBytes + heldBytesOf(inputRequest.params)) !== 'kept') {
    inputRequest.answer(errorAnswer(-32603, tooMuch), true)
    return undefined
  }
  const questions = (suspendable.questions ??= { open: new Map(), asked: 0, held: [] })
  const key = `${inputRequest.method.slice(0, inputRequest.method.indexOf('/'))}-${++questions.asked}`
  const counted: InputRequest = {
    ...inputRequest,
    answer(answer, expired) {
      memory.close()
      inputRequest.answer(answer, expired)
    },
  }
  questions.open.set(key, counted)
  inputRequest.withdrawn.onCancel(() => {
    memory.close()
    questions.open.delete(key)
  })
  return questions
}

/** The open questions, as `inputRequests`. */
export function inputRequestsFor({ open }: Questions): RawObject {
  return inputRequestsOf(new Map([...open].map(([key, inputRequest]) => [key, inputRequestOf(inputRequest)])))
}

/** Nobody will answer what is still asked: the server is told. */
export function dropQuestions({ questions }: SuspendableCall): void {
  for (const inputRequest of questions?.open.values() ?? []) inputRequest.answer(unanswered(inputRequest.method))
  questions?.open.clear()
}

/** Ends a call that nobody waits for any more, wherever it is. */
export function abandon(suspendable: SuspendableCall, reason: string): void {
  dropQuestions(suspendable)
  // One that nobody has looked at yet.
  void suspendable.next?.step.then(
    ({ done, value }) => done !== true && value.kind === 'ask' && value.answer(unanswered(value.method)),
    () => undefined,
  )
  // In this order: a return() alone would wait behind the step that is pending.
  suspendable.call.cancel.cancel(reason)
  suspendable.reply.return(undefined as never).catch(() => undefined)
  suspendable.memory.close()
  suspendable.over()
}
