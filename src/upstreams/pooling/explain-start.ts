/** Finds out whether a start has failed because another worker of the server runs. */
import { type Clock, pause } from '../../base/clock.ts'
import type { RestartBackoff } from './restart-backoff.ts'
import type { SingleInstance } from './single-instance.ts'
import { NoRoom } from '../upstream.ts'

/** How long the caller of a failed start waits for the explanation: a test start of a program that hangs takes longer. */
const explainMs = 10_000

/**
 * The error of a failed start that another worker may be the cause of: `NoRoom` if only one worker can run and another
 * one does, else `error`, and then the failure counts in the back-off of the group or source.
 */
export async function explainStart(
  own: RestartBackoff,
  error: unknown,
  needs: {
    readonly clock: Clock
    readonly onlyOne: SingleInstance
    /** Resolves when a test start has shown whether a worker can run beside the one that runs. */
    readonly checked: () => Promise<unknown>
  },
): Promise<unknown> {
  await Promise.race([needs.checked(), pause(needs.clock, explainMs)])
  if (needs.onlyOne.isKnown) return new NoRoom(error)
  own.failed(needs.clock.now(), 'start')
  return error
}
