/** A doubly linked list: adding, removing and moving cost the same, however long it is. */
export class LinkedList<Value> {
  #first: Link<Value> | undefined
  #last: Link<Value> | undefined
  /** What `some` visits next. */
  #next: Link<Value> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): Value | undefined {
    return this.#first?.value
  }

  get firstLink(): Link<Value> | undefined {
    return this.#first
  }

  get last(): Value | undefined {
    return this.#last?.value
  }

  get values(): Value[] {
    const all: Value[] = []
    for (let link = this.#first; link; link = link.next) all.push(link.value)
    return all
  }

  /** Adds a value at the end. @returns its link, which removes and moves it */
  push(value: Value): Link<Value> {
    const link: Link<Value> = { value, previous: undefined, next: undefined, isIn: true }
    this.#append(link)
    return link
  }

  /** Returns false if the value has been removed before. */
  remove(link: Link<Value>): boolean {
    if (!link.isIn) return false
    this.#unlink(link)
    link.isIn = false
    return true
  }

  moveToEnd(link: Link<Value>): void {
    if (!link.isIn || link === this.#last) return
    this.#unlink(link)
    this.#append(link)
  }

  /**
   * Visits one value after the other, at most as many as there are now, until `visit` returns true.
   * @param visit may add and remove values, even this one, but must not call `some`
   * @returns whether it returned true
   */
  some(visit: (value: Value) => boolean): boolean {
    let left = this.#size
    this.#next = this.#first
    while (this.#next && left-- > 0) {
      const { value }: Link<Value> = this.#next
      this.#next = this.#next.next
      if (visit(value)) return true
    }
    return false
  }

  #append(link: Link<Value>): void {
    link.previous = this.#last
    if (this.#last) this.#last.next = link
    else this.#first = link
    this.#last = link
    this.#size++
  }

  /** A link that is out points to no other one: it would keep all that were removed later from being collected. */
  #unlink(link: Link<Value>): void {
    const { previous, next } = link
    if (this.#next === link) this.#next = next
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    link.previous = undefined
    link.next = undefined
    this.#size--
  }
}

/** The place of a value in a list. Only the list changes it. */
export interface Link<Value> {
  readonly value: Value
  previous: Link<Value> | undefined
  next: Link<Value> | undefined
  isIn: boolean
}
