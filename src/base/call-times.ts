/** How long calls take: for how long others probably wait that come after them. */
import { LeastDuration } from './least-duration.ts'

/** So many calls count as those of late. */
const fewCalls = 8

export class CallTimes {
  readonly #least = new LeastDuration()
  #count = 0
  #usualMs = 0

  /** How long a call takes, in milliseconds: those of late count most. */
  get usualMs(): number {
    return this.#usualMs
  }

  /** How long the quickest of late took, in milliseconds. */
  get leastMs(): number {
    return this.#least.ms
  }

  /** Whether there were enough of them to tell. */
  get areKnown(): boolean {
    return this.#count >= fewCalls
  }

  add(ms: number): void {
    this.#count++
    this.#least.add(ms)
    this.#usualMs += (ms - this.#usualMs) / Math.min(this.#count, fewCalls)
  }
}
