/**
 * The reply of a member, with its names and URIs as clients see them. Not a generator around the reply, which would cost
 * each call a promise and a turn of the queue more for every step.
 */
import { forget, type Outcome, type Reply, type Update } from '../protocol/call.ts'
import type { Translation } from './translation.ts'

/** The member's reply, and what translates it; undefined if nothing in it is to be changed. */
export interface Begun {
  readonly reply: Reply
  readonly translation: Translation | undefined
}

/** A reply without updates. */
export class OutcomeAlone implements Reply {
  #run: (() => Promise<Outcome>) | undefined

  /** @param run called at the first step */
  constructor(run: () => Promise<Outcome>) {
    this.#run = run
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Update, Outcome>> {
    const run = this.#run
    this.#run = undefined
    return { done: true, value: run ? await run() : (undefined as never) }
  }

  async return(outcome: Outcome | PromiseLike<Outcome>): Promise<IteratorResult<Update, Outcome>> {
    this.#run = undefined
    return { done: true, value: await outcome }
  }

  throw(error: unknown): Promise<IteratorResult<Update, Outcome>> {
    this.#run = undefined
    return Promise.reject(error)
  }
}

export class RoutedReply implements Reply {
  readonly #method: string
  readonly #begin: () => Begun | Promise<Begun>
  #begun: Begun | undefined
  /** Whether it was ended before its first step. */
  #isOver = false

  /** @param begin called at the first step: nothing is sent before. May throw a `Refusal` */
  constructor(method: string, begin: () => Begun | Promise<Begun>) {
    this.#method = method
    this.#begin = begin
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Update, Outcome>> {
    if (this.#begun) return this.#next(this.#begun)
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined as never })
    try {
      const begun = this.#begin()
      return begun instanceof Promise ? begun.then((one) => this.#first(one)) : this.#first(begun)
    } catch (error) {
      this.#isOver = true
      return Promise.reject(error)
    }
  }

  async return(outcome: Outcome | PromiseLike<Outcome>): Promise<IteratorResult<Update, Outcome>> {
    this.#isOver = true
    const value = await outcome
    return this.#begun ? this.#begun.reply.return(value) : { done: true, value }
  }

  async throw(error: unknown): Promise<IteratorResult<Update, Outcome>> {
    await this.return(undefined as never)
    throw error
  }

  #first(begun: Begun): Promise<IteratorResult<Update, Outcome>> {
    this.#begun = begun
    // It was ended while its member was looked for.
    if (this.#isOver) return begun.reply.return(undefined as never)
    return this.#next(begun)
  }

  #next({ reply, translation }: Begun): Promise<IteratorResult<Update, Outcome>> {
    const step = reply.next()
    return translation ? step.then((one) => translatedStep(one, this.#method, translation)) : step
  }
}

function translatedStep(
  step: IteratorResult<Update, Outcome>,
  method: string,
  translation: Translation,
): IteratorResult<Update, Outcome> {
  // A step after the end has no value.
  if (step.done !== true) {
    const translated = translatedUpdate(step.value, translation)
    if (translated !== step.value) forget(step.value)
    return { done: false, value: translated }
  }
  return step.value === undefined ? step : { done: true, value: translatedOutcome(step.value, method, translation) }
}

/** What a server sends, in a call or outside of one. */
export function translatedUpdate(update: Update, translation: Translation): Update {
  const { params } = update
  const shown = params && translation.params(update.method, params)
  if (shown === params) return update
  // The update itself stays as it is: outside of calls, several subscribers get the same one.
  return { ...update, params: shown }
}

function translatedOutcome(outcome: Outcome, method: string, translation: Translation): Outcome {
  const { answer } = outcome
  if (answer.kind === 'error') {
    const error = translation.error(answer.error)
    return error === answer.error ? outcome : { ...outcome, answer: { kind: 'error', error } }
  }
  const result = translation.result(method, answer.result)
  return result === answer.result ? outcome : { ...outcome, answer: { kind: 'result', result } }
}
