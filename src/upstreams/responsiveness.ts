/**
 * When a worker last sent anything, and when a ping is due. Silence alone does not show that it hangs: a tool that
 * computes without a pause answers no ping. So a worker that answers no ping gets no new call, and nothing else follows.
 */
export class Responsiveness {
  /** When the worker last sent a line, in milliseconds of the clock. */
  heardAtMs: number
  #busySinceMs: number
  #askedAtMs: number

  constructor(nowMs: number) {
    this.heardAtMs = this.#busySinceMs = this.#askedAtMs = nowMs
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
}
