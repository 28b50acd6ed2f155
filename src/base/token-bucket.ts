/** A token bucket: allows a burst, then so many events a second. Pure except for the clock. */
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

  /** Takes one token. Returns false if none is left. */
  take(): boolean {
    const now = this.#clock.now()
    // If the clock went back, the bucket neither gains nor loses tokens.
    const earned = (Math.max(0, now - this.#atMs) * this.#perSecond) / 1000
    this.#left = Math.min(this.#burst, this.#left + earned)
    this.#atMs = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
