/** One journal in memory: its events as strings in one array, without a copy and without an object for each. */
import type { JournalBounds, JournalPage, Position, StoredEvent } from '../backplane.ts'

/** The cost of an event besides its text, and of a journal besides its events, in bytes: measured, rounded up. */
export const eventBytes = 64
export const journalBytes = 512

/** The journals of one owner, and the bytes that they hold together. */
export interface Owner {
  readonly name: string
  readonly journals: Set<Journal>
  heldBytes: number
}

export class Journal {
  readonly stream: string
  readonly epoch: string
  readonly owner: Owner | undefined
  #untilMs: number
  #endedAs = 0
  /** The kept events start at `#head`; the elements before it are empty until the arrays are cut. */
  #data: string[] = []
  #sizes: number[] = []
  /** The sequence number of each event, counted over all journals. */
  #order: number[] = []
  #head = 0
  #bytes = 0
  #dropped = 0
  /** The offset of the last event that a reader has read. */
  #read = 0

  constructor(stream: string, epoch: string, owner: Owner | undefined, untilMs: number) {
    this.stream = stream
    this.epoch = epoch
    this.owner = owner
    this.#untilMs = untilMs
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.#dropped + this.#kept }
  }

  /** Its number in the order in which journals have ended; 0 if it has not ended. */
  get endedAs(): number {
    return this.#endedAs
  }

  /** The bytes that it takes in memory, including its own cost. */
  get heldBytes(): number {
    return journalBytes + this.#bytes + this.#kept * eventBytes
  }

  /** The sequence number of its oldest event; Infinity if it has none. */
  get oldest(): number {
    return this.#order[this.#head] ?? Infinity
  }

  /** Whether a reader has read its oldest event. */
  get isOldestRead(): boolean {
    return this.#dropped < this.#read
  }

  livesAt(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  /**
   * Drops the oldest events so that an append of events of these sizes stays within its bounds.
   * @returns how many of the new events must be left out, from the first on: never the last one
   */
  makeRoom(sizes: readonly number[], bounds: JournalBounds, nowMs: number): number {
    this.#untilMs = nowMs + bounds.ttlMs
    let bytes = 0
    for (const size of sizes) bytes += size
    const count = sizes.length
    const least = count === 0 ? 1 : 0
    while (this.#kept > least && (this.#kept + count > bounds.events || this.#bytes + bytes > bounds.bytes))
      this.dropOldest()
    let left = 0
    while (count - left > 1 && (count - left > bounds.events || bytes > bounds.bytes)) bytes -= sizes[left++] ?? 0
    this.#dropped += left
    return left
  }

  /** @param order the sequence number of the event */
  push(event: string, size: number, order: number): void {
    this.#data.push(event)
    this.#sizes.push(size)
    this.#order.push(order)
    this.#bytes += size
    // Cut only when more than half is empty: each event is then moved at most once on average.
    if (this.#head > this.#kept) {
      this.#data = this.#data.slice(this.#head)
      this.#sizes = this.#sizes.slice(this.#head)
      this.#order = this.#order.slice(this.#head)
      this.#head = 0
    }
  }

  end(as: number, untilMs: number): void {
    this.#endedAs = as
    this.#untilMs = untilMs
  }

  read(after: Position | undefined): JournalPage | 'expired' {
    if (after && (after.epoch !== this.epoch || !this.#reaches(after.offset))) return 'expired'
    const from = Math.max(after?.offset ?? 0, this.#dropped)
    const events: StoredEvent[] = []
    for (let at = this.#head + from - this.#dropped; at < this.#data.length; at++) {
      events.push({ offset: this.#dropped + at - this.#head + 1, data: this.#data[at] ?? '' })
    }
    this.#read = this.#dropped + this.#kept
    return { epoch: this.epoch, events, ended: this.#endedAs > 0, missed: after ? 0 : this.#dropped }
  }

  /** Drops the oldest event. There must be one. */
  dropOldest(): void {
    this.#bytes -= this.#sizes[this.#head] ?? 0
    this.#data[this.#head] = ''
    this.#head++
    this.#dropped++
  }

  get #kept(): number {
    return this.#data.length - this.#head
  }

  /** Whether a reader that has seen all events up to `offset` can continue without a gap. */
  #reaches(offset: number): boolean {
    return Number.isInteger(offset) && offset >= this.#dropped && offset <= this.#dropped + this.#kept
  }
}
