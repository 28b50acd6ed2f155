/**
 * Many timers on one interval, for things that happen seldom, to many objects, and not at an exact time: keep-alive
 * comments, deadlines of slow answers. One Node timer for each of ten thousand idle streams would cost more than the
 * streams do.
 *
 * Entries of one duration become due in the order in which they were added, so each duration has its own list and a tick
 * looks only at the head of each. The lists are linked by hand: a `Set` that gains and loses an entry with each call
 * leaves old hash tables behind, which keep finished calls in memory until the next full garbage collection.
 */
import type { Clock, Timer } from './clock.ts'

/**
 * At most so many entries fire at once; then the event loop does its other work before the rest fires, so that streams
 * opened together do not hold up everything else.
 */
const maxAtOnce = 500
const tickMs = 100
const restMs = 1

interface Entry {
  dueMs: number
  fire: (() => void) | undefined
  before: Entry | undefined
  after: Entry | undefined
}

export class CoarseTimers {
  readonly #clock: Clock
  /** The list of each duration: a ring whose anchor entry is both its beginning and its end. Durations come from settings, so there are few. */
  readonly #lists = new Map<number, Entry>()
  /** The same lists in the order in which they have their turns, and the place of the next one in it. */
  readonly #turns: Entry[] = []
  #turn = 0
  readonly #timer: Timer
  /** Set while entries that are due wait for the event loop. */
  #rest: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = clock.every(tickMs, () => this.#fireDue())
  }

  /** Calls `fire` once, about `ms` milliseconds from now. Returns a function that stops it. */
  after(ms: number, fire: () => void): () => void {
    const list = this.#listOf(ms)
    const entry: Entry = { dueMs: this.#clock.now() + ms, fire, before: list.before, after: list }
    if (list.before) list.before.after = entry
    list.before = entry
    return () => unlink(entry)
  }

  close(): void {
    this.#timer.stop()
    this.#rest?.stop()
    this.#lists.clear()
    this.#turns.length = 0
  }

  #listOf(ms: number): Entry {
    let list = this.#lists.get(ms)
    if (!list) {
      list = { dueMs: 0, fire: undefined, before: undefined, after: undefined }
      list.before = list.after = list
      this.#lists.set(ms, list)
      this.#turns.push(list)
    }
    return list
  }

  /** Fires due entries, the lists in turn: each pass begins where the one before ended, so that no list starves others. */
  #fireDue(): void {
    if (this.#rest) return
    const now = this.#clock.now()
    let left = maxAtOnce
    for (let looked = 0; looked < this.#turns.length && left > 0; looked++) {
      const list = this.#turns[this.#turn % this.#turns.length]
      this.#turn = (this.#turn + 1) % this.#turns.length
      for (let entry = list?.after; left > 0 && entry && entry !== list && entry.dueMs <= now; entry = list?.after) {
        const { fire } = entry
        unlink(entry)
        left--
        fire?.()
      }
    }
    if (left > 0) return
    this.#rest = this.#clock.after(restMs, () => {
      this.#rest = undefined
      this.#fireDue()
    })
  }
}

function unlink(entry: Entry): void {
  if (entry.before) entry.before.after = entry.after
  if (entry.after) entry.after.before = entry.before
  entry.before = entry.after = entry.fire = undefined
}
