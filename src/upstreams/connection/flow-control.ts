/**
 * Holds a process back while a client does not take what the process said to it: what is not read stays in the pipe,
 * and the process waits. Only for a process that works for nobody else. [R40] The same for one that does not read what
 * it asked for.
 */
import type { PendingCall } from './pending-call.ts'
import type { Child } from '../stdio/child.ts'

export class FlowControl {
  readonly #child: Pick<Child, 'hold'>
  readonly #full = new Set<PendingCall>()
  #isStopped = false

  constructor(child: Pick<Child, 'hold'>) {
    this.#child = child
  }

  /** Whether the process is held back: then its silence means nothing. */
  get isHeld(): boolean {
    return this.#isStopped || this.#full.size > 0
  }

  /** Holds the process back whomever it works for, or no longer. */
  stop(isStopped: boolean): void {
    this.#isStopped = isStopped
    this.#child.hold(this.isHeld)
  }

  /** Holds the process back until all of what waits for the exchange was taken. */
  hold(pending: PendingCall): void {
    this.#full.add(pending)
    pending.onEmpty = () => this.release(pending)
    this.#child.hold(true)
  }

  /** Nobody waits for more of this exchange, or all of it was taken. */
  release(pending: PendingCall): void {
    pending.onEmpty = undefined
    if (this.#full.delete(pending) && !this.isHeld) this.#child.hold(false)
  }
}
