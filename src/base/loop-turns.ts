/** Shares the event loop: long work goes on for a few milliseconds of a turn, and everything else has its turn then. */
import type { Clock } from './clock.ts'

export class LoopTurns {
  readonly #clock: Clock
  readonly #ms: number
  #sinceMs: number | undefined
  #next: Promise<void> | undefined

  /** @param ms how long all work that asks here may take of one turn, in milliseconds */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Whether this turn of the loop has been used up. */
  get isSpent(): boolean {
    // The turn that begins here ends when the loop goes on, whether its end is waited for or not.
    void this.next()
    return this.#clock.now() - (this.#sinceMs ??= this.#clock.now()) >= this.#ms
  }

  /** Resolves in the next turn of the loop, after what is ready to be read and written meanwhile. */
  next(): Promise<void> {
    return (this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined
        this.#sinceMs = undefined
        resolve()
      })
    }))
  }
}
