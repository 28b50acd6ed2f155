/**
 * The token bucket: a burst, then so many tokens in a time. The state of a bucket is one number, the time at which it is
 * full again (the generic cell rate algorithm, ITU-T I.371): so a full bucket needs no state, and each step is pure.
 * Times are whole milliseconds of one clock; if that goes back, a bucket is empty at worst, and gains nothing. A token counts
 * from the millisecond in which it comes, and the state keeps the fraction: rounded up, a small burst would fall below its rate.
 */
import type { Clock } from './clock.ts'

/** At most `burst` tokens at once, and `points` in every `perMs` milliseconds after that. All are above 0. */
export interface RateRule {
  readonly points: number
  readonly perMs: number
  readonly burst: number
}

/** The state of a bucket that is full. */
export const fullBucket = 0

/** A token may be taken less than this before it comes, in milliseconds: within the millisecond in which it does. */
const grainMs = 1
/** Parts of a millisecond, or of a token, that sums of fractions may be off. */
const rounding = 1e-3

/**
 * How long until the bucket has `cost` tokens, in whole milliseconds; 0 if it has them. Nothing is taken.
 * @param cost at most the burst: a bucket never has more
 */
export function bucketWaitMs(fullAtMs: number, nowMs: number, rule: RateRule, cost: number): number {
  const tokenMs = rule.perMs / rule.points
  const missing = missingMs(fullAtMs, nowMs, rule)
  const waitMs = missing + (cost - rule.burst) * tokenMs
  return Math.max(0, Math.floor(waitMs + rounding))
}

/** The state of the bucket after `cost` tokens were taken: only if `bucketWaitMs` is 0. */
export function bucketAfter(fullAtMs: number, nowMs: number, rule: RateRule, cost: number): number {
  return nowMs + missingMs(fullAtMs, nowMs, rule) + (cost * rule.perMs) / rule.points
}

/** How many whole tokens the bucket has. */
export function tokensIn(fullAtMs: number, nowMs: number, rule: RateRule): number {
  const missing = (missingMs(fullAtMs, nowMs, rule) * rule.points) / rule.perMs
  return Math.max(0, Math.floor(rule.burst - missing + rounding))
}

/** How long until the bucket is full, at most as long as an empty one takes. */
function missingMs(fullAtMs: number, nowMs: number, { points, perMs, burst }: RateRule): number {
  return Math.min(Math.max(0, fullAtMs - nowMs), (burst * perMs) / points + grainMs)
}

/** One bucket with its clock. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #rule: RateRule
  #fullAtMs = fullBucket

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock
    this.#rule = { points: perSecond, perMs: 1000, burst }
  }

  /** Takes one token. Returns false if none is left. */
  take(): boolean {
    const nowMs = this.#clock.now()
    if (bucketWaitMs(this.#fullAtMs, nowMs, this.#rule, 1) > 0) return false
    this.#fullAtMs = bucketAfter(this.#fullAtMs, nowMs, this.#rule, 1)
    return true
  }
}
