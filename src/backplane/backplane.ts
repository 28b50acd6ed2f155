/**
 * The backplane: five ports for everything that is shared between instances or outlives one.
 *
 * The comments here are the contract, `memory.ts` is the reference implementation, and `testing/backplane-contract.ts`
 * tests any implementation; no other document is needed to write one. `docs/storage.md` lists the keys in use.
 *
 * For every method:
 * - It resolves or rejects soon: a store that is unreachable, slow or closed rejects with the refusal `store_unavailable`,
 *   and no method waits for it to return. After such a failure a write may or may not have happened.
 * - Keys, names and instances are opaque. The caller bounds their number (by limits on sessions, calls, tenants) and
 *   includes the owner in them.
 * - Times to live are finite milliseconds above 0, counted from the call by the store's clock. After that time an entry is
 *   gone for every method, even if its memory is freed later.
 * - Values and messages are plain JSON data that no side changes: not the caller after passing one in, nor a reader after
 *   getting one. (The memory store freezes them, a remote store copies them.)
 */
import type { Awaitable } from '../base/awaitable.ts'

/** Plain JSON data. A reader checks the shape of what it gets from a store. */
export interface StoredObject {
  readonly [key: string]: unknown
}

export interface Versioned {
  readonly value: StoredObject
  /** A positive integer that grows with each write. A key never has the same version twice, not even after a removal. */
  readonly version: number
}

/** Plain data by key, atomic per key, with an expiry: sessions, the registry of instances, calls in flight. */
export interface Records {
  /** Writes the record if there is none under the key; returns false if there is one. */
  create(key: string, value: StoredObject, ttlMs: number): Promise<boolean>
  /**
   * Reads the record; `extendMs` also gives it a new time to live from now, in the same step and without a new version.
   * Returns it at once if the store can, since every call of a session reads one; fails by throwing, or by rejecting.
   */
  read(key: string, extendMs?: number): Awaitable<Versioned | undefined>
  /** How long the record would live if nothing extended it, in milliseconds; undefined if there is none. Tells when it was last extended. */
  timeLeft(key: string): Promise<number | undefined>
  /** Writes the record if it still has that version; returns false if not, or if it was removed: this never brings a record back. */
  replace(key: string, value: StoredObject, version: number, ttlMs: number): Promise<boolean>
  /** Removes the record; returns whether there was one. */
  remove(key: string): Promise<boolean>
}

/** Limits the number of holders of a name; a slot that its holder does not renew is freed. */
export interface Slots {
  /**
   * Takes a slot for `ttlMs` if fewer than `limit` are held, and returns whether it did. If this holder already has one, it
   * is renewed, whatever the limit is now. All callers use the same limit for a name.
   */
  claim(name: string, holder: string, limit: number, ttlMs: number): Promise<boolean>
  /** Extends a slot that is held; returns false if it has expired, so that another holder may have it. Renew at a third of the time to live. */
  renew(name: string, holder: string, ttlMs: number): Promise<boolean>
  /** Gives this holder's slot back; does nothing if it holds none. */
  release(name: string, holder: string): Promise<void>
}

/** The decision of a rate limit for one request. */
export interface Decision {
  readonly allowed: boolean
  /** How much more cost would be allowed right after this request. */
  readonly remaining: number
  /** Milliseconds after which the same cost would be allowed if no other request came; 0 if it is allowed. */
  readonly retryAfterMs: number
}

/** The state of an algorithm for a key: numbers, so that any store can hold it. */
export type LimitState = readonly number[]

export interface LimitStep {
  readonly state: LimitState
  readonly decision: Decision
  /** After this time the state is equal to no state, and the store may forget it. 0: at once. */
  readonly ttlMs: number
}

/** A rate algorithm with its rule. A store that cannot run `step` has its own implementation, found by `name` and given `rule`. */
export interface Algorithm {
  readonly name: string
  /** The rule as numbers, in the order that the store's implementation expects. */
  readonly rule: readonly number[]
  /** Pure: the same arguments give the same step. `state` is undefined if the store has none for the key. */
  step(state: LimitState | undefined, nowMs: number, cost: number): LimitStep
}

/** Shared rate limits by the store's clock. */
export interface Limits {
  /** Runs one step of the algorithm, atomic per key. A key belongs to one algorithm and one rule, so both are part of it. */
  take(key: string, algorithm: Algorithm, cost: number): Promise<Decision>
}

