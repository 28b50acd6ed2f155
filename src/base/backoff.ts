/** Back-off: how long to wait between two attempts to reach a server that is unavailable. */

const firstMs = 100
const longestMs = 10_000

/**
 * Milliseconds to wait before the next attempt. The wait grows with each failure and is random within its upper half, so
 * that clients that lost the same server together do not all return at the same moment.
 * @param failures how many attempts have failed
 * @param chance a random number from 0 to 1
 */
export function backOffMs(failures: number, chance: number = Math.random()): number {
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 16))
  return (most / 2) * (1 + chance)
}
