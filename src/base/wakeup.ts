/**
 * Waits for somebody else to have news, or for there to be none for a while: what keeps an event stream alive and
 * sends it on. A ring that nobody waits for is kept for whoever waits next.
 */
import type { CoarseTimers } from './coarse-timers.ts'

export class Wakeup {
  readonly #timers: CoarseTimers
  readonly #quietMs: number
  #isRung = false
  #wake: (() => void) | undefined

  /** @param quietMs how long without a ring is quiet */
  constructor(timers: CoarseTimers, quietMs: number) {
    this.#timers = timers
    this.#quietMs = quietMs
  }

  notify(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** Forgets earlier rings: what they told of is looked at from here on. */
  clear(): void {
    this.#isRung = false
  }

  /** Resolves at the next ring, or with `quiet`. One waiter at a time. */
  next(): Promise<'rung' | 'quiet'> {
    if (this.#isRung) {
      this.#isRung = false
      return Promise.resolve('rung')
    }
    return new Promise((resolve) => {
      const stop = this.#timers.after(this.#quietMs, () => {
        this.#wake = undefined
        resolve('quiet')
      })
      this.#wake = () => {
        this.#wake = undefined
        this.#isRung = false
        stop()
        resolve('rung')
      }
    })
  }
}
