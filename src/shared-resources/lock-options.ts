/** What `lock` of `mcplex/tools` takes and returns. */
import type { Awaitable } from '../base/awaitable.ts'
import { type LimitedSettings, wholeNumber } from './limited-options.ts'

export interface LockOptions {
  /**
   * How long a task may keep the lock, in milliseconds: 30,000 by default, at least 2,000 for a file. Then its signal is
   * aborted, and the next one gets the lock; so it does if the process that has it dies. The same for all who lock a file.
   */
  readonly ttl?: number
  /** Longest wait, in milliseconds: 60,000 by default. */
  readonly maxWait?: number
  /** How many may wait: 1,000 by default. */
  readonly maxQueue?: number
}

export interface Lock {
  /**
   * Runs a task while nothing else has the lock, and gives what it returns: first come, first served. Rejects with what the
   * task throws, with a `ResourceError`, or with the reason of the signal if the call is cancelled while it waits.
   */
  run<Value>(task: (held: HeldLock) => Awaitable<Value>, options?: LockRunOptions): Promise<Value>
}

export interface HeldLock {
  /** Aborted when the lock is lost, and when the tool call is cancelled: give it to `writeFileAtomic`. */
  readonly signal: AbortSignal
}

export interface LockRunOptions {
  /** Aborts the wait and the task, as the end of the tool call does. */
  readonly signal?: AbortSignal
  /** Instead of the `maxWait` of the lock. */
  readonly maxWait?: number
}

/** The least time after which the lock of a dead process is taken over. */
const leastFileMs = 2000

/** The options with defaults: a lock is a resource that one has at a time. Throws a `TypeError` that names what is wrong. */
export function lockSettings(
  resource: string,
  { ttl, maxWait, maxQueue }: LockOptions,
  isFile: boolean,
): LimitedSettings {
  return {
    rate: undefined,
    concurrency: 1,
    maxWaitMs: wholeNumber(resource, 'maxWait', maxWait ?? 60_000, 0),
    maxQueue: wholeNumber(resource, 'maxQueue', maxQueue ?? 1000, 0),
    timeoutMs: wholeNumber(resource, 'ttl', ttl ?? 30_000, isFile ? leastFileMs : 1),
  }
}
