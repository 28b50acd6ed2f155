/** A pause of an upstream: it has an end, because a pause that is forgotten is an outage. */
import type { Clock, Timer } from '../../base/clock.ts'

export class Pause {
  readonly #clock: Clock
  readonly #changed: () => void
  #untilMs: number | undefined
  #timer: Timer | undefined

  /** @param changed called whenever it has begun or ended, by itself as well */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  /** When it ends by itself, in milliseconds of the clock; undefined if there is none. */
  get untilMs(): number | undefined {
    return this.#untilMs
  }

  /** Begins, until a time of the clock at the latest. It takes the place of an earlier one. */
  begin(untilMs: number): void {
    this.#untilMs = untilMs
    this.#look()
  }

  end(): void {
    this.#untilMs = undefined
    this.#look()
  }

  readonly #look = (): void => {
    this.#timer?.stop()
    const nowMs = this.#clock.now()
    if (this.#untilMs !== undefined && this.#untilMs <= nowMs) this.#untilMs = undefined
    this.#timer = this.#untilMs === undefined ? undefined : this.#clock.after(this.#untilMs - nowMs, this.#look)
    this.#changed()
  }
}
