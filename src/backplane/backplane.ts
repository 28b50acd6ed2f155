/**
 * The backplane: the five ports through which everything goes that crosses an instance or outlives it.
 *
 * The comments here are the contract. `memory.ts` is its reference meaning, `testing/backplane-contract.ts` its
 * proof; whoever writes another implementation needs no further document. Who uses which key is in
 * `docs/storage.md`.
 *
 * For every method:
 * - It answers or fails soon: a store that is away, slow or closed rejects with the refusal `store_unavailable`;
 *   nothing waits for it to come back. After such a failure a write may or may not have happened.
 * - Keys, names and instances are opaque; bounding how many there are is the caller's part (caps on sessions,
 *   calls, tenants), as is writing the owner into them.
 * - Times to live are finite milliseconds above 0, counted from the call by the store's clock. What has lived that
 *   long is gone for every method, even if its memory is swept later.
 * - Values and messages are plain JSON data. They are given away: whoever hands one in changes it no more, and
 *   nobody changes one that came out. (Memory freezes them, a remote store copies them.)
 */

/** Plain JSON data. What comes out of a store is checked by whoever reads it. */
export interface StoredObject {
  readonly [key: string]: unknown
}

export interface Versioned {
  readonly value: StoredObject
  /** A positive integer that grows with each write; never the same twice for a key, not even after a removal. */
  readonly version: number
}

/** Plain data under a key, atomic per key, expiring: sessions, registry of instances, calls in flight. */
export interface Records {
  /** Writes it if there is none; false if there is one. */
  create(key: string, value: StoredObject, ttlMs: number): Promise<boolean>
  /** The record; `extendMs` gives it a new time to live from now, in the same step and without a new version. */
  read(key: string, extendMs?: number): Promise<Versioned | undefined>
  /** Writes it if the record is still of that version; false if it is gone or another: a removed one never comes back this way. */
  replace(key: string, value: StoredObject, version: number, ttlMs: number): Promise<boolean>
  /** Whether there was one. */
  remove(key: string): Promise<boolean>
}

/** At most so many holders of a name; the slot of a holder that falls silent returns by itself. */
export interface Slots {
  /**
   * Takes a slot for `ttlMs` if fewer than `limit` are held. True also if this holder has one already, which is
   * renewed whatever the limit is now. The callers of one name agree on the limit.
   */
  claim(name: string, holder: string, limit: number, ttlMs: number): Promise<boolean>
  /** Keeps a slot that is held; false if it lapsed, then somebody else may have it. Renew at a third of the time to live. */
  renew(name: string, holder: string, ttlMs: number): Promise<boolean>
  /** Gives the slot back; harmless if it is not held, and never another's. */
  release(name: string, holder: string): Promise<void>
}

/** What a rate limit says to one request. */
export interface Decision {
  readonly allowed: boolean
  /** How much cost would be allowed right after this. */
  readonly remaining: number
  /** Milliseconds after which the same cost would be allowed if nobody else took any; 0 if it is allowed. */
  readonly retryAfterMs: number
}

/** What an algorithm remembers of a key: numbers, so that any store can hold it. */
export type LimitState = readonly number[]

export interface LimitStep {
  readonly state: LimitState
  readonly decision: Decision
  /** When the state means no more than none does: the store forgets it then. 0: at once. */
  readonly ttlMs: number
}

/** A rate algorithm with its rule bound in. A store that cannot run `step` brings a twin, found by name and given the rule. */
export interface Algorithm {
  readonly name: string
  /** The rule as numbers, in the order that the twin expects. */
  readonly rule: readonly number[]
  /** Pure: the same arguments give the same step. `state` is undefined where nothing is remembered. */
  step(state: LimitState | undefined, nowMs: number, cost: number): LimitStep
}

/** Shared counters under the store's clock. */
export interface Limits {
  /** Runs one step of the algorithm, atomic per key. A key belongs to one algorithm and one rule: both go into it. */
  take(key: string, algorithm: Algorithm, cost: number): Promise<Decision>
}

