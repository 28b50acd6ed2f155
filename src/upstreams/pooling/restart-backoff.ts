/**
 * When a process may be started again after it failed: with growing pauses, and not at all for a while once it
 * failed too often. Pure: times go in, decisions come out.
 *
 * Not a circuit breaker of a library: those count executions of a function, this counts deaths of a process between
 * calls as well.
 */
const windowMs = 60_000
const openAfter = 5
const openMs = 30_000
/** To try again what could not even be run costs next to nothing, and it may be there again at any time. */
const openNotRunMs = 5000
const firstPauseMs = 500
const longestPauseMs = 30_000

export class RestartBackoff {
  #failures: number[] = []
  #openMs = openMs

  /**
   * A process died or could not be started at `nowMs`.
   * @param hasRun false if there was none, since the program could not be run
   */
  failed(nowMs: number, hasRun: boolean = true): void {
    this.#failures = [...this.#failures.filter((at) => at > nowMs - windowMs), nowMs]
    this.#openMs = hasRun ? openMs : openNotRunMs
  }

  /** The last failure was none of its own. */
  forgive(): void {
    this.#failures.pop()
  }

  /** Milliseconds to wait before the next start; 0 if it may be now. */
  pauseMs(nowMs: number): number {
    const recent = this.#failures.filter((at) => at > nowMs - windowMs)
    const last = recent.at(-1)
    if (last === undefined) return 0
    const pause =
      recent.length >= openAfter ? this.#openMs : Math.min(longestPauseMs, firstPauseMs * 2 ** (recent.length - 1))
    return Math.max(0, last + pause - nowMs)
  }

  /** Whether calls are refused at once instead of waiting for the next start. */
  isOpen(nowMs: number): boolean {
    return this.#failures.filter((at) => at > nowMs - windowMs).length >= openAfter && this.pauseMs(nowMs) > 0
  }
}
