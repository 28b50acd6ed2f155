/** How a worker ended, and why one could not be started: the kind of failure, and words for operators that hold no secret. */
import type { WorkerEnd } from '../base/events.ts'
import { asRefusal } from '../base/refusal.ts'

/** How a worker ended. */
export interface WorkerExit {
  /** The exit code or the signal, where the worker is a process. */
  readonly code: number | null
  readonly signal: string | null
  /** Whether it was ended from here. */
  readonly expected: boolean
  /** The last 4 KiB of stderr: shown to the operator, never to a client. */
  readonly stderr: string
  /** Lines on stdout before the first response that are no messages: at most 4 KiB, for the operator as well. */
  readonly stdout?: string
  /** Why it ended; undefined if it could not be started. */
  readonly reason?: WorkerEnd | undefined
  /** Why it could not be started, such as `ENOENT` (also for a working directory that is not there). */
  readonly error?: string
}

/** How a start failed: the program cannot be run, ended, did not answer, or refused the handshake. */
export type StartFault = 'not_run' | 'ended' | 'no_answer' | 'refused'

/** The words for a program that is silent. */
export const noAnswer = 'the program did not answer its handshake in time'

export interface StartFailure {
  readonly fault: StartFault
  /** Shown in the health report: holds neither the command nor text of the server. */
  readonly detail: string
}

/**
 * @param exit how the worker ended, if it did
 * @param cause what the handshake threw; undefined if there was none
 */
export function startFailure(exit: WorkerExit | undefined, cause?: unknown): StartFailure {
  if (exit?.error !== undefined) return { fault: 'not_run', detail: `the program cannot be run (${exit.error})` }
  if (exit) {
    const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal
    return { fault: 'ended', detail: `the program ended by itself before it answered (${how})` }
  }
  if (asRefusal(cause)) return { fault: 'no_answer', detail: noAnswer }
  return { fault: 'refused', detail: 'the program refused its handshake' }
}
