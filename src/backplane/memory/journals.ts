/**
 * Journals in memory: the strings of a stream in one array, without a copy and without an object for each.
 *
 * Bytes are counted as characters, which costs nothing; a string of mere ASCII takes one byte a character here,
 * any other two. A stream that has no journal costs nothing, one that is only tailed costs the entry of its tail.
 */
import { shortId } from '../../base/ids.ts'
import type { JournalBounds, JournalPage, Journals, Position, StoredEvent } from '../backplane.ts'
import type { Store } from './store.ts'

class Journal {
  readonly epoch: string
  #untilMs: number
  #ended = false
  /** What is kept starts at `#head`; the places before it are empty strings until the array is cut. */
  #data: string[] = []
  #head = 0
  #bytes = 0
  #dropped = 0

  constructor(epoch: string, untilMs: number) {
    this.epoch = epoch
    this.#untilMs = untilMs
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.#dropped + this.#kept }
  }

  livesAt(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  append(events: readonly string[], bounds: JournalBounds, nowMs: number): void {
    if (this.#ended) return
    this.#untilMs = nowMs + bounds.ttlMs
    for (const event of events) {
      this.#data.push(event)
      this.#bytes += event.length
    }
    while (this.#kept > 1 && (this.#kept > bounds.events || this.#bytes > bounds.bytes)) this.#dropOldest()
    // Cutting at the half moves each event once at most on average.
    if (this.#head > this.#kept) {
      this.#data = this.#data.slice(this.#head)
      this.#head = 0
    }
  }

  end(untilMs: number): void {
    if (this.#ended) return
    this.#ended = true
    this.#untilMs = untilMs
  }

  read(after: Position | undefined): JournalPage | 'expired' {
    if (after && (after.epoch !== this.epoch || !this.#reaches(after.offset))) return 'expired'
    const from = Math.max(after?.offset ?? 0, this.#dropped)
    const events: StoredEvent[] = []
    for (let at = this.#head + from - this.#dropped; at < this.#data.length; at++) {
      events.push({ offset: this.#dropped + at - this.#head + 1, data: this.#data[at] ?? '' })
    }
    return { epoch: this.epoch, events, ended: this.#ended, missed: after ? 0 : this.#dropped }
  }

  get #kept(): number {
    return this.#data.length - this.#head
  }

  /** Whether a reader that has seen all up to `offset` can go on without a gap. */
  #reaches(offset: number): boolean {
    return Number.isInteger(offset) && offset >= this.#dropped && offset <= this.#dropped + this.#kept
  }

  #dropOldest(): void {
    this.#bytes -= this.#data[this.#head]?.length ?? 0
    this.#data[this.#head++] = ''
    this.#dropped++
  }
}

/** One who tails; `wake` is taken away by its stop. */
interface Tail {
  wake: (() => void) | undefined
}

// The methods are async and await nothing: their work is done when they return, and what they throw is a rejection.
export function createJournals(store: Store): Journals {
  const journals = new Map<string, Journal>()
  // The lists are replaced, never changed: a wake may stop tails and add some.
  const tails = new Map<string, readonly Tail[]>()
  const life = shortId()
  let begun = 0

  const find = (stream: string, nowMs: number): Journal | undefined => {
    const journal = journals.get(stream)
    if (journal === undefined || journal.livesAt(nowMs)) return journal
    journals.delete(stream)
    return undefined
  }
  const begin = (stream: string, untilMs: number): Journal => {
    const journal = new Journal(`${life}${(++begun).toString(36)}`, untilMs)
    journals.set(stream, journal)
    return journal
  }
  const wakeTails = (stream: string): void => {
    for (const tail of tails.get(stream) ?? []) {
      try {
        tail.wake?.()
      } catch {
        // A reader's failure is its own.
      }
    }
  }
  store.onSweep((nowMs) => {
    for (const [stream, journal] of journals) if (!journal.livesAt(nowMs)) journals.delete(stream)
    if (nowMs === Infinity) tails.clear()
  })

  return {
    async append(stream, events, bounds) {
      const nowMs = store.now()
      const journal = find(stream, nowMs) ?? begin(stream, nowMs + bounds.ttlMs)
      journal.append(events, bounds, nowMs)
      const position = journal.position
      wakeTails(stream)
      return position
    },
    async read(stream, after) {
      return find(stream, store.now())?.read(after) ?? 'unknown'
    },
    tail(stream, wake) {
      const tail: Tail = { wake }
      tails.set(stream, [...(tails.get(stream) ?? []), tail])
      return () => {
        tail.wake = undefined
        const others = (tails.get(stream) ?? []).filter((other) => other !== tail)
        if (others.length > 0) tails.set(stream, others)
        else tails.delete(stream)
      }
    },
    async end(stream, retentionMs) {
      const untilMs = store.now() + retentionMs
      const journal = find(stream, store.now()) ?? begin(stream, untilMs)
      journal.end(untilMs)
      wakeTails(stream)
    },
    async drop(stream) {
      store.now()
      journals.delete(stream)
      wakeTails(stream)
    },
  }
}
