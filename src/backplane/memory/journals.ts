/**
 * Journals in memory, bounded each by itself, per owner, and all together by the memory budget. When the budget is used
 * up, events are dropped in the order of `evictionOrder`, and readers of dropped events learn that they are gone.
 *
 * A stream without a journal costs nothing; one that is only tailed costs the entry of its tail.
 */
import { shortId } from '../../base/ids.ts'
import { bytesOf, type MemoryBudget } from '../../base/memory-budget.ts'
import type { JournalBounds, JournalOwner, Journals } from '../backplane.ts'
import { eventBytes, Journal, journalBytes, type Owner } from './journal.ts'
import type { Store } from './store.ts'

/** When a bound is reached, at least this part of it is freed at once, because each search for old events is costly. */
const roomPart = 1 / 32
/** The oldest events of all journals are dropped in steps of this part of the age range. */
const ageSteps = 16

/** A tail of a journal; `wake` is undefined once it was stopped. */
interface Tail {
  wake: (() => void) | undefined
}

// The methods are async and await nothing: their work is done when they return, and an error becomes a rejection.
export function createJournals(store: Store, memory: MemoryBudget): Journals {
  const journals = new Map<string, Journal>()
  /** The ended journals, in the order of their ends. */
  const ended = new Set<Journal>()
  const owners = new Map<string, Owner>()
  // The lists are replaced, never changed: a `wake` may stop and add tails.
  const tails = new Map<string, readonly Tail[]>()
  const account = memory.account()
  /** Makes the epochs of this store different from those of any other. */
  const storeId = shortId()
  let begun = 0
  let stored = 0
  let ends = 0

  /** Counts that a journal holds more bytes, or fewer if negative. */
  const count = ({ owner }: Journal, bytes: number): void => {
    if (bytes > 0) account.add(bytes)
    else account.release(-bytes)
    if (owner) owner.heldBytes += bytes
  }

  const ownerOf = ({ name }: JournalOwner): Owner => {
    let owner = owners.get(name)
    if (!owner) owners.set(name, (owner = { name, journals: new Set(), heldBytes: 0 }))
    return owner
  }

  const remove = (journal: Journal): number => {
    const { owner, heldBytes } = journal
    journals.delete(journal.stream)
    ended.delete(journal)
    count(journal, -heldBytes)
    owner?.journals.delete(journal)
    if (owner?.journals.size === 0) owners.delete(owner.name)
    return heldBytes
  }

  const find = (stream: string, nowMs: number): Journal | undefined => {
    const journal = journals.get(stream)
    if (journal === undefined || journal.livesAt(nowMs)) return journal
    remove(journal)
    return undefined
  }

  const begin = (stream: string, owner: JournalOwner | undefined, untilMs: number): Journal => {
    const mine = owner && ownerOf(owner)
    const journal = new Journal(stream, `${storeId}${(++begun).toString(36)}`, mine, untilMs)
    mine?.journals.add(journal)
    count(journal, journal.heldBytes)
    journals.set(stream, journal)
    return journal
  }

  /** Forgets ended journals without a reader, in the given order, until so many bytes are free. */
  const dropEnded = (from: Iterable<Journal>, bytes: number): number => {
    let freed = 0
    for (const journal of from) {
      if (freed >= bytes) break
      if (!tails.has(journal.stream)) freed += remove(journal)
    }
    return freed
  }

  /** Drops the oldest events of all journals, if their journal may lose them, until so many bytes are free. */
  const dropOldest = (
    from: { values(): Iterable<Journal> },
    bytes: number,
    mayGo: (journal: Journal) => boolean,
  ): number => {
    let freed = 0
    // All journals are empty: do not search through them. This is common when other accounts use up the budget.
    if (account.heldBytes === journals.size * journalBytes) return freed
    while (freed < bytes) {
      let oldest = Infinity
      for (const journal of from.values()) if (mayGo(journal)) oldest = Math.min(oldest, journal.oldest)
      if (oldest === Infinity) break
      const until = oldest + (stored - oldest) / ageSteps
      for (const journal of from.values())
        while (freed < bytes && journal.oldest <= until && mayGo(journal)) {
          const before = journal.heldBytes
          journal.dropOldest()
          count(journal, journal.heldBytes - before)
          freed += before - journal.heldBytes
        }
    }
    return freed
  }

  /** No reader waits for its oldest event. */
  const isFree = (journal: Journal): boolean => journal.isOldestRead || !tails.has(journal.stream)

  const makeRoomAt = (owner: Owner, bytes: number, most: number): void => {
    const wanted = owner.heldBytes + bytes - most
    if (wanted <= 0) return
    const room = Math.max(wanted, most * roomPart)
    const over = [...owner.journals].filter((journal) => journal.endedAs > 0)
    const freed = dropEnded(
      over.sort((a, b) => a.endedAs - b.endedAs),
      room,
    )
    if (freed < wanted) dropOldest(owner.journals, room - freed, () => true)
  }

  const roomFor = (bytes: number): number => Math.max(bytes, memory.limitBytes * roomPart)
  memory.onPressure('ended_events', (bytes) => void dropEnded(ended, roomFor(bytes)))
  memory.onPressure('resumable_events', (bytes) => void dropOldest(journals, roomFor(bytes), isFree))
  memory.onPressure('slow_readers', (bytes) => void dropOldest(journals, roomFor(bytes), () => true))

  const append = (journal: Journal, events: readonly string[], bounds: JournalBounds, nowMs: number): void => {
    const sizes = events.map(bytesOf)
    let more = -journal.heldBytes
    const left = journal.makeRoom(sizes, bounds, nowMs)
    more += journal.heldBytes
    for (let at = left; at < sizes.length; at++) more += eventBytes + (sizes[at] ?? 0)
    if (journal.owner && bounds.owner) makeRoomAt(journal.owner, more, bounds.owner.bytes)
    // Counted before they are added: making room must not drop the new events themselves.
    count(journal, more)
    for (let at = left; at < sizes.length; at++) journal.push(events[at] ?? '', sizes[at] ?? 0, ++stored)
  }

  const wakeTails = (stream: string): void => {
    for (const tail of tails.get(stream) ?? []) {
      try {
        tail.wake?.()
      } catch {
        // A failing reader must not affect the writer or other readers.
      }
    }
  }

  store.onSweep((nowMs) => {
    for (const journal of journals.values()) if (!journal.livesAt(nowMs)) remove(journal)
    if (nowMs === Infinity) tails.clear()
  })

  return {
    async append(stream, events, bounds) {
      const nowMs = store.now()
      const journal = find(stream, nowMs) ?? begin(stream, bounds.owner, nowMs + bounds.ttlMs)
      if (journal.endedAs === 0) append(journal, events, bounds, nowMs)
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
      const journal = find(stream, store.now()) ?? begin(stream, undefined, untilMs)
      if (journal.endedAs === 0) {
        ended.add(journal)
        journal.end(++ends, untilMs)
      }
      wakeTails(stream)
    },
    async drop(stream) {
      store.now()
      const journal = journals.get(stream)
      if (journal) remove(journal)
      wakeTails(stream)
    },
    async dropAll(owner) {
      store.now()
      const dropped = [...(owners.get(owner)?.journals ?? [])]
      for (const journal of dropped) remove(journal)
      for (const { stream } of dropped) wakeTails(stream)
    },
  }
}
