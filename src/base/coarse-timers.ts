/**
 * Many coarse timers on one: for what happens seldom, to many, and need not be on the dot (keep-alive comments,
 * patience with slow answers). A timer of its own for each of ten thousand idle streams would cost more than they do.
 *
 * Entries of one duration fall due in the order in which they were made, so each duration has a list and a tick looks
 * at its head only. Linked by hand: a `Set` that gains and loses an entry with each call leaves a trail of old tables
 * that keep dead calls alive until the next full collection.
 */
import type { Clock, Timer } from './clock.ts'

/** Fired in one tick at most; the rest come with the next, so that a crowd opened at once is not served at once. */
const maxAtOnce = 500
const tickMs = 100

interface Entry {
  dueMs: number
  fire: (() => void) | undefined
  before: Entry | undefined
  after: Entry | undefined
}

export class CoarseTimers {
  readonly #clock: Clock
  /** The end and the beginning of each list, by duration. Durations come from settings: there are few. */
  readonly #lists = new Map<number, Entry>()
  readonly #timer: Timer

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = clock.every(tickMs, () => this.#tick())
  }

  /** Calls `fire` once, about `ms` milliseconds from now. Returns how to stop it. */
  after(ms: number, fire: () => void): () => void {
    const ring = this.#ring(ms)
    const entry: Entry = { dueMs: this.#clock.now() + ms, fire, before: ring.before, after: ring }
    if (ring.before) ring.before.after = entry
    ring.before = entry
    return () => unlink(entry)
  }

  close(): void {
    this.#timer.stop()
    this.#lists.clear()
  }

  #ring(ms: number): Entry {
    let ring = this.#lists.get(ms)
    if (!ring) {
      ring = { dueMs: 0, fire: undefined, before: undefined, after: undefined }
      ring.before = ring.after = ring
      this.#lists.set(ms, ring)
    }
    return ring
  }

  #tick(): void {
    const now = this.#clock.now()
    let fired = 0
    for (const ring of this.#lists.values()) {
      for (let entry = ring.after; entry && entry !== ring && entry.dueMs <= now; entry = ring.after) {
        const { fire } = entry
        unlink(entry)
        fire?.()
        if (++fired >= maxAtOnce) return
      }
    }
  }
}

function unlink(entry: Entry): void {
  if (entry.before) entry.before.after = entry.after
  if (entry.after) entry.after.before = entry.before
  entry.before = entry.after = entry.fire = undefined
}
