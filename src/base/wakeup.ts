/**
 * Wakes one waiter: it waits for a notification, or for a time without one. An event stream sends its events on a
 * notification, and a keep-alive comment after a quiet time. A notification without a waiter is kept for the next waiter.
 */
import type { CoarseTimers } from './coarse-timers.ts'

export class Wakeup {
  readonly #timers: CoarseTimers | undefined
  readonly #quietMs: number
  #isNotified = false
  /** Resolves the wait; undefined if there is none. */
  #resolve: ((woken: 'notified' | 'quiet') => void) | undefined
  #stopTimer: (() => void) | undefined

  /**
   * @param timers without them, `next` waits for a notification as long as it takes
   * @param quietMs how long `next` waits for a notification before it resolves with `quiet`
   */
  constructor(timers?: CoarseTimers, quietMs: number = Infinity) {
    this.#timers = timers
    this.#quietMs = quietMs
  }

  /** Whether a waiter waits now. */
  get isAwaited(): boolean {
    return this.#resolve !== undefined
  }

  notify(): void {
    if (this.#resolve) this.#end('notified')
    else this.#isNotified = true
  }

  /** Forgets earlier notifications: call it before looking at what they announced. */
  clear(): void {
    this.#isNotified = false
  }

  /** Resolves with `notified` at the next notification, or with `quiet` after a quiet time. One waiter at a time. */
  next(): Promise<'notified' | 'quiet'> {
    if (this.#isNotified) {
      this.#isNotified = false
      return Promise.resolve('notified')
    }
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#stopTimer = this.#timers?.after(this.#quietMs, () => this.#end('quiet'))
    })
  }

  #end(woken: 'notified' | 'quiet'): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    this.#stopTimer?.()
    resolve?.(woken)
  }
}
