/**
 * How long something takes at least, as far as the last ones tell: a call is refused at once only if it could not
 * have its turn in time even if all tasks before it were as quick as that. An average would refuse two hundred calls because
 * the first task was slow: it loads what it needs, or its machine is busy for a moment.
 */
const kept = 9

export class LeastDuration {
  #last: number[] = []

  add(ms: number): void {
    this.#last.push(ms)
    if (this.#last.length > kept) this.#last.shift()
  }

  /** In milliseconds; 0 as long as too little is known. */
  get ms(): number {
    return this.#last.length < kept ? 0 : Math.min(...this.#last)
  }
}