/** A position in a journal: after the event with that offset; 0 is before the first event. */
export interface Position {
  /** Identifies this incarnation of the journal: after it was lost or dropped, a new journal of the same name has another epoch. At most 32 characters of base64url. */
  readonly epoch: string
  readonly offset: number
}

export interface StoredEvent {
  /** 1 for the first event of the journal, then counting up without a gap. */
  readonly offset: number
  readonly data: string
}

export interface JournalPage {
  readonly epoch: string
  /** In order, without a gap. A store may return fewer than there are: read on after the last one until a page is empty. */
  readonly events: readonly StoredEvent[]
  /** No event follows those of this page, now or later. */
  readonly ended: boolean
  /** How many events were dropped before the first of this page; always 0 if the reader gave a position. */
  readonly missed: number
}

/** How much of one journal is kept. The oldest events are dropped first; the newest is kept whatever its size. */
export interface JournalBounds {
  readonly events: number
  /** Sum of the sizes of the events. A store counts a character of an event as at least 1 and at most 3 bytes. */
  readonly bytes: number
  /** The journal expires this long after the last append. */
  readonly ttlMs: number
  /** The owner of the journal. The owner given when the journal begins counts. */
  readonly owner?: JournalOwner
}

/** Journals that are bounded together and forgotten together. */
export interface JournalOwner {
  readonly name: string
  /**
   * The limit for all journals of the owner together, including the store's own cost of each event and journal. Beyond it,
   * ended journals are forgotten in the order of their ends, then the oldest events of all; the newest event is kept.
   */
  readonly bytes: number
}

/**
 * Ordered events per stream, for readers that may lose their connection and resume on any instance.
 *
 * A store that runs out of room may drop more than the bounds of a journal require, as if they were smaller: ended journals
 * first, then the oldest events of any. Readers learn of it in the same way.
 */
export interface Journals {
  /**
   * Appends the events atomically, within the bounds of this call, and returns the position of the last. Without events it
   * begins the journal if there is none, and returns the position to start from. After the end nothing is added, and the
   * position is that of the last event.
   */
  append(stream: string, events: readonly string[], bounds: JournalBounds): Promise<Position>
  /**
   * The events after a position; without a position all that are kept, and `missed` counts those that are not.
   * 'expired': the journal cannot be continued from the position without a gap, because events after it were dropped, its
   * epoch is over, or it was never reached. 'unknown': there is no journal of that name; it was never begun, was dropped,
   * or has expired. So a reader always learns that it misses events.
   */
  read(stream: string, after: Position | undefined): Promise<JournalPage | 'unknown' | 'expired'>
  /**
   * Calls `wake` after each append, end and drop from now on, perhaps before that call returns, perhaps once for several;
   * never after the returned function was called. The journal need not exist. Calls can be lost while a store is
   * unavailable: a tail is a hint to read, and a first read after `tail` catches the events before it. An error thrown by
   * `wake` is ignored.
   */
  tail(stream: string, wake: () => void): () => void
  /** Ends the journal, even if it has no event. It is kept for `retentionMs`. Only the first end counts. */
  end(stream: string, retentionMs: number): Promise<void>
  /** Forgets the journal at once. */
  drop(stream: string): Promise<void>
  /** Forgets all journals of an owner and frees their memory at once. A later append begins a new journal. */
  dropAll(owner: string): Promise<void>
}

/** Messages between instances: delivered at most once, in the order of their sender. */
export interface Mailboxes {
  /**
   * Returns false if that instance has no receiver. True means that the message was handed over, not that it was processed:
   * the sender keeps a deadline. A message sent during a `take` is delivered after it.
   */
  send(instance: string, message: StoredObject): Promise<boolean>
  /** Receives the messages to `instance` until the returned function is called; a later receiver replaces this one. An error thrown by `take` is ignored. */
  receive(instance: string, take: (message: StoredObject) => void): () => void
}

export interface Backplane {
  readonly records: Records
  readonly slots: Slots
  readonly limits: Limits
  readonly journals: Journals
  readonly mailboxes: Mailboxes
  /** Releases everything local. Later calls are refused, tails and receivers are not called any more. Calling it again does nothing. */
  close(): Promise<void>
}
