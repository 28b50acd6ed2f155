/**
 * Data kept in memory because the other end is slow: request bodies that have not ended, responses that were not read. Each
 * is counted in the account of its connection. When memory is short, slow transfers are cut, the largest first; a transfer
 * that makes progress is never cut.
 */
import type { Clock } from './clock.ts'
import type { Reservation, MemoryAccount, MemoryBudget } from './memory-budget.ts'

/** A transfer is slow if it made no progress for `slowAfterMs`, or moved fewer bytes a millisecond within the last `windowMs`. */
const slowAfterMs = 1000
const slowBytesPerMs = 64
const windowMs = 4000
/** After too few slow transfers were found, the next search waits this long: each search goes through all transfers. */
const searchPauseMs = 100

const mebibyte = 1024 ** 2

/**
 * The share of one connection or worker that passes messages on, in bytes: the usual share, or room for three of the
 * largest messages if that is more, but at most half of the budget.
 */
export function shareFor(memory: Pick<MemoryBudget, 'limitBytes' | 'shareBytes'>, largestBytes: number): number {
  return Math.max(memory.shareBytes, Math.min(memory.limitBytes / 2, Math.max(32 * mebibyte, 3 * largestBytes)))
}

/** A body that is being received, or an answer that is being sent. */
export class Transfer {
  /** Its index among all transfers; -1 when it has ended. */
  at: number
  readonly #of: Transfers
  readonly #account: MemoryAccount
  readonly #cut: () => void
  #held = 0
  #progressMs: number
  /** The window in which progress is measured: since when, and how many bytes moved. */
  #sinceMs: number
  #moved = 0

  constructor(of: Transfers, at: number, account: MemoryAccount, nowMs: number, cut: () => void) {
    this.#of = of
    this.at = at
    this.#account = account
    this.#progressMs = this.#sinceMs = nowMs
    this.#cut = cut
  }

  /** Bytes that are counted for it. */
  get heldBytes(): number {
    return this.#held
  }

  /** Counts bytes before they are kept. Unless it returns `reserved`, the caller must not keep them. */
  take(bytes: number): Reservation {
    const reservation = this.at < 0 ? 'budget' : this.#account.take(bytes)
    if (reservation !== 'reserved') return reservation
    // Freeing memory for these bytes may have cut this very transfer.
    if (this.at < 0) {
      this.#account.release(bytes)
      return 'budget'
    }
    this.#held += bytes
    return 'reserved'
  }

  /** Counts bytes that are kept already. */
  add(bytes: number): void {
    if (this.at < 0) return
    this.#account.add(bytes)
    if (this.at < 0) this.#account.release(bytes)
    else this.#held += bytes
  }

  /** Notes progress: so many bytes were received or sent. */
  noteProgress(bytes: number): void {
    const now = this.#of.now()
    this.#progressMs = now
    if (now - this.#sinceMs >= windowMs) {
      this.#sinceMs = now
      this.#moved = 0
    }
    this.#moved += bytes
  }

  isSlow(nowMs: number): boolean {
    const ageMs = nowMs - this.#sinceMs
    if (ageMs < slowAfterMs) return false
    return nowMs - this.#progressMs >= slowAfterMs || this.#moved < ageMs * slowBytesPerMs
  }

  /** The transfer is complete or given up. Calling it again does nothing. */
  end(): void {
    if (this.at < 0) return
    this.#of.forget(this)
    this.#account.release(this.#held)
    this.#held = 0
  }

  /** Cuts the transfer and frees its memory. */
  evict(): void {
    this.end()
    this.#cut()
  }
}

/** A holder of transfers: a connection, or the equivalent of one. */
export interface Holder {
  readonly memory: MemoryAccount
  /** Begins a transfer; `cut` ends it silently when memory is short. */
  transfer(cut: () => void): Transfer
}

/** A holder that counts in the given account. */
export function holderOf(transfers: Transfers, memory: MemoryAccount): Holder {
  return { memory, transfer: (cut) => transfers.begin(memory, cut) }
}

export class Transfers {
  readonly #memory: MemoryBudget
  readonly #clock: Clock
  readonly #shareBytes: number
  /** Called for each transfer that was cut. */
  readonly #onCut: () => void
  readonly #all: Transfer[] = []
  readonly #stop: () => void
  #nextSearchMs = -Infinity

  constructor(memory: MemoryBudget, clock: Clock, shareBytes: number, onCut: () => void) {
    this.#memory = memory
    this.#clock = clock
    this.#shareBytes = shareBytes
    this.#onCut = onCut
    this.#stop = memory.onPressure('slow_readers', (bytes) => this.#free(bytes))
  }

  now(): number {
    return this.#clock.now()
  }

  /** An account for one connection or worker. */
  account(): MemoryAccount {
    return this.#memory.account(this.#shareBytes)
  }

  /** @param cut ends the transfer silently; its memory has already been given back */
  begin(account: MemoryAccount, cut: () => void): Transfer {
    const transfer = new Transfer(this, this.#all.length, account, this.#clock.now(), cut)
    this.#all.push(transfer)
    return transfer
  }

  forget(transfer: Transfer): void {
    const last = this.#all.pop()
    if (last && last !== transfer) {
      last.at = transfer.at
      this.#all[last.at] = last
    }
    transfer.at = -1
  }

  /** From now on no transfer is cut. */
  close(): void {
    this.#stop()
  }

  #free(bytes: number): void {
    const now = this.#clock.now()
    if (now < this.#nextSearchMs) return
    const slow = this.#all.filter((transfer) => transfer.isSlow(now)).sort((a, b) => b.heldBytes - a.heldBytes)
    let freed = 0
    for (const transfer of slow) {
      if (freed >= bytes || transfer.heldBytes === 0) break
      freed += transfer.heldBytes
      transfer.evict()
      this.#onCut()
    }
    if (freed < bytes) this.#nextSearchMs = now + searchPauseMs
  }
}
