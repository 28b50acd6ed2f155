/** Waits for a value that has an older one to take its place. */
import type { Clock } from '../base/clock.ts'

/** What the promise resolves with, or undefined if it rejects or takes longer than `ms` milliseconds. The promise goes on. */
export function within<Value>(clock: Clock, ms: number, promise: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(undefined))
    const settle = (value: Value | undefined): void => {
      timer.stop()
      resolve(value)
    }
    promise.then(settle, () => settle(undefined))
  })
}
