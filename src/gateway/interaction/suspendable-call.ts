/**
 * A call of a client without a session. It may take several requests of the client, one after the other, when the
 * server asks for input in mid-call: each request attaches to the call (modern/call-request.ts), and between two of
 * them the call is suspended (suspended-calls.ts).
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
  /** The name of the endpoint that it was made at. */
  readonly endpoint: string
  readonly reply: Reply
  /** The step that was requested from the reply and is not taken yet. */
  next: PendingStep | undefined
  /** Undefined until the server sends its first input request. */
  inputRequests: InputRequests | undefined
  /** Its id among the suspended calls, by which a request finds it again; undefined if it never was suspended. */
  callId: string | undefined
  /** Counts what the call keeps, attached or suspended; closed at its end. */
  readonly memory: MemoryAccount
  /** A shutdown no longer waits for the call: called when it has ended or is suspended. Calling it again does nothing. */
  leaveDrain: () => void
}

/**
 * A step that is still pending. It has one listener, replaced by each request that waits, so that listeners cannot pile
 * up.
 */
interface PendingStep {
  readonly step: Promise<Step>
  isSettled: boolean
  onSettled: (() => void) | undefined
  /** Counts the content of the step while it waits for a client. */
  memory: Portion | undefined
}

/** The input requests of a call, and what waits with them. */
export interface InputRequests {
  /** Those without an answer, by the key under which the client sees them. */
  readonly open: Map<string, InputRequest>
  /** How many there were so far: numbers the keys. */
  asked: number
  /** Notifications that came while the call was suspended, for the next request. */
  readonly held: Update[]
}

/** The most that is held back, in updates and in characters: older updates are dropped. */
const maxHeld = { updates: 100, chars: 1024 * 1024 }

/** The next step for the attached request. Updates that were held back come first. */
export function nextStep(suspendable: SuspendableCall): Promise<Step> {
  const held = suspendable.inputRequests?.held.shift()
  if (held) {
    suspendable.memory.release(heldBytesOf(held.params))
    return Promise.resolve({ done: false, value: held })
  }
  const next = suspendable.next?.step ?? suspendable.reply.next()
  takeNext(suspendable)
  return next
}

/** Marks the next step as taken. */
export function takeNext(suspendable: SuspendableCall): void {
  suspendable.next?.memory?.close()
  suspendable.next = undefined
}

/** The next step, which stays pending until it is taken. */
function pendingStep(suspendable: SuspendableCall): PendingStep {
  if (suspendable.next) return suspendable.next
  const next: PendingStep = {
    step: suspendable.reply.next(),
    isSettled: false,
    onSettled: undefined,
    memory: undefined,
  }
  const settle = (): void => {
    next.isSettled = true
    next.onSettled?.()
  }
  next.step.then(settle, settle)
  return (suspendable.next = next)
}

/**
 * The next step, if it comes within `ms` milliseconds; it stays the next step. Throws the error of a call that failed.
 */
export async function lookAhead(suspendable: SuspendableCall, ms: number, clock: Clock): Promise<Step | undefined> {
  const next = pendingStep(suspendable)
  if (!next.isSettled) {
    await new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve)
      next.onSettled = () => {
        timer.stop()
        resolve()
      }
    })
  }
  return next.isSettled ? next.step : undefined
}

/** Keeps an update for the next request of the client. Where there is no memory, it replaces older ones. */
export function holdBack({ memory }: SuspendableCall, { held }: InputRequests, update: Update): void {
  const bytes = heldBytesOf(update.params)
  const forgetOldest = (): void => memory.release(heldBytesOf(held.shift()?.params))
  let reservation = memory.take(bytes)
  while (reservation !== 'reserved' && held.length > 0) {
    forgetOldest()
    reservation = memory.take(bytes)
  }
  if (reservation !== 'reserved') return
  // A copy: the reply clears an update once it has passed it on.
  held.push({ ...update })
  let chars = 0
  for (const { params } of held) chars += params?.text.length ?? 0
  while (held.length > maxHeld.updates || (chars > maxHeld.chars && held.length > 1)) {
    chars -= held[0]?.params?.text.length ?? 0
    forgetOldest()
  }
}

/**
 * Reads the updates of a suspended call, so that its end is noticed and its worker becomes free. The outcome or an
 * input request stays pending for the next request of the client. The returned function stops it.
 */
