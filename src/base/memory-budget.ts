/**
 * One budget for all bytes that this process keeps on behalf of clients and servers: events, bodies, backlogs, queued
 * messages, suspended calls, filters. Each holder counts its bytes in an account. The sum of all accounts stays within the
 * limit: when the budget is used up, the data that is cheapest to lose is freed first, and if that is not enough, the new
 * data is refused.
 */
import { Refusal } from './refusal.ts'

/** What is freed when the budget is used up, the cheapest loss first. */
export const evictionOrder = ['ended_events', 'resumable_events', 'slow_readers'] as const

export type Evictable = (typeof evictionOrder)[number]

/** `share`: the account has used up its share. `budget`: the whole budget is used up, and nothing more could be freed. */
export type Reservation = 'reserved' | 'share' | 'budget'

/** How long an account holds its bytes: `passing` until they are sent on, `lasting` as long as a client or a server likes. */
export type AccountLifetime = 'passing' | 'lasting'

export interface MemoryBudget {
  readonly limitBytes: number
  /** The share of one session, connection or worker, in bytes: an eighth of the limit, or more where the limit is small. */
  readonly shareBytes: number
  /** How much of its share may be lasting, in bytes: a sixteenth of the limit, or more where the limit is small. */
  readonly lastingShareBytes: number
  /** The sum of all accounts, in bytes. */
  readonly heldBytes: number
  /**
   * Opens an account for one holder: a session, a connection, a worker. All `lasting` accounts together (sessions,
   * subscriptions, lists, calls) get at most half of the limit, and up to three quarters for small amounts, so that there
   * is always room for messages in transit and for the next small call.
   */
  account(shareBytes?: number, lifetime?: AccountLifetime): MemoryAccount
  /**
   * Registers a way to free memory. `free` gets a number of bytes and releases at least as many, if it can, from the
   * accounts that hold them, before it returns: bytes released later do not help the waiting `take`.
   * @returns a function that removes it
   */
  onPressure(evictable: Evictable, free: (bytes: number) => void): () => void
}

/** The whole budget, for its owner. */
export interface OwnedMemoryBudget extends MemoryBudget {
  /** Frees up to so many bytes that can be lost, the cheapest loss first. */
  relieve(bytes: number): void
}

export interface MemoryAccount {
  readonly heldBytes: number
  /** Counts bytes that are about to be kept. Unless it returns `reserved`, nothing was counted and the caller must not keep them. */
  take(bytes: number): Reservation
  /** Counts bytes that can no longer be refused, even beyond share and limit; frees other bytes for them. */
  add(bytes: number): void
  /** Gives bytes back, never more than are held. */
  release(bytes: number): void
  /** Gives back everything. Afterwards `take` refuses and `add` does nothing. */
  close(): void
}

/** A share is at least `bytes`, but at most this part of the limit: enough for the largest messages of usual settings. */
const leastShare = { bytes: 32 * 1024 ** 2, part: 1 / 2 }
const leastLastingShare = { bytes: 16 * 1024 ** 2, part: 1 / 4 }
/** Up to this size an amount is small, in bytes: most sessions and most calls are. */
const smallBytes = 16 * 1024
/** The part of the limit that all lasting accounts may take: up to `most`, small amounts up to `withSmall`. */
const lastingPart = { most: 1 / 2, withSmall: 3 / 4 }

export function createMemoryBudget(limitBytes: number): OwnedMemoryBudget {
  return new Budget(limitBytes)
}

class Budget implements OwnedMemoryBudget {
  readonly limitBytes: number
  readonly shareBytes: number
  readonly lastingShareBytes: number
  readonly #frees = new Map<Evictable, Set<(bytes: number) => void>>(evictionOrder.map((one) => [one, new Set()]))
  #heldBytes = 0
  #lastingBytes = 0
  #isFreeing = false

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
    this.shareBytes = share(limitBytes, 1 / 8, leastShare)
    this.lastingShareBytes = share(limitBytes, 1 / 16, leastLastingShare)
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  account(shareBytes = Infinity, lifetime: AccountLifetime = 'passing'): MemoryAccount {
    return new Account(this, shareBytes, lifetime === 'lasting')
  }

  onPressure(evictable: Evictable, free: (bytes: number) => void): () => void {
    const ofKind = this.#frees.get(evictable)
    ofKind?.add(free)
    return () => void ofKind?.delete(free)
  }

  count(bytes: number, isLasting: boolean): void {
    this.#heldBytes += bytes
    if (isLasting) this.#lastingBytes += bytes
  }

  /** Whether lasting accounts may take so many bytes more. */
  maySettle(bytes: number): boolean {
    const part = bytes > smallBytes ? lastingPart.most : lastingPart.withSmall
    return this.#lastingBytes + bytes <= this.limitBytes * part
  }

  /** Whether there is room for so many bytes, after freeing others if necessary. */
  hasRoom(bytes: number): boolean {
    return this.#heldBytes + bytes <= this.limitBytes || this.#freeTo(this.limitBytes - bytes)
  }

  relieve(bytes: number): void {
    this.#freeTo(Math.max(0, this.#heldBytes - bytes))
  }

