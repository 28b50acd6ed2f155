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
  /** Called once at its end. */
  readonly ended: (end: CallEnd) => void
}

export class ControlledReply implements Reply {
  readonly #begin: () => BegunCall
  #begun: BegunCall | undefined
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
      this.#begun ??= this.#begin()
    } catch (error) {
      this.#isOver = true
      return Promise.reject(error)
    }
    return this.#begun.reply.next().then(this.#stepped, this.#failed)
  }

  async return(outcome: Outcome | PromiseLike<Outcome>): Promise<IteratorResult<Update, Outcome>> {
    const value = await outcome
    const begun = this.#begun
    if (!begun || this.#isOver) {
      this.#isOver = true
      return { done: true, value }
    }
    try {
      return await begun.reply.return(value)
    } finally {
      this.#end({})
    }
  }

  async throw(error: unknown): Promise<IteratorResult<Update, Outcome>> {
    await this.return(undefined as never)
    throw error
  }

  readonly #stepped = (step: IteratorResult<Update, Outcome>): IteratorResult<Update, Outcome> => {
    if (step.done === true) this.#end({ outcome: step.value })
    return step
  }

  readonly #failed = (error: unknown): never => {
    this.#end({ error })
    throw error
  }

  #end(end: CallEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#begun?.ended(end)
  }
}
