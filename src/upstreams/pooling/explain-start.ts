/** Finds out whether a start has failed because another worker of the server runs. */
import { type Clock, pause } from '../../base/clock.ts'
import type { StartFault } from '../worker-exit.ts'
import type { RestartBackoff } from './restart-backoff.ts'
import type { SingleInstance } from './single-instance.ts'
import { NoRoom } from '../upstream.ts'

/** How long the caller of a failed start waits for the explanation: a test start of a program that hangs takes longer. */
const explainMs = 10_000

/**
 * The error of a failed start: `NoRoom` if only one worker can run and another one does, else `error`.
 * @param wasBeside whether another worker ran when the start began: it may have been ended while this start went on
 */
export async function explainStart(
  own: RestartBackoff,
  fault: StartFault | undefined,
  error: unknown,
  wasBeside: boolean,
  needs: {
    readonly clock: Clock
    readonly onlyOne: SingleInstance
    readonly isOneRunning: () => boolean
    /** Resolves when a test start has shown whether a worker can run beside the one that runs. */
    readonly checked: () => Promise<unknown>
  },
): Promise<unknown> {
  if (fault !== 'ended' || !(wasBeside || needs.isOneRunning())) return error
  await Promise.race([needs.checked(), pause(needs.clock, explainMs)])
  if (!needs.onlyOne.isKnown) return error
  own.forgive()
  return new NoRoom(error)
}
