/**
 * Keeps a part of the turns of a line for sessions of which no call runs. In fair turns alone, a session that calls now and
 * then waits for the end of a call of the session that has all turns: with calls that take as long as each other, for a whole
 * call each time. While only one session has called of late, nothing is kept from it.
 */
import type { Clock } from '../../base/clock.ts'

/** One turn of so many is kept; none of fewer than half of that. */
const oneOf = 10
const fewestTurns = 5
/** For so long a session counts as one that calls, in milliseconds. */
const lateMs = 10_000

/** When a session has called last, in milliseconds of the clock. */
interface LastCall {
  readonly session: string
  atMs: number
}

export class KeptTurns {
  readonly #clock: Clock
  /** How many calls run, by session; without those that have none. */
  readonly #running = new Map<string, number>()
  #last: LastCall | undefined
  /** Of the last session before that. */
  #other: LastCall | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A session has made a call. */
  called(session: string): void {
    const atMs = this.#clock.now()
    if (this.#last?.session === session) {
      this.#last.atMs = atMs
      return
    }
    this.#other = this.#last
    this.#last = { session, atMs }
  }

  /**
   * Whether a call of the session may have a turn.
   * @param running how many calls run
   * @param concurrency how many may
   */
  mayBegin(session: string, running: number, concurrency: number): boolean {
    if (running >= concurrency) return false
    if (concurrency < fewestTurns || concurrency === Infinity) return true
    if (running < concurrency - Math.ceil(concurrency / oneOf)) return true
    return !this.#running.has(session) || this.untilAloneMs(session) === 0
  }

  begun(session: string): void {
    this.#running.set(session, (this.#running.get(session) ?? 0) + 1)
  }

  ended(session: string): void {
    const left = (this.#running.get(session) ?? 0) - 1
    if (left > 0) this.#running.set(session, left)
    else this.#running.delete(session)
  }

  /** In how many milliseconds nothing is kept from a session, if no other one calls; 0 if nothing is now. */
  untilAloneMs(session: string): number {
    const other = this.#last?.session === session ? this.#other : this.#last
    return other === undefined ? 0 : Math.max(0, other.atMs + lateMs - this.#clock.now())
  }
}
