/** Tokens that were refused a moment ago, by their hashes: the same one sent again costs nothing. */
import type { Clock } from '../base/clock.ts'

/** Whoever sends more of them makes mcplex forget the oldest, which costs what they cost before. */
const most = 10_000

export class RefusedTokens {
  readonly #clock: Clock
  readonly #forMs: number
  readonly #untilMs = new Map<string, number>()

  /** @param forMs how long a token stays refused */
  constructor(clock: Clock, forMs: number) {
    this.#clock = clock
    this.#forMs = forMs
  }

  has(key: string): boolean {
    const untilMs = this.#untilMs.get(key)
    return untilMs !== undefined && this.#clock.now() < untilMs
  }

  add(key: string): void {
    this.#untilMs.delete(key)
    this.#untilMs.set(key, this.#clock.now() + this.#forMs)
    if (this.#untilMs.size <= most) return
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest)
      return
    }
  }
}
