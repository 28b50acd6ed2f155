/** Waiting for what a store may take a moment to bring, with a deadline. */
import { pause, systemClock } from '../../base/clock.ts'

const deadlineMs = 5000

/** Asks again and again until `condition` holds; throws, naming `what`, if it does not within five seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = systemClock.now() + deadlineMs
  while (!(await condition())) {
    if (systemClock.now() > endMs) throw new Error(`did not happen: ${what}`)
    await pause(systemClock, 5)
  }
}
