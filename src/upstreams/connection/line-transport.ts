/**
 * The port of what carries a conversation with one instance of a server, as lines in and lines out: the pipes of a child
 * process, or a server object of this process. Each kind of server implements it.
 *
 * Promises: lines arrive whole and in order, and the exit after the last line; no failure of the instance is an unhandled
 * error.
 */
import type { WorkerEnd } from '../../base/events.ts'
import type { LostLine } from '../../base/lines.ts'
import type { MemoryAccount, Reservation } from '../../base/memory-budget.ts'
import type { Call, Caller, WorkerId } from '../../protocol/call.ts'
import type { WorkerExit } from '../worker-exit.ts'

/** Its methods must not throw. */
export interface LineListener {
  /** @param callId the id on the wire of the call for which the instance sends it, where the transport knows it for certain */
  line(text: string, callId?: number): void
  /** The last call. */
  exit(exit: WorkerExit): void
  /** A line that was too long, or had no end, was dropped. The `dropped` event has been emitted already. */
  dropped(line: LostLine): void
  /** The instance has taken everything after it had not at once. */
  drained?(): void
}

export interface LineTransport {
  /** The id of the worker; it ends with the number. Undefined when the instance could not be started. */
  readonly id: WorkerId | undefined
  /** The number of the worker in its gateway, from 1 up, for log lines; undefined when it could not be started. */
  readonly worker: number | undefined
  /** The id of its process, where it is one that has started. */
  readonly pid?: number | undefined
  /** The memory of its processes when it was last looked at, in bytes, where it has processes. */
  readonly memoryBytes?: number | undefined
  /** Queues one line, given without its newline. @param call the call that it is the request of */
  send(line: string, call?: Call): void
  /** Bytes that are queued or that the instance has not taken. Not bounded here: senders call `roomFor`. */
  readonly backlog: number
  /** Whether a line of `bytes` bytes may wait. Always, while the instance reads. */
  roomFor(bytes: number): Reservation
  /** Counts output that is kept until it has been passed on. */
  readonly memory: MemoryAccount
  /** Counts input requests of the server, which are kept until clients have answered. */
  readonly inputRequestMemory: MemoryAccount
  /**
   * Attaches or replaces the listener. Earlier output is delivered soon, never within this call.
   * @param owner the only caller that the instance is for, if there is one; without a session if that is all of a principal
   */
  listen(listener: LineListener, owner?: Caller): void
  /** Stops reading the output, so that the instance waits, or resumes reading. */
  hold(isHeld: boolean): void
  /**
   * Ends the instance in an orderly way; resolves when nothing of it is left. Idempotent: the first reason counts.
   * @param reason `stopped` if there is none
   */
  close(reason?: WorkerEnd): Promise<void>
  /** Ends it at once. @param reason as that of `close` */
  kill(reason?: WorkerEnd): void
  readonly exited: boolean
  /** Calls `listener` once, as soon as `exited` is true; at once if it is already. At most one listener. */
  whenExited(listener: () => void): void
}
