/**
 * A child process as lines in and lines out, in a process group of its own.
 *
 * Promises: lines arrive whole and in order, and the exit after the last line; no failure of the child or of its pipes
 * is an unhandled error; when the leader of the group ends or is asked to end, the whole group ends, and so do processes
 * that left the group (containment.ts); the child gets only its command, its environment, its mark and three pipes.
 * Other files decide what the lines mean, when to restart, and how much may be queued. spawn.ts starts a child,
 * running-child.ts implements one.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink, WorkerEnd } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import type { LineTransport } from '../connection/line-transport.ts'
import type { SystemUser } from './system-user.ts'
import type { Containment } from './containment.ts'

export interface ChildCommand {
  /** Found through the PATH of `env`; no shell reads it. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** The user that it runs as; undefined: ours. */
  readonly user?: SystemUser | undefined
}

/** A child process, whose lines in one iteration of the event loop go out in one write. */
export interface Child extends LineTransport {
  /** Undefined when the program could not be started. */
  readonly pid: number | undefined
  /** The memory of its processes when it was last looked at, in bytes; undefined if that is not known yet. */
  readonly memoryBytes: number | undefined
  /** Ends stdin, SIGTERM 2 s later, SIGKILL 3 s after that; resolves when no process is left. Idempotent. */
  close(reason?: WorkerEnd): Promise<void>
  /** SIGKILL to all its processes at once. */
  kill(reason?: WorkerEnd): void
}

/** A child as `spawnChild` returns it. */
export interface StartedChild extends Child {
  memoryBytes: number | undefined
  /** Ends all its processes at once: they need more memory than they may have. */
  exceed(): void
  /** Resolves when none of its processes is left, for whatever reason. */
  readonly gone: Promise<void>
}

export interface ChildSettings {
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  readonly containment: Containment
  /** Counts input and output that is kept, up to a share. */
  readonly memory: MemoryBudget
  /** Longer lines from the child are dropped. In bytes. */
  readonly maxLineBytes: number
  /** The `purpose` in the event `workerStarted`. */
  readonly purpose: string
}
