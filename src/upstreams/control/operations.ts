/** What an operator can do with one upstream while it is served, and what there is to see of it. */
import type { WorkerFacts } from '../upstream.ts'

/** `paused`: new calls wait. `disabled`: new calls are refused. Calls that run go on in each case. */
export type UpstreamAccess = 'open' | 'paused' | 'disabled'

/** What the breaker of an upstream does: it goes by what calls come to (`auto`), or an operator holds it open or closed. */
export type BreakerWord = 'open' | 'close' | 'auto'

/** The circuit breaker of an upstream. */
export interface BreakerState {
  /** `open`: calls are refused. `half_open`: one call is let through, which decides. */
  readonly state: 'closed' | 'open' | 'half_open'
  /** Whether an operator holds it there. */
  readonly isForced: boolean
  /** When the next call is let through, in milliseconds from now; undefined unless it is open by itself. */
  readonly retryInMs: number | undefined
}

/** The limit of calls that run at once, which upstreams may share. */
export interface ConcurrencyState {
  readonly limit: number
  /** Whether it adapts to what the server bears. */
  readonly isAdaptive: boolean
  /** Calls that have their turn, of all upstreams that share the limit. */
  readonly running: number
}

/** What stands in front of the calls of an upstream at the moment. */
export interface ControlState {
  readonly access: UpstreamAccess
  /** Since when that is so, in milliseconds since the epoch. */
  readonly accessSinceMs: number
  /** When the pause ends by itself, in milliseconds from now; undefined if it is not paused. */
  readonly resumesInMs: number | undefined
  readonly breaker: BreakerState
  /** Undefined: as many calls run as come. */
  readonly concurrency: ConcurrencyState | undefined
  /** Calls that wait in front of the upstream. */
  readonly waiting: number
  /** How long the first of them has waited, in milliseconds; 0 if none waits. */
  readonly oldestWaitMs: number
}

/** What is done by name goes on when the upstream is replaced by another one of the same name. */
export interface UpstreamOperations {
  state(): ControlState
  /**
   * Lets calls that run end, and has new ones wait until `resume`, or until the time has passed. A later pause takes the
   * place of an earlier one.
   * @param forMs how long, in milliseconds: from 1 to an hour (`longestPauseMs`)
   * @throws RangeError if it is not
   */
  pause(forMs: number): ControlState
  /** Ends a pause at once: calls that wait run, in fair turns. Does nothing if there is none. */
  resume(): ControlState
  /** Refuses new calls, and those that wait, with `upstream_disabled` until `enable`. Calls that run go on. */
  disable(): ControlState
  /** Ends `disable`. A pause that has not ended is in force again. */
  enable(): ControlState
  /** Holds the circuit breaker open or closed, or has it go by what calls come to again, with nothing counted yet. */
  breaker(word: BreakerWord): ControlState
  /**
   * Has another worker take the place of each: it gets no further call and ends when its calls are over. Resolves when all
   * that there were have ended, or the upstream is closed.
   */
  recycle(): Promise<void>
  /** Its workers, in whatever state they are. */
  workers(): readonly WorkerFacts[]
}

/** The longest pause, in milliseconds: a pause that is forgotten ends by itself. */
export const longestPauseMs = 3_600_000
