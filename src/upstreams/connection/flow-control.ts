/**
 * Back-pressure: while a client does not take the updates of its call, the output of the worker stays in the pipe and
 * the worker waits. Only for a worker that serves no other client, which would have to wait, too. The same holds a
 * worker back that does not read the responses to its own requests.
 */
import type { PendingCall } from './pending-call.ts'
import type { LineTransport } from './line-transport.ts'

export class FlowControl {
  readonly #transport: Pick<LineTransport, 'hold'>
  readonly #full = new Set<PendingCall>()
  #isStopped = false

  constructor(transport: Pick<LineTransport, 'hold'>) {
    this.#transport = transport
  }

  /** Whether the worker is held back: its silence then means nothing. */
  get isHeld(): boolean {
    return this.#isStopped || this.#full.size > 0
  }

  /** Holds the worker back (or no longer), whatever its calls. */
  stop(isStopped: boolean): void {
    this.#isStopped = isStopped
    this.#transport.hold(this.isHeld)
  }

  /** Holds the worker back until all waiting updates of the call were taken. */
  hold(pending: PendingCall): void {
    this.#full.add(pending)
    pending.onEmpty = () => this.release(pending)
    this.#transport.hold(true)
  }

  /** The call has ended, or all its waiting updates were taken. */
  release(pending: PendingCall): void {
    pending.onEmpty = undefined
    if (this.#full.delete(pending) && !this.isHeld) this.#transport.hold(false)
  }
}
