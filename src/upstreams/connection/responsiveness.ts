/**
 * Whether a worker responds. Silence alone does not show that it hangs: a tool that computes without a pause answers no
 * ping. So a worker that does not respond gets no new call, and nothing else follows.
 */
export class Responsiveness {
  /** When the worker last sent a line, in milliseconds of the clock. */
  heardAtMs: number
  /** Called when the worker sends a line after it did not respond. */
  onRecovered: (() => void) | undefined
  #busySinceMs: number
  #askedAtMs: number
  #responds = true

  constructor(nowMs: number) {
    this.heardAtMs = this.#busySinceMs = this.#askedAtMs = nowMs
  }

  /** False from an unanswered ping until the worker sends any line. */
  get responds(): boolean {
    return this.#responds
  }

  /** The worker has sent a line. */
  heard(nowMs: number): void {
    this.heardAtMs = nowMs
    if (this.#responds) return
    this.#responds = true
    this.onRecovered?.()
  }

  /** A call begins while no other is in flight: silence before it does not count. */
  busy(nowMs: number): void {
    this.#busySinceMs = nowMs
  }

  /** Whether a ping is due: for `afterMs` with calls in flight, the worker sent nothing and got no ping. */
  isPingDue(nowMs: number, afterMs: number): boolean {
    return nowMs - Math.max(this.heardAtMs, this.#busySinceMs, this.#askedAtMs) >= afterMs
  }

  /** A ping is sent. */
  asked(nowMs: number): void {
    this.#askedAtMs = nowMs
  }

  /** A ping sent at `sinceMs` was not answered. @returns whether the worker has just stopped responding */
  unanswered(sinceMs: number): boolean {
    if (this.heardAtMs >= sinceMs || !this.#responds) return false
    this.#responds = false
    return true
  }
}
