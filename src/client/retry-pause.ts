/** How long to wait between two attempts to reach a server that is unavailable. */
import { type BackOff, backOffMs, withJitter } from '../base/backoff.ts'

const reconnects: BackOff = { firstMs: 200, longestMs: 10_000 }

/**
 * Milliseconds to wait before the next attempt.
 * @param failures how many attempts have failed
 */
export function retryPauseMs(failures: number): number {
  return withJitter(backOffMs(reconnects, failures))
}
