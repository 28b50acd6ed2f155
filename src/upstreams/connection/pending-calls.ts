/**
 * Exchanges in flight on a connection, by the id they have on the wire. An id is a place in a small array and a
 * sequence number: finding is an index, a late answer to an id that was used before finds nobody, and nothing is
 * left behind for the collector as a `Map` would that gains and loses an entry with each call.
 */
import { Refusal } from '../../base/refusal.ts'
import type { PendingCall } from './pending-call.ts'

/** Places at most, and the distance of sequence numbers on the wire: ids stay exact for 10^11 calls. */
const span = 65_536
/** The place that no exchange has: for requests that are not calls. */
const noPlace = span - 1

export class PendingCalls {
  readonly #places: Array<PendingCall | undefined> = []
  readonly #free: number[] = []
  #sequence = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Every id that is given from now on is at least this; every one before it is less. */
  get nextFrom(): number {
    return (this.#sequence + 1) * span
  }

  /** An id for a request that is no call. */
  nextId(): number {
    return ++this.#sequence * span + noPlace
  }

  /** Adds what `make` makes for a new id; undefined if there is no place left. */
  add(make: (id: number) => PendingCall): PendingCall | undefined {
    const place = this.#free.pop() ?? this.#places.length
    if (place >= noPlace) return undefined
    const pending = make(++this.#sequence * span + place)
    this.#places[place] = pending
    this.#size++
    return pending
  }

  get(id: number): PendingCall | undefined {
    const pending = this.#places[id % span]
    return pending?.id === id ? pending : undefined
  }

  /** Takes it out; false if it is not there. */
  remove(pending: PendingCall): boolean {
    if (this.get(pending.id) !== pending) return false
    const place = pending.id % span
    this.#places[place] = undefined
    this.#free.push(place)
    this.#size--
    return true
  }

  *all(): Generator<PendingCall> {
    for (const pending of this.#places) if (pending) yield pending
  }

  /** Whether a call waits for an answer of its client. */
  get haveAsks(): boolean {
    for (const pending of this.all()) if (pending.openAsks > 0) return true
    return false
  }

  /**
   * Ends the calls whose deadline has passed.
   * @param isHeld whether the process is held back: its silence is then no fault of its own
   * @returns whether there were any that the process is to blame for
   */
  expire(nowMs: number, isHeld: boolean): boolean {
    let expired = false
    for (const pending of this.all()) {
      if (pending.openAsks > 0) continue
      const idle = !isHeld && nowMs >= pending.idleAtMs
      if (!idle && nowMs < pending.endAtMs) continue
      expired = !isHeld
      pending.fail(new Refusal('upstream_timeout'))
    }
    return expired
  }

  /** The one that was added last of those that have not ended: an ended one takes nothing any more. */
  youngest(): PendingCall | undefined {
    let youngest: PendingCall | undefined
    for (const pending of this.all()) {
      if (!pending.ended && (!youngest || pending.id > youngest.id)) youngest = pending
    }
    return youngest
  }
}
