/**
 * Many coarse timers on one: for what happens seldom, to many, and need not be on the dot (keep-alive comments,
 * patience with slow answers). A timer of its own for each of ten thousand idle streams would cost more than they do.
 */
import type { Clock, Timer } from './clock.ts'

/** Fired in one tick at most; the rest come with the next, so that a crowd opened at once is not served at once. */
const maxAtOnce = 500
const tickMs = 100

interface Entry {
  dueMs: number
  readonly fire: () => void
}

export class Pulse {
  readonly #clock: Clock
  readonly #entries = new Set<Entry>()
  readonly #timer: Timer

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = clock.every(tickMs, () => this.#tick())
  }

  /** Calls `fire` once, about `ms` milliseconds from now. Returns how to stop it. */
  after(ms: number, fire: () => void): () => void {
    const entry = { dueMs: this.#clock.now() + ms, fire }
    this.#entries.add(entry)
    return () => void this.#entries.delete(entry)
  }

  close(): void {
    this.#timer.stop()
    this.#entries.clear()
  }

  #tick(): void {
    const now = this.#clock.now()
    let fired = 0
    for (const entry of this.#entries) {
      if (entry.dueMs > now) continue
      this.#entries.delete(entry)
      entry.fire()
      if (++fired >= maxAtOnce) return
    }
  }
}
