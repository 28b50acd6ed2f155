/**
 * A waiting line: waits for something that becomes available later, for example a free place or a worker. Bounded, and
 * fair between keys, so that many waits under one key delay the others by one turn. Promises that every wait ends exactly
 * once: with a result, at its deadline, when it is cancelled, or when its owner refuses it.
 */
import type { Cancel } from './cancel.ts'
import type { Clock, Timer } from './clock.ts'
import { FairQueue, type FairQueueNeeds, type Queued } from './fair-queue.ts'
import type { Lease } from './lease.ts'
import { Refusal } from './refusal.ts'

/** One wait, as the owner of the line sees it. Once it has ended, `give` and `refuse` do nothing. */
export interface Waiter<Result, About> {
  /** What the wait is for, as it was passed to `wait`. */
  readonly about: About
  give(result: Result): void
  /** @param refusal a `Refusal`, or an error of the owner's own kind */
  refuse(refusal: Error): void
}

/** Where a wait stands. */
export interface Place {
  /** How many have their turn before it. */
  readonly ahead: number
  /** In how many milliseconds it probably has its own; undefined if that is not known. */
  readonly expectedMs: number | undefined
}

/** How many may wait in several lines together, by the first key of their paths. */
export interface WaitCounts {
  /** The refusal of one more; undefined if it may wait. */
  refusal(key: string): Error | undefined
  /** Counts one more, until its lease ends. */
  begin(key: string): Lease | undefined
}

/** `bound` is how many may wait at once. */
export interface WaitingLineNeeds<About> extends FairQueueNeeds {
  readonly waits?: WaitCounts | undefined
  readonly clock: Clock
  /** Returns the refusal of a wait whose deadline has passed; undefined to let it wait on, and to be asked again a little later. */
  readonly refusalWhenDue: (about: About) => Error | undefined
  /**
   * Returns the refusal of a wait that would end too late, before it begins; asked for each wait.
   * @param ahead tells how many waits get a result before this one
   * @param ms the longest wait
   */
  readonly refusalAtOnce?: (ahead: () => number, ms: number) => Error | undefined
  /**
   * Returns the refusal of the last wait in the longest line, which has to go for a wait of a shorter line because the
   * line is full. Without it the new wait is refused.
   */
  readonly refusalWhenDisplaced?: (about: About) => Error
  /** Called once at the end of each wait, before its promise settles. */
  readonly onLeave?: (about: About) => void
}

/** When a wait that goes on after its deadline is looked at again, in milliseconds. */
const againMs = 250

/** `Result` is what a wait gets, never undefined. */
export class WaitingLine<Result, About> {
  readonly #needs: WaitingLineNeeds<About>
  readonly #queue: FairQueue<QueuedWaiter<Result, About>>

  constructor(needs: WaitingLineNeeds<About>) {
    this.#needs = needs
    this.#queue = new FairQueue(needs)
  }

  get size(): number {
    return this.#queue.size
  }

  /** All waits, grouped by key, oldest first within a key. */
  get waiters(): ReadonlyArray<Waiter<Result, About>> {
    return this.#queue.entries
  }

  /**
   * Waits at the end of the line of `path`, for about `ms` milliseconds. Returns undefined if the line is full.
   * The promise rejects with `cancelled`, or the refusal by which the wait was ended.
   * @param path its keys, from the widest to the narrowest; as many for each wait
   */
  wait(path: readonly string[], about: About, ms: number, cancel: Cancel): Promise<Result> | undefined {
    if (cancel.cancelled) return Promise.reject(new Refusal('cancelled'))
    const { clock, refusalAtOnce, refusalWhenDue, onLeave } = this.#needs
    const refusal = this.refusalOf(path) ?? refusalAtOnce?.(() => this.#queue.ahead(path), ms)
    if (refusal) return Promise.reject(refusal)
    this.#makeRoom(path)
    const waiter = new QueuedWaiter<Result, About>(about, () => {
      if (waiter.queued) this.#queue.remove(waiter.queued)
      counted?.release()
      onLeave?.(about)
    })
    waiter.queued = this.#queue.add(path, waiter)
    if (!waiter.queued) return undefined
    const counted = this.#needs.waits?.begin(path[0] ?? '')
    waiter.begin(clock, ms, refusalWhenDue, cancel)
    return waiter.promise
  }

  /** The refusal of a wait for which too many wait already in all lines together; undefined if it may wait. */
  refusalOf(path: readonly string[]): Error | undefined {
    return this.#needs.waits?.refusal(path[0] ?? '')
  }

  #makeRoom(path: readonly string[]): void {
    const { refusalWhenDisplaced } = this.#needs
    if (!refusalWhenDisplaced || !this.#queue.isFull) return
    const last = this.#queue.lastOfLongest(path)?.entry
    last?.refuse(refusalWhenDisplaced(last.about))
  }

  /** How many waits get a result before one of the path that begins now. */
  ahead(path: readonly string[]): number {
    return this.#queue.ahead(path)
  }

  /** How many waits get a result before that of `about`, in the line of the path. */
  aheadOf(path: readonly string[], about: About): number {
    const waiter = this.#queue.entries.find((one) => one.about === about)
    return waiter ? this.#queue.aheadOf(path, waiter) : 0
  }

  /**
   * Offers something to the first wait of each key in turn, until one takes it.
   * @param resultFor returns the result for a wait, or undefined if there is none for it; it may begin and end other waits,
   *   but must not call `offer`
   * @returns whether a wait got a result
   */
  offer(resultFor: (about: About) => Result | undefined): boolean {
    return this.#queue.offer((waiter) => {
      const result = resultFor(waiter.about)
      if (result === undefined) return false
      waiter.give(result)
      return true
    })
  }

  /** Refuses all waits. */
  drain(refusal: Error): void {
    for (const waiter of this.#queue.entries) waiter.refuse(refusal)
  }
}

interface Settle<Result> {
  readonly resolve: (result: Result) => void
  readonly reject: (refusal: Error) => void
}

/** A wait in the queue, with its promise, its timer and its cancellation. */
class QueuedWaiter<Result, About> implements Waiter<Result, About> {
  readonly about: About
  readonly promise: Promise<Result>
  /** Its place in the queue, once it has one. */
  queued: Queued<QueuedWaiter<Result, About>> | undefined
  /** Settles the promise; undefined once the wait has ended. */
  #settle: Settle<Result> | undefined
  readonly #leave: () => void
  #timer: Timer | undefined
  #stopListening: (() => void) | undefined

  /** @param leave called once when the wait ends */
  constructor(about: About, leave: () => void) {
    this.about = about
    this.#leave = leave
    this.promise = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
  }

  begin(clock: Clock, ms: number, refusalWhenDue: (about: About) => Error | undefined, cancel: Cancel): void {
    const onDue = (): void => {
      const refusal = refusalWhenDue(this.about)
      if (refusal) this.refuse(refusal)
      else if (this.#settle) this.#timer = clock.after(againMs, onDue)
    }
    this.#timer = clock.after(ms, onDue)
    this.#stopListening = cancel.onCancel(() => this.refuse(new Refusal('cancelled')))
  }

  give(result: Result): void {
    this.#end()?.resolve(result)
  }

  refuse(refusal: Error): void {
    this.#end()?.reject(refusal)
  }

  /** Ends the wait. Returns how to settle its promise; undefined if it has ended before. */
  #end(): Settle<Result> | undefined {
    const settle = this.#settle
    if (!settle) return undefined
    this.#settle = undefined
    this.#timer?.stop()
    this.#stopListening?.()
    this.#leave()
    return settle
  }
}
