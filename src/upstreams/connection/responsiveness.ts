/**
 * Whether one process still responds, by what came from it. Silence alone proves nothing: a tool that computes without
 * a pause answers no ping. So a process that does not respond is given no new call, and nothing else follows from it.
 */
export class Responsiveness {
  /** When something last came from the process, in milliseconds of the clock. */
  heardAtMs: number
  /** Called when the process is heard again after it was marked. */
  onRecovered: (() => void) | undefined
  #busySinceMs: number
  #askedAtMs: number
  #responds = true

  constructor(nowMs: number) {
    this.heardAtMs = this.#busySinceMs = this.#askedAtMs = nowMs
  }

  /** False from an unanswered ping until the process says anything. */
  get responds(): boolean {
    return this.#responds
  }

  /** A line has come. */
  heard(nowMs: number): void {
    this.heardAtMs = nowMs
    if (this.#responds) return
    this.#responds = true
    this.onRecovered?.()
  }

  /** A call begins while no other one is in flight: silence before it means nothing. */
  busy(nowMs: number): void {
    this.#busySinceMs = nowMs
  }

  /** Whether a ping is due: nothing was heard, and no ping sent, for so long with calls in flight. */
  isPingDue(nowMs: number, afterMs: number): boolean {
    return nowMs - Math.max(this.heardAtMs, this.#busySinceMs, this.#askedAtMs) >= afterMs
  }

  /** A ping is sent. */
  asked(nowMs: number): void {
    this.#askedAtMs = nowMs
  }

  /** A ping that was sent then has no answer. @returns whether the process was thought to respond until now */
  unanswered(sinceMs: number): boolean {
    if (this.heardAtMs >= sinceMs || !this.#responds) return false
    this.#responds = false
    return true
  }
}
