/** Back-off: how long to wait after a failure before the next attempt. The wait doubles with each failure in a row. */

export interface BackOff {
  /** The wait after the first failure, in milliseconds. */
  readonly firstMs: number
  readonly longestMs: number
}

/** Above this many failures the wait does not grow, so that its number stays finite. */
const maxDoublings = 60

/**
 * Milliseconds to wait before the next attempt.
 * @param failures how many attempts in a row have failed; for 0 it is half the first wait
 */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** (Math.min(failures, maxDoublings) - 1))
}

/**
 * A random wait within the upper half of `ms`, so that clients that lost the same server together do not all return at
 * the same moment.
 * @param chance a random number from 0 to 1
 */
export function withJitter(ms: number, chance: number = Math.random()): number {
  return (ms / 2) * (1 + chance)
}
