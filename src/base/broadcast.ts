/** Wakes all that wait for a change. A change without a waiter is forgotten: look first, then wait. */
import { Cancel } from './cancel.ts'
import { type Clock, pauseUnless } from './clock.ts'

export class Broadcast {
  #next = new Cancel()

  notify(): void {
    const waited = this.#next
    this.#next = new Cancel()
    waited.cancel('there is a change')
  }

  /** Resolves at the next notification, after `ms` milliseconds, or when one of `ends` fires. */
  next(clock: Clock, ms: number, ends: readonly Cancel[] = []): Promise<void> {
    return pauseUnless([this.#next, ...ends], clock, ms)
  }
}
