/**
 * The reply of a call that counts: its turn is taken with its first step, and given back when it is over. Not a generator
 * around the reply of the upstream, which would cost each step one more promise and turn of the queue.
 */
import type { Outcome, Reply, Update } from '../../protocol/call.ts'

/** How a call ended: with an outcome, with an error, or because its reply was returned early (neither). */
export interface CallEnd {
  readonly outcome?: Outcome
  readonly error?: unknown
}

/** A call that has begun. */
export interface BegunCall {
  readonly reply: Reply
  /** Called with each update. @returns what is passed on in its place */
  pass?(update: Update): Update
  /** Called when the reply has failed. @returns the reply in its place, if the call runs once more */
  again?(error: unknown): Reply | undefined
  /** Called once at its end. @returns the error that the call ends with, in place of that of the end */
  ended(end: CallEnd): unknown
}

export class ControlledReply implements Reply {
  readonly #begin: () => BegunCall
  #begun: BegunCall | undefined
  /** What the call runs on: that of `#begun`, until it runs once more. */
  #reply: Reply | undefined
  #isOver = false

  /** @param begin called with the first step; what it throws ends the call */
  constructor(begin: () => BegunCall) {
    this.#begin = begin
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return(undefined as never)
  }

  next(): Promise<IteratorResult<Update, Outcome>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined as never })
    try {
      this.#reply ??= (this.#begun ??= this.#begin()).reply
    } catch (error) {
      this.#isOver = true
      return Promise.reject(error)
    }
    return this.#reply.next().then(this.#stepped, this.#failed)
  }

  async return(outcome: Outcome | PromiseLike<Outcome>): Promise<IteratorResult<Update, Outcome>> {
    const value = await outcome
    if (!this.#reply || this.#isOver) {
      this.#isOver = true
      return { done: true, value }
    }
    try {
      return await this.#reply.return(value)
    } finally {
      this.#end({})
    }
  }

  async throw(error: unknown): Promise<IteratorResult<Update, Outcome>> {
    await this.return(undefined as never)
    throw error
  }

  readonly #stepped = (step: IteratorResult<Update, Outcome>): IteratorResult<Update, Outcome> => {
    if (step.done === true) {
      this.#end({ outcome: step.value })
      return step
    }
    const passed = this.#begun?.pass?.(step.value) ?? step.value
    return passed === step.value ? step : { done: false, value: passed }
  }

  readonly #failed = (error: unknown): Promise<IteratorResult<Update, Outcome>> => {
    const again = this.#isOver ? undefined : this.#begun?.again?.(error)
    if (!again) throw this.#end({ error }) ?? error
    this.#reply = again
    return again.next().then(this.#stepped, this.#failed)
  }

  #end(end: CallEnd): unknown {
    if (this.#isOver) return undefined
    this.#isOver = true
    return this.#begun?.ended(end)
  }
}
