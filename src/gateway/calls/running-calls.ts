/** The calls that run, of all endpoints: what an operator sees, and what a drain waits for. */
import type { Call } from '../../protocol/call.ts'

/** A call that runs. */
export interface TrackedCall {
  readonly call: Call
  readonly startedMs: number
  /** As in its line of the log. */
  readonly requestId: string
  /** The name of the upstream that it is for, if that is certain. */
  upstream(): string | undefined
  /** The tool or prompt that it is for: a name that the server lists, or `unknown`. */
  tool(): string | undefined
  /** Its place among the others; changed by `RunningCalls` alone. */
  place: number
}

/** An array whose members know their places: a `Set` would be rehashed by calls that come and go (docs/decisions/0013). */
export class RunningCalls implements Iterable<TrackedCall> {
  readonly #calls: TrackedCall[] = []

  get size(): number {
    return this.#calls.length
  }

  add(tracked: TrackedCall): void {
    tracked.place = this.#calls.push(tracked) - 1
  }

  /** Removes a call that was added. */
  remove(tracked: TrackedCall): void {
    const last = this.#calls.pop()
    if (last === undefined || last === tracked) return
    this.#calls[tracked.place] = last
    last.place = tracked.place
  }

  [Symbol.iterator](): IterableIterator<TrackedCall> {
    return this.#calls.values()
  }
}
