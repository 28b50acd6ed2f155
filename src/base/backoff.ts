/** Waiting for a server that is away: how long between two attempts. */

const firstMs = 100
const longestMs = 10_000

/**
 * How long to wait before the next attempt, in milliseconds: longer each time, and never the same for all that lost
 * the same server together.
 * @param failures how many attempts have failed
 * @param chance from 0 to 1
 */
export function backOffMs(failures: number, chance: number = Math.random()): number {
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 16))
  return (most / 2) * (1 + chance)
}
