/** How often something may happen: a burst, and so many a second beyond it (a token bucket). Pure but for the clock. */
import type { Clock } from './clock.ts'

export class TokenBucket {
  readonly #clock: Clock
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
    this.#atMs = clock.now()
  }

  /** Takes one; false if it is one too many. */
  take(): boolean {
    const now = this.#clock.now()
    // A clock that was set back gives nothing and takes nothing.
    const earned = (Math.max(0, now - this.#atMs) * this.#perSecond) / 1000
    this.#left = Math.min(this.#burst, this.#left + earned)
    this.#atMs = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
