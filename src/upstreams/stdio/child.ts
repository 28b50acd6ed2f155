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
import type { EventSink } from '../../base/events.ts'
import type { LostLine } from '../../base/lines.ts'
import type { Log } from '../../base/log.ts'
import type { Reservation, MemoryAccount, MemoryBudget } from '../../base/memory-budget.ts'
import type { WorkerId } from '../../protocol/call.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { Containment } from './containment.ts'

export interface ChildCommand {
  /** Found through the PATH of `env`; no shell is involved. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** Its methods must not throw. */
export interface ChildListener {
  line(text: string): void
  /** The last call. */
  exit(exit: WorkerExit): void
  /** A line that was too long, or had no end, was dropped. The `dropped` event has been emitted already. */
  dropped(line: LostLine): void
  /** The pipe has taken everything after it had been full. */
  drained?(): void
}

export interface Child {
  /** The id of the worker; it ends with the number. Undefined when the program could not be started. */
  readonly id: WorkerId | undefined
  /** The number of the worker in its gateway, from 1 up, for log lines; undefined when the program could not be started. */
  readonly worker: number | undefined
  /** Undefined when the program could not be started. */
  readonly pid: number | undefined
  /** Queues one line, given without its newline. The lines of one event-loop iteration go out in one write. */
  send(line: string): void
  /** Bytes that are queued or that the pipe has not taken. Not bounded here: senders call `roomFor`. */
  readonly backlog: number
  /** Whether a line of `bytes` bytes may wait. Always, while the child reads. */
  roomFor(bytes: number): Reservation
  /** Counts output of the child that is kept until it has been passed on. */
  readonly memory: MemoryAccount
  /** Counts input requests of the server, which are kept until clients have answered. */
  readonly inputRequestMemory: MemoryAccount
  /** Attaches or replaces the listener. Earlier output is delivered soon, never within this call. */
  listen(listener: ChildListener): void
  /** Stops reading the output, so that the child waits at a full pipe, or resumes reading. */
  hold(isHeld: boolean): void
  /** Ends stdin, SIGTERM 2 s later, SIGKILL 3 s after that; resolves when no process is left. Idempotent. */
  close(): Promise<void>
  /** SIGKILL to all its processes at once. */
  kill(): void
  readonly exited: boolean
  /** Calls `listener` once, as soon as `exited` is true; at once if it is already. At most one listener. */
  whenExited(listener: () => void): void
}

/** A child as `spawnChild` returns it. */
export interface StartedChild extends Child {
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
