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
    const exchange = make(++this.#sequence * span + place)
    this.#places[place] = exchange
    this.#size++
    return exchange
  }

  get(id: number): PendingCall | undefined {
    const exchange = this.#places[id % span]
    return exchange?.id === id ? exchange : undefined
  }

  /** Takes it out; false if it is not there. */
  remove(exchange: PendingCall): boolean {
    if (this.get(exchange.id) !== exchange) return false
    const place = exchange.id % span
    this.#places[place] = undefined
    this.#free.push(place)
    this.#size--
    return true
  }

  *all(): Generator<PendingCall> {
    for (const exchange of this.#places) if (exchange) yield exchange
  }

  /** Whether a call waits for an answer of its client. */
  get haveAsks(): boolean {
    for (const exchange of this.all()) if (exchange.openAsks > 0) return true
    return false
  }

  /**
   * Ends the calls whose deadline has passed.
   * @param isHeld whether the process is held back: its silence is then no fault of its own
   * @returns whether there were any that the process is to blame for
   */
  expire(nowMs: number, isHeld: boolean): boolean {
    let expired = false
    for (const exchange of this.all()) {
      if (exchange.openAsks > 0) continue
      const idle = !isHeld && nowMs >= exchange.idleAtMs
      if (!idle && nowMs < exchange.endAtMs) continue
      expired = !isHeld
      exchange.fail(new Refusal('upstream_timeout'))
    }
    return expired
  }

  /** The one that was added last of those that have not ended: an ended one takes nothing any more. */
  youngest(): PendingCall | undefined {
    let youngest: PendingCall | undefined
    for (const exchange of this.all()) {
      if (!exchange.ended && (!youngest || exchange.id > youngest.id)) youngest = exchange
    }
    return youngest
  }
}