/** A place in a journal: after the event of that offset; 0 is before the first. */
export interface Position {
  /** Names this life of the journal: one that was lost or dropped and begun anew has another. At most 32 characters of base64url. */
  readonly epoch: string
  readonly offset: number
}

export interface StoredEvent {
  /** 1 for the first event of the journal, then without a gap. */
  readonly offset: number
  readonly data: string
}

export interface JournalPage {
  readonly epoch: string
  /** In order, without a gap. A store may give fewer than there are: read on after the last until a page is empty. */
  readonly events: readonly StoredEvent[]
  /** Nothing follows the events of this page, now or later. */
  readonly ended: boolean
  /** How many were dropped before the first of them: 0 unless the reader had no position. */
  readonly missed: number
}

/** What is kept of one journal. The oldest events are dropped first; the newest one is kept whatever its size. */
export interface JournalBounds {
  readonly events: number
  /** Sum of the sizes of the events. A store counts a character of an event as at least 1 and at most 3 bytes. */
  readonly bytes: number
  /** The journal is gone this long after the last append. */
  readonly ttlMs: number
  /** Whose journal it is. What is said at its beginning counts. */
  readonly owner?: JournalOwner
}

/** Journals that are bounded together and forgotten together. */
export interface JournalOwner {
  readonly name: string
  /**
   * What all of them hold together, with a store's own cost of each event and journal. Beyond it those that have ended
   * are forgotten, in the order of their ends, then the oldest events of all of them; the newest is kept, again.
   */
  readonly bytes: number
}

/**
 * Ordered events per stream, for readers that may lose their socket and come back anywhere.
 *
 * A store that runs out of room may drop more than the bounds of a journal say, as if they had been smaller: ended
 * journals first, then the oldest events of any. Readers are told in the same words.
 */
export interface Journals {
  /**
   * Adds the events as one piece and gives the position of the last, under the bounds of this call. With no
   * events it begins the journal if there is none, and gives the position to start from. After the end nothing
   * is added and the position is that of the last event: whoever ended the stream has won.
   */
  append(stream: string, events: readonly string[], bounds: JournalBounds): Promise<Position>
  /**
   * The events after a position; without one, all that are kept, and `missed` says if that is not all.
   * 'expired': the position cannot be continued without a gap, for events after it were dropped, its epoch is
   * over, or it was never reached. 'unknown': there is no journal of that name; it was never begun, was dropped, or
   * its time is over. Nothing that a reader does not see is left untold.
   */
  read(stream: string, after: Position | undefined): Promise<JournalPage | 'unknown' | 'expired'>
  /**
   * Calls `wake` after each append, end and drop from now on, perhaps before that call returns, perhaps once for
   * several; never after the returned stop was called. There need not be a journal. Wakes can be lost while a
   * store is away: a tail is a hint to read, and a read at the start, after `tail`, closes the gap before it.
   * What `wake` throws is ignored.
   */
  tail(stream: string, wake: () => void): () => void
  /** No more events, also if there never was one. Kept for `retentionMs`. The first end counts, later ones change nothing. */
  end(stream: string, retentionMs: number): Promise<void>
  /** Forgets the journal at once. */
  drop(stream: string): Promise<void>
  /** Forgets all journals of an owner at once, their memory included. What is appended later begins anew. */
  dropAll(owner: string): Promise<void>
}

/** Messages from instance to instance: at most once, in the order of their sender. */
export interface Mailboxes {
  /**
   * False if nobody receives there. True says that it was handed over, not that it was acted on: the sender
   * keeps a deadline. A send during a `take` is delivered after it.
   */
  send(instance: string, message: StoredObject): Promise<boolean>
  /** Takes the messages to `instance` until the returned stop is called; a later receiver takes over. What `take` throws is ignored. */
  receive(instance: string, take: (message: StoredObject) => void): () => void
}

export interface Backplane {
  readonly records: Records
  readonly slots: Slots
  readonly limits: Limits
  readonly journals: Journals
  readonly mailboxes: Mailboxes
  /** Lets go of everything that is local. Later calls are refused; tails and receivers fall silent. Harmless when called again. */
  close(): Promise<void>
}
