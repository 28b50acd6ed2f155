/**
 * When a worker may be started again after a failure: with growing pauses, and not at all for a while after too many
 * failures. Pure: times in, decisions out.
 *
 * No library for circuit breakers: those count calls of a function, this also counts crashes between calls.
 */
import { type BackOff, backOffMs } from '../../base/backoff.ts'

const windowMs = 60_000
/** After so many failures within the window, calls are refused at once, for this long: the circuit is open. */
const maxFailures = 5
const refusalMs = 30_000
/** For a program that cannot be run at all: an attempt costs next to nothing, and it may be installed at any time. */
const refusalNotRunMs = 5000
const firstPauseMs = 500
const longestPauseMs = 30_000
const pauses: BackOff = { firstMs: firstPauseMs, longestMs: longestPauseMs }

export class RestartBackoff {
  #failures: number[] = []
  #refusalMs = refusalMs

  /**
   * A worker crashed or could not be started at `nowMs`.
   * @param hasRun false if the program could not be run at all
   */
  failed(nowMs: number, hasRun: boolean = true): void {
    this.#failures = [...this.#failures.filter((at) => at > nowMs - windowMs), nowMs]
    this.#refusalMs = hasRun ? refusalMs : refusalNotRunMs
  }

  /** Takes the last failure back: it had another cause. */
  forgive(): void {
    this.#failures.pop()
  }

  /** Milliseconds to wait before the next start; 0 if it may be now. */
  pauseMs(nowMs: number): number {
    const recent = this.#failures.filter((at) => at > nowMs - windowMs)
    const last = recent.at(-1)
    if (last === undefined) return 0
    const pause = recent.length >= maxFailures ? this.#refusalMs : backOffMs(pauses, recent.length)
    return Math.max(0, last + pause - nowMs)
  }

  /** Whether calls are refused at once instead of waiting for the next start. */
  refusesAtOnce(nowMs: number): boolean {
    return this.#failures.filter((at) => at > nowMs - windowMs).length >= maxFailures && this.pauseMs(nowMs) > 0
  }
}