export function readWhileSuspended(suspendable: SuspendableCall, inputRequests: InputRequests): () => void {
  let isOver = false
  const take = (step: Step): void => {
    if (isOver || keepPending(suspendable, step)) return
    takeNext(suspendable)
    if (step.done === true)
      suspendable.next = failed(new Refusal('result_too_large', { message: 'No memory for the result.' }))
    else {
      if (step.value.kind === 'input_request') step.value.answer(errorAnswer(-32603, tooMuch), true)
      else holdBack(suspendable, inputRequests, step.value)
      readNext()
    }
  }
  const readNext = (): void => {
    const next = pendingStep(suspendable)
    // A failure stays pending: the next request of the client gets it.
    const onSettled = (): void => void next.step.then(take, () => undefined)
    if (next.isSettled) onSettled()
    else next.onSettled = onSettled
  }
  readNext()
  return () => {
    isOver = true
  }
}

/**
 * Leaves an outcome or an input request pending until the next request of the client.
 * @returns false for a notification, and where there is no memory for it
 */
function keepPending(suspendable: SuspendableCall, step: Step): boolean {
  if (step.done !== true && step.value.kind !== 'input_request') return false
  const memory = new Portion(suspendable.memory)
  const answer = step.done === true ? step.value.answer : undefined
  const content = step.done === true ? (answer?.kind === 'result' ? answer.result : answer?.error) : step.value.params
  if (memory.take(heldBytesOf(content)) !== 'reserved' || !suspendable.next) return false
  suspendable.next.memory = memory
  return true
}

/** A pending step that has failed. */
function failed(refusal: Refusal): PendingStep {
  const step = Promise.reject<Step>(refusal)
  step.catch(() => undefined)
  return { step, isSettled: true, onSettled: undefined, memory: undefined }
}

/** The error for input requests that exceed what may be kept for the client. */
const tooMuch = 'The client has too much to answer already'
/** Memory of an input request besides its params, in bytes. */
const inputRequestBytes = 512

/**
 * Adds an input request to those for the client.
 * @returns undefined if there is no memory for it: the server then gets an error
 */
export function addInputRequest(suspendable: SuspendableCall, inputRequest: InputRequest): InputRequests | undefined {
  const memory = new Portion(suspendable.memory)
  if (memory.take(inputRequestBytes + heldBytesOf(inputRequest.params)) !== 'reserved') {
    inputRequest.answer(errorAnswer(-32603, tooMuch), true)
    return undefined
  }
  const inputRequests = (suspendable.inputRequests ??= { open: new Map(), asked: 0, held: [] })
  const key = `${inputRequest.method.slice(0, inputRequest.method.indexOf('/'))}-${++inputRequests.asked}`
  const counted: InputRequest = {
    ...inputRequest,
    answer(answer, expired) {
      memory.close()
      inputRequest.answer(answer, expired)
    },
  }
  inputRequests.open.set(key, counted)
  inputRequest.withdrawn.onCancel(() => {
    memory.close()
    inputRequests.open.delete(key)
  })
  return inputRequests
}

/** The unanswered input requests, as the member `inputRequests` of a result. */
export function inputRequestsFor({ open }: InputRequests): RawObject {
  return inputRequestsOf(new Map([...open].map(([key, inputRequest]) => [key, inputRequestOf(inputRequest)])))
}

/** Answers all open input requests with an error. */
export function rejectInputRequests({ inputRequests }: SuspendableCall): void {
  for (const inputRequest of inputRequests?.open.values() ?? []) inputRequest.answer(unanswered(inputRequest.method))
  inputRequests?.open.clear()
}

/** Ends a call that no request will take up again, attached or suspended. */
export function abandon(suspendable: SuspendableCall, reason: string): void {
  rejectInputRequests(suspendable)
  // An input request that is still pending was not added to those for the client.
  void suspendable.next?.step.then(
    ({ done, value }) => done !== true && value.kind === 'input_request' && value.answer(unanswered(value.method)),
    () => undefined,
  )
  // Cancel first: return() alone would wait behind the pending step.
  suspendable.call.cancel.cancel(reason)
  suspendable.reply.return(undefined as never).catch(() => undefined)
  suspendable.memory.close()
  suspendable.leaveDrain()
}
