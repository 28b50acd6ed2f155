/** What a call gets from the line in front of an upstream (call-line.ts), and what the line has to know of the upstream. */
import type { Place } from '../../base/waiting-line.ts'

/** An upstream whose calls come to the line. */
export interface LineMember {
  /** Its name. */
  readonly name: string
  /** Whether its calls wait, whatever may run. */
  readonly isHeld: boolean
  /** How long they do from now on at most, in milliseconds. */
  readonly heldForMs: number
  /** When they last did, in milliseconds of the clock. */
  readonly heldUntilMs: number
  /** Calls that it can take at the moment. */
  readonly room: number
}

/** The turn of a call, given back once when the call is over. */
export interface CallTurn {
  /**
   * @param isMeasured whether its time counts as what calls usually take
   * @param waitedMs how much of that the server had no part in, in milliseconds
   */
  end(isMeasured: boolean, waitedMs?: number): void
}

export interface TurnWait {
  readonly turn: Promise<CallTurn>
  place(): Place
}