  /** Frees what can be lost until no more than `most` bytes are held. Returns whether that is so. */
  #freeTo(most: number): boolean {
    // Called from within `free`: freeing must not start itself again.
    if (this.#isFreeing) return false
    this.#isFreeing = true
    try {
      for (const ofKind of this.#frees.values()) {
        for (const free of ofKind) {
          if (this.#heldBytes <= most) return true
          free(this.#heldBytes - most)
        }
      }
      return this.#heldBytes <= most
    } finally {
      this.#isFreeing = false
    }
  }
}

/** Each session and many a connection has one: a small object, without functions of its own. */
class Account implements MemoryAccount {
  readonly #budget: Budget
  readonly #shareBytes: number
  readonly #isLasting: boolean
  #own = 0
  #closed = false

  constructor(budget: Budget, shareBytes: number, isLasting: boolean) {
    this.#budget = budget
    this.#shareBytes = shareBytes
    this.#isLasting = isLasting
  }

  get heldBytes(): number {
    return this.#own
  }

  take(bytes: number): Reservation {
    if (this.#closed || this.#own + bytes > this.#shareBytes) return 'share'
    // Checked before anything is freed: an amount that can never fit must not evict other data.
    if (this.#isLasting ? !this.#budget.maySettle(bytes) : bytes > this.#budget.limitBytes) return 'budget'
    if (!this.#budget.hasRoom(bytes)) return 'budget'
    // Freeing may have cut the holder of this account.
    if (this.#closed) return 'share'
    this.#count(bytes)
    return 'reserved'
  }

  add(bytes: number): void {
    if (this.#closed) return
    this.#budget.hasRoom(bytes)
    if (!this.#closed) this.#count(bytes)
  }

  release(bytes: number): void {
    this.#count(-Math.min(bytes, this.#own))
  }

  close(): void {
    this.#count(-this.#own)
    this.#closed = true
  }

  #count(bytes: number): void {
    this.#own += bytes
    this.#budget.count(bytes, this.#isLasting)
  }
}

function share(limitBytes: number, part: number, least: { readonly bytes: number; readonly part: number }): number {
  return Math.floor(Math.max(limitBytes * part, Math.min(limitBytes * least.part, least.bytes)))
}

/** A part of an account that is given back as a whole: the bytes that one call holds of its client's share. */
export class Portion implements MemoryAccount {
  readonly #of: MemoryAccount
  readonly #onClose: (() => void) | undefined
  #own = 0
  #closed = false

  /** @param onClose called once, when everything has been given back */
  constructor(of: MemoryAccount, onClose?: () => void) {
    this.#of = of
    this.#onClose = onClose
  }

  get heldBytes(): number {
    return this.#own
  }

  get isClosed(): boolean {
    return this.#closed
  }

  take(bytes: number): Reservation {
    const reservation = this.#closed ? 'share' : this.#of.take(bytes)
    if (reservation === 'reserved') this.#own += bytes
    return reservation
  }

  add(bytes: number): void {
    if (this.#closed) return
    this.#of.add(bytes)
    this.#own += bytes
  }

  release(bytes: number): void {
    const given = Math.min(bytes, this.#own)
    this.#own -= given
    this.#of.release(given)
  }

  close(): void {
    if (this.#closed) return
    this.release(this.#own)
    this.#closed = true
    this.#onClose?.()
  }
}

/** Reserves bytes in a client's account. Throws `memory_share_exceeded` if its share is used up, `overloaded` if the budget is. */
export function reserve(account: MemoryAccount, bytes: number): void {
  const reservation = account.take(bytes)
  if (reservation !== 'reserved') throw notReserved(reservation)
}

/** The refusal for bytes that may not be kept: `memory_share_exceeded` for the share, `overloaded` for the budget. */
export function notReserved(limit: Exclude<Reservation, 'reserved'>): Refusal {
  return limit === 'share'
    ? new Refusal('memory_share_exceeded')
    : new Refusal('overloaded', { message: 'The server has no free memory at the moment.' })
}

/** Bytes that a string takes in memory: one for each character, or two if any character is outside of Latin-1. */
export function bytesOf(text: string): number {
  return /[^\u0000-\u00ff]/.test(text) ? text.length * 2 : text.length
}

/** Up to this length it is cheaper to count two bytes for each character than to check for characters outside of Latin-1. */
const shortChars = 32

/** Bytes that V8 takes for each of these, measured on `JSON.parse` of 100,000 of them, keys and shapes included. */
const sizes = { object: 64, member: 64, array: 32, element: 8, text: 24 }

/** About how many bytes a value from `JSON.parse` takes in memory. Many tiny members take far more than their text. */
export function bytesOfValue(value: unknown): number {
  if (typeof value === 'string') return sizes.text + bytesOf(value)
  if (typeof value !== 'object' || value === null) return 0
  let bytes = 0
  if (Array.isArray(value)) {
    for (const element of value) bytes += sizes.element + bytesOfValue(element)
    return sizes.array + bytes
  }
  const members = value as Readonly<Record<string, unknown>>
  // `Object.keys`, because `Object.entries` would make a new array for each member.
  for (const key of Object.keys(members)) {
    bytes += sizes.member + (key.length > shortChars ? bytesOf(key) : 2 * key.length) + bytesOfValue(members[key])
  }
  return sizes.object + bytes
}
