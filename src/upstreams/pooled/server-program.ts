/** The port of one kind of server to the pool: starts instances of the server, and ends all of them. */
import type { SharedResourceFacts } from '../../base/shared-resource-facts.ts'
import type { EraName, WorkerId } from '../../protocol/call.ts'
import type { LineTransport } from '../connection/line-transport.ts'
import type { UpstreamStartError } from '../upstream.ts'
import type { WorkerExit } from '../worker-exit.ts'

export interface ServerProgram {
  /** The only era in which its instances can be spoken to; undefined if that has to be found out. */
  readonly onlyEra?: EraName
  /** Above how much memory an instance is replaced when its calls are over, in bytes; undefined: never. */
  readonly recycleMemoryBytes?: number
  /** Whether an instance is made for the callers that use it, so that a catalog worker cannot be handed over to them. */
  readonly isMadeForCallers?: boolean
  /**
   * What is known of its lists: a caller gets those of its own instance, or all callers get the same. Undefined if
   * nothing is known: instances are asked, and what they list is compared.
   */
  readonly lists?: 'own' | 'common' | undefined
  /** What instances have done that harms others, in words for operators without text of the server. */
  readonly complaint?: string | undefined
  /** More figures for operators, by name; those whose names end in `Ms` are the longest of their kind. */
  counts?(): Readonly<Record<string, number>>
  /** What its instances share by name, as far as it is in use or waited for. */
  sharedResources?(): readonly SharedResourceFacts[]
  /** Gets ready before the first instance is started. What it throws is given to `startError`. */
  load?(): Promise<void>
  /** Starts an instance; a failed start is reported as its exit. @param purpose for the event `workerStarted` */
  start(purpose: string): LineTransport
  /** The first worker has answered its handshake. */
  answered(worker: WorkerId | undefined): Promise<void>
  /** What to throw after a failed start. */
  startError(failure: FailedStart): UpstreamStartError
  /**
   * Ends all instances, also those that are still being started, and starts none any more: step by step, or at once if
   * `isForced`, also after a first close. Resolves when none is left.
   */
  close(isForced: boolean): Promise<void>
}

/** Why no instance has answered a handshake. */
export interface FailedStart {
  /** How the last instance ended; undefined if none has ended. */
  readonly exit: WorkerExit | undefined
  /** Whether the start time-out has passed. */
  readonly late: boolean
  /** The invalid answer of the server to `initialize`, in words for the operator. */
  readonly words: string | undefined
  /** What `load` has thrown. */
  readonly error?: unknown
}
