/**
 * The states of a worker, all moves between them, and the sets that workers are in: until it has ended, a worker is in the
 * set of its state and in that of its purpose. How many workers are in a state is the size of its set.
 * `WorkerStates.move` is the only function that changes a state.
 *
 * starting      it has its slot and gets its process, unless it was a spare, and its handshake
 * spare         it runs, has been sent nothing, and waits for a purpose
 * restoring     it has answered its handshake and gets the state of its isolation group
 * idle          it can take a call, or be asked for a list
 * busy          it has calls, or is asked for a list
 * unresponsive  it did not answer a ping and has sent nothing since: it gets no further call
 * retiring      another worker takes its place: it gets no further call, and ends when its calls are over
 * ending        it was told to end and still runs
 * ended         it is gone, and in no set
 */
import type { WorkerEnd } from '../base/events.ts'

export type WorkerState =
  'starting' | 'spare' | 'restoring' | 'idle' | 'busy' | 'unresponsive' | 'retiring' | 'ending' | 'ended'

/**
 * What a worker is for: calls (`serve`), later clients (`spare`), lists (`catalog`), or to `check` whether the server starts.
 * A spare that is taken gets another purpose, and leaves the state `spare`.
 */
export type Purpose = 'serve' | 'spare' | 'catalog' | 'check'

/** From each state, the states that a worker may move to. It may be ended, and may end by itself, at any time. */
export const allowedMoves: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  // A worker for calls is restored; one for lists has nothing to restore.
  starting: ['restoring', 'idle', 'spare', 'ending', 'ended'],
  spare: ['starting', 'ending', 'ended'],
  restoring: ['idle', 'ending', 'ended'],
  // A worker for lists that is handed over to a group is restored.
  idle: ['busy', 'unresponsive', 'restoring', 'ending', 'ended'],
  busy: ['idle', 'unresponsive', 'retiring', 'ending', 'ended'],
  unresponsive: ['idle', 'busy', 'retiring', 'ending', 'ended'],
  retiring: ['ending', 'ended'],
  ending: ['ended'],
  ended: [],
}

/** The state of one worker, for the worker itself: it can read and change it, and does not see the sets. */
export interface WorkerStanding {
  readonly state: WorkerState
  /** Why another worker takes its place as soon as it has no call; undefined if none does. */
  readonly replacedFor?: WorkerEnd | undefined
  /** Moves the worker; throws for a move that is not allowed. */
  move(to: WorkerState): void
}

/** What is kept in the sets. The fields are changed by `WorkerStates` alone. */
export interface TrackedWorker {
  state: WorkerState
  /** The state before this one; undefined at first. Shows whether a worker that ends had answered its handshake. */
  previous: WorkerState | undefined
  /** Its place in the set of its state. */
  index: number
  purpose: Purpose
}

/** The workers in a state, in no particular order. */
export interface StateSet<Tracked> extends Iterable<Tracked> {
  readonly size: number
}

/** A set whose members know their places: each call moves a worker, and a `Set` would be rehashed by that again and again. */
class IndexedSet<Tracked extends TrackedWorker> implements StateSet<Tracked> {
  readonly #members: Tracked[] = []

  get size(): number {
    return this.#members.length
  }

  add(tracked: Tracked): void {
    tracked.index = this.#members.push(tracked) - 1
  }

  remove(tracked: Tracked): void {
    const last = this.#members.pop()
    if (last === undefined || last === tracked) return
    this.#members[tracked.index] = last
    last.index = tracked.index
  }

  [Symbol.iterator](): IterableIterator<Tracked> {
    return this.#members.values()
  }
}

export class WorkerStates<Tracked extends TrackedWorker> {
  /** The set of `ended` stays empty. */
  readonly #inState: Readonly<Record<WorkerState, IndexedSet<Tracked>>> = {
    starting: new IndexedSet(),
    spare: new IndexedSet(),
    restoring: new IndexedSet(),
    idle: new IndexedSet(),
    busy: new IndexedSet(),
    unresponsive: new IndexedSet(),
    retiring: new IndexedSet(),
    ending: new IndexedSet(),
    ended: new IndexedSet(),
  }
  readonly #withPurpose: Readonly<Record<Purpose, Set<Tracked>>> = {
    serve: new Set(),
    spare: new Set(),
    catalog: new Set(),
    check: new Set(),
  }

  /** Adds a worker to the sets of its state and its purpose. It must be in none yet. */
  add(tracked: Tracked): void {
    this.#inState[tracked.state].add(tracked)
    this.#withPurpose[tracked.purpose].add(tracked)
  }

  /** Moves a worker to another state. Throws for a move that is not allowed, and changes nothing then. */
  move(tracked: Tracked, to: WorkerState): void {
    const from = tracked.state
    if (!allowedMoves[from].includes(to)) throw new Error(`a worker does not move from ${from} to ${to}`)
    this.#inState[from].remove(tracked)
    tracked.previous = from
    tracked.state = to
    if (to === 'ended') this.#withPurpose[tracked.purpose].delete(tracked)
    else this.#inState[to].add(tracked)
  }

  /** Gives a worker another purpose. Does nothing once it has ended: it is in no set then. */
  assign(tracked: Tracked, purpose: Purpose): void {
    if (!this.#withPurpose[tracked.purpose].delete(tracked)) return
    tracked.purpose = purpose
    this.#withPurpose[purpose].add(tracked)
  }

  /** The workers in a state; none for `ended`. No worker may be moved while they are gone through. */
  in(state: WorkerState): StateSet<Tracked> {
    return this.#inState[state]
  }

  /** The workers with a purpose, in any state. */
  for(purpose: Purpose): ReadonlySet<Tracked> {
    return this.#withPurpose[purpose]
  }

  /** All workers that have not ended. */
  get all(): readonly Tracked[] {
    return Object.values(this.#withPurpose).flatMap((workers) => [...workers])
  }

  /** The number of all workers that have not ended. */
  get size(): number {
    let size = 0
    for (const workers of Object.values(this.#withPurpose)) size += workers.size
    return size
  }
}
