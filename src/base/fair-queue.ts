/**
 * A bounded queue that is fair between clients: it serves one entry of each client in turn, so that a client with a
 * hundred entries does not delay a client with one. The owner of an entry keeps its deadline.
 *
 * Round robin over clients is deficit round robin (Shreedhar and Varghese, 1995) with entries of equal cost.
 */
export class FairQueue<Entry> {
  readonly #lines = new Map<string, Entry[]>()
  readonly #bound: number
  #size = 0

  constructor(bound: number) {
    this.#bound = bound
  }

  get size(): number {
    return this.#size
  }

  /** All entries, client by client in the order in which they are served next. */
  get entries(): Entry[] {
    return [...this.#lines.values()].flat()
  }

  /** Adds an entry at the end of its client's line. Returns false if the queue is full. */
  add(client: string, entry: Entry): boolean {
    if (this.#size >= this.#bound) return false
    const line = this.#lines.get(client)
    if (line) line.push(entry)
    else this.#lines.set(client, [entry])
    this.#size++
    return true
  }

  /** Removes one entry, wherever it stands. Returns false if it is not in the queue. */
  remove(client: string, entry: Entry): boolean {
    const line = this.#lines.get(client)
    const at = line?.indexOf(entry) ?? -1
    if (!line || at < 0) return false
    line.splice(at, 1)
    if (line.length === 0) this.#lines.delete(client)
    this.#size--
    return true
  }

  /**
   * Offers the first entry of each client in turn until one is taken; the client of that entry then goes to the end.
   * @param take returns whether it takes the entry; it may add and remove entries, even this one, but must not call `offer`
   * @returns whether an entry was taken
   */
  offer(take: (entry: Entry) => boolean): boolean {
    // Clients added during this pass wait for the next one; otherwise the loop could run forever.
    let clients = this.#lines.size
    for (const [client, line] of this.#lines) {
      if (clients-- === 0) return false
      const entry = line[0]
      if (entry === undefined || !take(entry)) continue
      // `take` may have changed or replaced this line: look it up again before removing the entry.
      const left = this.#lines.get(client)
      if (left?.[0] === entry) {
        left.shift()
        this.#size--
      }
      this.#lines.delete(client)
      if (left && left.length > 0) this.#lines.set(client, left)
      return true
    }
    return false
  }

  /** Removes all entries and returns them. */
  drain(): Entry[] {
    const all = this.entries
    this.#lines.clear()
    this.#size = 0
    return all
  }
}
