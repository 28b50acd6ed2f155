/** Waits, with a deadline, for an effect that a store may delay. */
import { pause, systemClock } from '../../base/clock.ts'

const deadlineMs = 5000

/** Polls `condition` until it holds. Throws an error that names `what` if it does not hold within five seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = systemClock.now() + deadlineMs
  while (!(await condition())) {
    if (systemClock.now() > endMs) throw new Error(`did not happen: ${what}`)
    await pause(systemClock, 5)
  }
}
