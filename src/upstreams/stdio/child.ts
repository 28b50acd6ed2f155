/**
 * A child process as lines in and lines out, in a process group of its own.
 *
 * Promises: lines arrive whole and in order, and the exit after the last of them; no failure of the child or of its
 * pipes is an unhandled error; when the child's leader ends, or is asked to, the whole group ends, and what left the
 * group (containment.ts); nothing reaches the child but its command, its environment, its mark and three pipes. What
 * the lines mean, when to start again, and how much may be queued are left to others. start-child.ts starts one,
 * running-child.ts keeps the promises.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { LostLine } from '../../base/lines.ts'
import type { Log } from '../../base/log.ts'
import type { Kept, MemoryAccount, MemoryBudget } from '../../base/memory-budget.ts'
import type { Containment } from './containment.ts'

export interface ChildCommand {
  /** Found through the PATH of `env`; no shell is involved. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
  /** Whether the end was asked for, by `close` or `kill`. */
  readonly expected: boolean
  /** The last 4 KiB of stderr: for the operator, never for a client. */
  readonly stderr: string
  /** What it said on stdout before its first answer that is no message: at most 4 KiB, for the operator as well. */
  readonly stdout?: string
  /** Why the program could not be started, such as `ENOENT` (also for a working directory that is not there). */
  readonly error?: string
}

/** Must not throw. */
export interface ChildListener {
  line(text: string): void
  /** The last call. */
  exit(exit: ChildExit): void
  /** A line over the limit, or one without an end, was dropped. It has been counted as an event already. */
  dropped(line: LostLine): void
  /** All that was sent has been taken, after it was not for a while. */
  drained?(): void
}

export interface Child {
  /** The number of the worker in its gateway, from 1 up; undefined when the program could not be started. */
  readonly worker: number | undefined
  /** Undefined when the program could not be started. */
  readonly pid: number | undefined
  /** Queues one line, given without its newline. All lines of one turn of the event loop go out in one write. */
  send(line: string): void
  /** What is queued and was not taken by the pipe, in bytes. Nothing bounds it here: the sender asks for room. */
  readonly backlog: number
  /** Whether a line of so many bytes may wait. Always, while the child reads. */
  roomFor(bytes: number): Kept
  /** Counts what is kept of what it says, until it has been passed on. */
  readonly memory: MemoryAccount
  /** Counts what it asks, which is kept for as long as clients take to answer. */
  readonly questionMemory: MemoryAccount
  /** Attaches the listener, or replaces it. What came before is told soon, never within this call. */
  listen(listener: ChildListener): void
  /** Leaves output in the pipe, so that the child waits, or takes it again. */
  hold(isHeld: boolean): void
  /** Ends input, SIGTERM 2 s later, SIGKILL 3 s later; resolves when nothing of it is left. Idempotent. */
  close(): Promise<void>
  /** SIGKILL to all of it at once. */
  kill(): void
  readonly exited: boolean
  /** Whether its end was asked for. */
  readonly ending: boolean
}

/** A child as it comes from the start, before anything is wrapped around it. */
export interface StartedChild extends Child {
  /** Resolves when no process of it is left, however that came about. */
  readonly gone: Promise<void>
}

export interface ChildSettings {
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  readonly containment: Containment
  /** What is kept on its way in and out counts there, up to a share. */
  readonly memory: MemoryBudget
  /** A longer line from the child is dropped. In bytes. */
  readonly maxLineBytes: number
  /** What the process is for, as `processStarted` tells it. */
  readonly purpose: string
}
