/**
 * A bounded waiting line that is fair between those who wait: one entry of each client in turn, so that a client
 * with a hundred entries does not delay a client with one. Deadlines are kept by whoever owns the entries.
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

  /** Adds an entry at the end of its client's line; false if the queue is full. */
  add(client: string, entry: Entry): boolean {
    if (this.#size >= this.#bound) return false
    const line = this.#lines.get(client)
    if (line) line.push(entry)
    else this.#lines.set(client, [entry])
    this.#size++
    return true
  }

  /** Takes one entry out wherever it stands; false if it is not there. */
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
   * Offers the first entry of each client in turn until one is taken; that client goes to the end of the round.
   * @param take may add and remove entries, the one that it is offered too, but offer none itself
   * @returns whether one was taken
   */
  offer(take: (entry: Entry) => boolean): boolean {
    // Who comes in meanwhile is for the next offer, or one that never ends could be made of this.
    let clients = this.#lines.size
    for (const [client, line] of this.#lines) {
      if (clients-- === 0) return false
      const entry = line[0]
      if (entry === undefined || !take(entry)) continue
      // Whoever took it may have changed the line, or made a new one of it: look again before cutting.
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

  /** Takes everything out. */
  drain(): Entry[] {
    const all = [...this.#lines.values()].flat()
    this.#lines.clear()
    this.#size = 0
    return all
  }
}
