/**
 * The rate of an API: at most so many calls within any window of time, wherever the window begins. A call counts from its
 * start until a window after its end, because the API counts it at some moment in between: however long requests are on
 * their way, and however unevenly, the API never sees more.
 */
import type { Clock } from '../base/clock.ts'
import { LinkedList } from '../base/linked-list.ts'

export interface Rate {
  readonly calls: number
  readonly perMs: number
  /** Whether a call counts for a window from its start alone. */
  readonly isFromStart: boolean
}

/** Timers may come a millisecond early, and whole milliseconds are counted. */
const roundingMs = 2

export class RateWindow {
  readonly #clock: Clock
  readonly #rate: Rate
  #running = 0
  /** When the calls that are over, or count from their start, count no longer; in this order. */
  readonly #until = new LinkedList<number>()

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
  }

  /** How many calls may begin now. */
  get free(): number {
    const nowMs = this.#clock.now()
    for (let first = this.#until.firstLink; first && first.value <= nowMs; first = this.#until.firstLink)
      this.#until.remove(first)
    return this.#rate.calls - this.#running - this.#until.size
  }

  /** When the next call counts no longer, by the clock; undefined if that is not known yet. */
  get nextAtMs(): number | undefined {
    return this.#until.first
  }

  begin(): void {
    if (this.#rate.isFromStart) this.#count()
    else this.#running++
  }

  end(): void {
    if (this.#rate.isFromStart) return
    this.#running--
    this.#count()
  }

  /** How long it takes, in milliseconds, until a call may begin with so many ahead of it, if the calls that run end now; else longer. */
  waitMs(ahead: number): number {
    const { calls, perMs } = this.#rate
    const rounds = Math.floor(ahead / calls)
    // The calls take the places of earlier ones in the order in which these are given back.
    const place = (ahead % calls) - this.free
    return rounds * perMs + (place < 0 ? 0 : (this.#untilMs(place) ?? perMs))
  }

  /** How long a call still counts, in milliseconds: that of those that are over which is at `place`. */
  #untilMs(place: number): number | undefined {
    if (place >= this.#until.size) return undefined
    return (this.#until.values[place] ?? 0) - this.#clock.now()
  }

  #count(): void {
    this.#until.push(this.#clock.now() + this.#rate.perMs + roundingMs)
  }
}
