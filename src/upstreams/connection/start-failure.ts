/** Why a process could not be started: what follows from it, and the words for operators, which hold no secret. */
import { asRefusal } from '../../base/refusal.ts'
import type { ChildExit } from '../stdio/child.ts'

/** How a start failed: there is no such program; it ended; it was silent; it answered that it does not want to. */
export type StartFault = 'not_run' | 'ended' | 'no_answer' | 'refused'

export interface StartFailure {
  readonly fault: StartFault
  /** For everybody who may read the health report: neither the command nor a word of the server. */
  readonly detail: string
}

/**
 * @param exit how the process ended, if it did
 * @param cause what was thrown when it was spoken to; undefined if it never was
 */
export function startFailure(exit: ChildExit | undefined, cause?: unknown): StartFailure {
  if (exit?.error !== undefined) return { fault: 'not_run', detail: `the program cannot be run (${exit.error})` }
  if (exit) {
    const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal
    return { fault: 'ended', detail: `the program ended by itself before it answered (${how})` }
  }
  if (asRefusal(cause)) return { fault: 'no_answer', detail: 'the program did not answer its handshake in time' }
  return { fault: 'refused', detail: 'the program refused its handshake' }
}
