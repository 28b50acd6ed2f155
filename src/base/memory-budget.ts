/**
 * One budget for all bytes that this process keeps on behalf of clients and servers: events, bodies, backlogs, queued
 * messages, suspended calls, filters. Each holder counts what it keeps in an account; the sum of all accounts stays
 * within the limit, because keeping more first frees what is cheapest to lose, and is refused when nothing is left to free.
 */
import { Refusal } from './refusal.ts'

/** What is freed when the budget is used up, cheapest loss first. */
export const reliefOrder = ['ended_events', 'resumable_events', 'slow_readers'] as const

export type Relief = (typeof reliefOrder)[number]

/** `share`: the account's own share is used up. `budget`: the whole budget is, and nothing more could be freed. */
export type Kept = 'kept' | 'share' | 'budget'

/** How long what an account counts is kept: until it has passed on, or for as long as a client or a server likes. */
export type Stay = 'passing' | 'lasting'

export interface MemoryBudget {
  readonly limitBytes: number
  /** What one session, connection or worker may hold, in bytes: an eighth of the limit. */
  readonly shareBytes: number
  /** What of that may be lasting: a sixteenth of the limit. */
  readonly lastingShareBytes: number
  /** The sum of all accounts, in bytes. */
  readonly heldBytes: number
  /**
   * Opens an account for one holder: a session, a connection, a worker. All that is `lasting` (sessions, subscriptions,
   * lists, calls) gets at most half of the limit, and a little more for small things, so that there is always room for
   * what passes, and for the next small call.
   */
  account(shareBytes?: number, stay?: Stay): MemoryAccount
  /**
   * Registers a way to free memory. `free` is asked for a number of bytes and releases at least as many if it can, from
   * the accounts that hold them, before it returns; what is only released later does not help the caller of `take`.
   * @returns how to take it back
   */
  onPressure(relief: Relief, free: (bytes: number) => void): () => void
}

export interface MemoryAccount {
  readonly heldBytes: number
  /** Counts bytes that are about to be kept. Unless the answer is `kept`, nothing is counted and nothing may be kept. */
  take(bytes: number): Kept
  /** Counts bytes that cannot be refused any more, beyond share and limit if need be; frees others for them. */
  add(bytes: number): void
  /** Gives bytes back. Never more than are held. */
  release(bytes: number): void
  /** Gives back everything. What is taken afterwards is refused, what is added is not counted. */
  close(): void
}

/** The least shares, in bytes, where so much is not more than a part of the limit: the largest messages of usual settings fit. */
const leastShare = { bytes: 32 * 1024 ** 2, part: 1 / 2 }
const leastLastingShare = { bytes: 16 * 1024 ** 2, part: 1 / 4 }
/** What is small, in bytes: a session as most are, a call as most are. */
const smallBytes = 16 * 1024
/** How much of the limit may be taken by what lasts. */
const lastingPart = { most: 1 / 2, withSmall: 3 / 4 }

export function createMemoryBudget(limitBytes: number): MemoryBudget {
  const reliefs = new Map<Relief, Set<(bytes: number) => void>>(reliefOrder.map((relief) => [relief, new Set()]))
  let heldBytes = 0
  let lastingBytes = 0
  let isFreeing = false

  /** Makes room for so many bytes, if what may be freed allows it. */
  const hasRoom = (bytes: number): boolean => {
    if (heldBytes + bytes <= limitBytes) return true
    // A relief that keeps something itself frees nothing for it.
    if (isFreeing) return false
    isFreeing = true
    try {
      for (const frees of reliefs.values()) {
        for (const free of frees) {
          free(heldBytes + bytes - limitBytes)
          if (heldBytes + bytes <= limitBytes) return true
        }
      }
      return false
    } finally {
      isFreeing = false
    }
  }

  return {
    limitBytes,
    get heldBytes() {
      return heldBytes
    },
    shareBytes: share(limitBytes, 1 / 8, leastShare),
    lastingShareBytes: share(limitBytes, 1 / 16, leastLastingShare),
    account(shareBytes = Infinity, stay = 'passing') {
      const isLasting = stay === 'lasting'
      let own = 0
      let closed = false
      const count = (bytes: number): void => {
        own += bytes
        heldBytes += bytes
        if (isLasting) lastingBytes += bytes
      }
      return {
        get heldBytes() {
          return own
        },
        take(bytes) {
          if (closed || own + bytes > shareBytes) return 'share'
          // What the budget could never hold must not cost anybody what is kept.
          const part = !isLasting ? 1 : bytes > smallBytes ? lastingPart.most : lastingPart.withSmall
          if ((isLasting ? lastingBytes : 0) + bytes > limitBytes * part || !hasRoom(bytes)) return 'budget'
          count(bytes)
          return 'kept'
        },
        add(bytes) {
          if (closed) return
          hasRoom(bytes)
          count(bytes)
        },
        release(bytes) {
          count(-Math.min(bytes, own))
        },
        close() {
          count(-own)
          closed = true
        },
      }
    },
    onPressure(relief, free) {
      const frees = reliefs.get(relief)
      frees?.add(free)
      return () => void frees?.delete(free)
    },
  }
}

function share(limitBytes: number, part: number, least: { readonly bytes: number; readonly part: number }): number {
  return Math.floor(Math.max(limitBytes * part, Math.min(limitBytes * least.part, least.bytes)))
}

/** A part of an account that is given back as a whole: what one call holds of what its client may. */
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

  take(bytes: number): Kept {
    const kept = this.#closed ? 'share' : this.#of.take(bytes)
    if (kept === 'kept') this.#own += bytes
    return kept
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

/** Takes bytes for a client. Throws `memory_share_exceeded` if its share is used up, `overloaded` if the budget is. */
export function keep(account: MemoryAccount, bytes: number): void {
  const kept = account.take(bytes)
  if (kept !== 'kept') throw notKept(kept)
}

/** The refusal for bytes that may not be kept, by whose limit it is. */
export function notKept(limit: Exclude<Kept, 'kept'>): Refusal {
  return limit === 'share'
    ? new Refusal('memory_share_exceeded')
    : new Refusal('overloaded', { message: 'The server has no memory to spare at the moment.' })
}

/** Bytes that a string takes in memory: one a character within Latin-1, two as soon as one character is outside. */
export function bytesOf(text: string): number {
  return /[^\u0000-\u00ff]/.test(text) ? text.length * 2 : text.length
}

/** Up to this length it costs more to look how wide the characters are than to count them as wide. */
const shortChars = 32

/** What V8 takes for each, as measured on what `JSON.parse` makes of 100,000 of them, keys and shapes included. */
const sizes = { object: 64, member: 64, array: 32, element: 8, text: 24 }

/** Bytes that a value out of `JSON.parse` takes in memory, about: many tiny members count, which the text hardly shows. */
export function bytesOfValue(value: unknown): number {
  if (typeof value === 'string') return sizes.text + bytesOf(value)
  if (typeof value !== 'object' || value === null) return 0
  let bytes = 0
  if (Array.isArray(value)) {
    for (const element of value) bytes += sizes.element + bytesOfValue(element)
    return sizes.array + bytes
  }
  const members = value as Readonly<Record<string, unknown>>
  // By `Object.keys`: pairs would be made anew for every call.
  for (const key of Object.keys(members)) {
    bytes += sizes.member + (key.length > shortChars ? bytesOf(key) : 2 * key.length) + bytesOfValue(members[key])
  }
  return sizes.object + bytes
}
