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

/** What has failed: a worker `ended` after it had answered, did not `start`, or its program could `not_run` at all. */
export type WorkerFailure = 'ended' | 'start' | 'not_run'

export class RestartBackoff {
  #failures: Array<{ readonly atMs: number; readonly failure: WorkerFailure }> = []

  /** A worker failed at `nowMs`. */
  failed(nowMs: number, failure: WorkerFailure): void {
    this.#failures = [...this.#recent(nowMs), { atMs: nowMs, failure }]
  }

  /** Milliseconds to wait before the next start; 0 if it may be now. */
  pauseMs(nowMs: number): number {
    const recent = this.#recent(nowMs)
    const last = recent.at(-1)
    if (last === undefined) return 0
    const longMs = last.failure === 'not_run' ? refusalNotRunMs : refusalMs
    const pause = recent.length >= maxFailures ? longMs : backOffMs(pauses, recent.length)
    return Math.max(0, last.atMs + pause - nowMs)
  }

  /**
   * Whether calls are refused at once instead of waiting for the next start: after too many failures, and after a start
   * that has failed, because the next one will most likely fail as well.
   */
  refusesAtOnce(nowMs: number): boolean {
    const recent = this.#recent(nowMs)
    const isKnownToFail = recent.length >= maxFailures || (recent.at(-1)?.failure ?? 'ended') !== 'ended'
    return isKnownToFail && this.pauseMs(nowMs) > 0
  }

  #recent(nowMs: number): Array<{ readonly atMs: number; readonly failure: WorkerFailure }> {
    return this.#failures.filter(({ atMs }) => atMs > nowMs - windowMs)
  }
}
