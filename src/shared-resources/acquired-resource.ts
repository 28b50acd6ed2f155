/** What a task needs besides its turn, such as a connection or the lock of a file. */
import type { Cancel } from '../base/cancel.ts'
import type { ResourceError } from './resource-error.ts'

export interface AcquireAttempt {
  readonly signal: AbortSignal
  readonly cancel: Cancel
  readonly dueMs: number
  /** It is gone while the task runs: the signal of the task is aborted, and its run rejects. */
  readonly lost: (error: ResourceError) => void
}

/** What a task needs besides its turn. */
export interface AcquiredResource {
  /** What the task gets. */
  readonly value?: unknown
  /** Gives it back. Must not throw. @param isLost whether the task was given up, and may still be at work */
  release(isLost: boolean): Promise<void>
}
