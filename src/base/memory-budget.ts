/**
 * One budget for all bytes that this process keeps on behalf of clients and servers: events, bodies, backlogs, queued
 * messages, suspended calls, filters. Each holder counts what it keeps in an account; the sum of all accounts stays
 * within the limit, because keeping more first frees what is cheapest to lose, and is refused when nothing is left to free.
 */

/** What is freed when the budget is used up, cheapest loss first. */
export const reliefOrder = ['ended_events', 'resumable_events', 'slow_readers'] as const

export type Relief = (typeof reliefOrder)[number]

/** `share`: the account's own share is used up. `budget`: the whole budget is, and nothing more could be freed. */
export type Kept = 'kept' | 'share' | 'budget'

export interface MemoryBudget {
  readonly limitBytes: number
  /** The sum of all accounts, in bytes. */
  readonly heldBytes: number
  /** Opens an account for one holder: a session, a connection, a worker. */
  account(shareBytes?: number): MemoryAccount
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

export function createMemoryBudget(limitBytes: number): MemoryBudget {
  const reliefs = new Map<Relief, Set<(bytes: number) => void>>(reliefOrder.map((relief) => [relief, new Set()]))
  let heldBytes = 0
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
    account(shareBytes = Infinity) {
      let own = 0
      let closed = false
      const count = (bytes: number): void => {
        own += bytes
        heldBytes += bytes
      }
      return {
        get heldBytes() {
          return own
        },
        take(bytes) {
          if (closed || own + bytes > shareBytes) return 'share'
          // What the budget could never hold must not cost anybody what is kept.
          if (bytes > limitBytes || !hasRoom(bytes)) return 'budget'
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

/** Bytes that a string takes in memory: one a character within Latin-1, two as soon as one character is outside. */
export function bytesOf(text: string): number {
  return /[^\u0000-\u00ff]/.test(text) ? text.length * 2 : text.length
}
