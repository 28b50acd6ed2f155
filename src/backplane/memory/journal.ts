/** One journal in memory: its strings in one array, without a copy and without an object for each. */
import type { JournalBounds, JournalPage, Position, StoredEvent } from '../backplane.ts'

/** What an event takes besides its text, and a journal besides its events, in bytes: measured, rounded up. */
export const eventBytes = 64
export const journalBytes = 512

/** The journals that go together, and what they hold. */
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
  /** What is kept starts at `#head`; the places before it are empty until the arrays are cut. */
  #data: string[] = []
  #sizes: number[] = []
  /** When each was stored, as numbers that rise over all journals. */
  #order: number[] = []
  #head = 0
  #bytes = 0
  #dropped = 0
  /** The last event that a reader has taken. */
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

  /** The how manieth it was to end; 0 as long as it has not. */
  get endedAs(): number {
    return this.#endedAs
  }

  /** In memory, with everything. */
  get heldBytes(): number {
    return journalBytes + this.#bytes + this.#kept * eventBytes
  }

  /** When its oldest event was stored; Infinity if it has none. */
  get oldest(): number {
    return this.#order[this.#head] ?? Infinity
  }

  /** Whether its oldest event was taken by a reader. */
  get isOldestRead(): boolean {
    return this.#dropped < this.#read
  }

  livesAt(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  /**
   * Drops what the bounds of an append do not allow beside the events of those sizes that are to be added.
   * @returns how many of these are to be left out themselves: never the last
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

  /** @param order its place among the events of all journals */
  push(event: string, size: number, order: number): void {
    this.#data.push(event)
    this.#sizes.push(size)
    this.#order.push(order)
    this.#bytes += size
    // Cutting at the half moves each event once at most on average.
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

  /** Forgets its oldest event. There must be one. */
  dropOldest(): void {
    this.#bytes -= this.#sizes[this.#head] ?? 0
    this.#data[this.#head] = ''
    this.#head++
    this.#dropped++
  }

  get #kept(): number {
    return this.#data.length - this.#head
  }

  /** Whether a reader that has seen all up to `offset` can go on without a gap. */
  #reaches(offset: number): boolean {
    return Number.isInteger(offset) && offset >= this.#dropped && offset <= this.#dropped + this.#kept
  }
}
