/**
 * Calls in flight on a connection, by their id on the wire. An id combines an index into a small array with a sequence
 * number: a look-up is an array access, a late response with an earlier id finds no call, and there is no garbage as
 * with a `Map` that gains and loses an entry per call.
 */
import { Refusal } from '../../base/refusal.ts'
import type { PendingCall } from './pending-call.ts'

/** The number of array indexes, and the step of sequence numbers on the wire: ids stay exact for 10^11 calls. */
const span = 65_536
/** An index that no call has: for requests of our own. */
const reservedIndex = span - 1

export class PendingCalls {
  readonly #slots: Array<PendingCall | undefined> = []
  readonly #free: number[] = []
  #sequence = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Ids assigned from now on are at least this; all earlier ones are less. */
  get nextFrom(): number {
    return (this.#sequence + 1) * span
  }

  /** An id for a request of our own. */
  nextId(): number {
    return ++this.#sequence * span + reservedIndex
  }

  /** Adds the call that `make` makes for a new id; undefined if there are too many. */
  add(make: (id: number) => PendingCall): PendingCall | undefined {
    const index = this.#free.pop() ?? this.#slots.length
    if (index >= reservedIndex) return undefined
    const pending = make(++this.#sequence * span + index)
    this.#slots[index] = pending
    this.#size++
    return pending
  }

  get(id: number): PendingCall | undefined {
    const pending = this.#slots[id % span]
    return pending?.id === id ? pending : undefined
  }

  /** Removes a call; false if it is not there. */
  remove(pending: PendingCall): boolean {
    if (this.get(pending.id) !== pending) return false
    const index = pending.id % span
    this.#slots[index] = undefined
    this.#free.push(index)
    this.#size--
    return true
  }

  *all(): Generator<PendingCall> {
    for (const pending of this.#slots) if (pending) yield pending
  }

  /** Whether a call waits for its client to answer an input request. */
  get haveInputRequests(): boolean {
    for (const pending of this.all()) if (pending.openInputRequests > 0) return true
    return false
  }

  /**
   * Ends the calls whose deadline has passed.
   * @param isHeld whether the worker is held back: then it may be silent for long
   * @returns whether any timed out while the worker was not held back
   */
  expire(nowMs: number, isHeld: boolean): boolean {
    let expired = false
    for (const pending of this.all()) {
      if (pending.openInputRequests > 0) continue
      const idle = !isHeld && nowMs >= pending.idleAtMs
      if (!idle && nowMs < pending.endAtMs) continue
      expired = !isHeld
      pending.fail(new Refusal('upstream_timeout'))
    }
    return expired
  }

  /** The call that was added last of those that have not ended. */
  youngest(): PendingCall | undefined {
    let youngest: PendingCall | undefined
    for (const pending of this.all()) {
      if (!pending.ended && (!youngest || pending.id > youngest.id)) youngest = pending
    }
    return youngest
  }
}
