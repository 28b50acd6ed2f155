/** Waiting for a server that is away: how long between two attempts, and what ends the wait early. */
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'

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

/** Waits, but not on when one of `ends` fires. */
export function pauseUnless(ends: readonly Cancel[], clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const stops: Array<() => void> = []
    const end = (): void => {
      timer.stop()
      for (const stop of stops) stop()
      resolve()
    }
    const timer = clock.after(ms, end)
    for (const cancel of ends) stops.push(cancel.onCancel(end))
  })
}
