/** Why a start has failed: on its own account, or because another process of the server runs. */
import { type Clock, pause } from '../../base/clock.ts'
import type { StartFault } from '../connection/start-failure.ts'
import type { RestartBackoff } from './restart-backoff.ts'
import type { SingleInstance } from './single-instance.ts'
import { NoRoom } from '../upstream.ts'

/** How long a start that has failed waits to be explained: a program that hangs would hold its caller up as long again. */
const explainMs = 10_000

/** What a start has failed with, once it is known whether that is since another process runs. */
export async function explainStart(
  own: RestartBackoff,
  fault: StartFault | undefined,
  error: unknown,
  needs: {
    readonly clock: Clock
    readonly onlyOne: SingleInstance
    readonly isOneRunning: () => boolean
    /** Resolves when it has been tried whether a process can run beside the one that runs. */
    readonly checked: () => Promise<unknown>
  },
): Promise<unknown> {
  if (fault !== 'ended' || !needs.isOneRunning()) return error
  await Promise.race([needs.checked(), pause(needs.clock, explainMs)])
  if (!needs.onlyOne.isKnown) return error
  own.forgive()
  return new NoRoom(error)
}
