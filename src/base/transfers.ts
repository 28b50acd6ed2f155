/**
 * What is kept because the other end takes its time: bodies that have not ended, answers that were not taken. Each is
 * counted in the account of its connection. When memory is short, those that hardly move are cut, the largest first;
 * one that moves on is never cut for the sake of others.
 */
import type { Clock } from './clock.ts'
import type { Kept, MemoryAccount, MemoryBudget } from './memory-budget.ts'

/** Slow is what has not moved for so long, or moves less than so much: looked at over the last seconds. */
const slowAfterMs = 1000
const slowBytesPerMs = 64
const windowMs = 4000
/** How long it is not looked again for slow ones after none was found: each look goes through all of them. */
const restMs = 100

const mebibyte = 1024 ** 2

/**
 * The share of one connection or worker that passes messages on: the usual one, or room for some of the largest messages
 * where that is more, as far as half of the budget goes. In bytes.
 */
export function shareFor(memory: Pick<MemoryBudget, 'limitBytes' | 'shareBytes'>, largestBytes: number): number {
  return Math.max(memory.shareBytes, Math.min(memory.limitBytes / 2, Math.max(32 * mebibyte, 3 * largestBytes)))
}

/** A body that is being received, or an answer that is being sent. */
export class Transfer {
  /** Where it stands among all; -1 when it is over. */
  at: number
  readonly #of: Transfers
  readonly #account: MemoryAccount
  readonly #cut: () => void
  #held = 0
  #movedMs: number
  /** What has moved since when. */
  #sinceMs: number
  #moved = 0

  constructor(of: Transfers, at: number, account: MemoryAccount, nowMs: number, cut: () => void) {
    this.#of = of
    this.at = at
    this.#account = account
    this.#movedMs = this.#sinceMs = nowMs
    this.#cut = cut
  }

  /** Bytes that are counted for it. */
  get heldBytes(): number {
    return this.#held
  }

  /** Counts bytes before they are kept. Unless the answer is `kept`, they may not be. */
  take(bytes: number): Kept {
    const kept = this.at < 0 ? 'budget' : this.#account.take(bytes)
    if (kept !== 'kept') return kept
    // To make room for it, this one may have been cut itself.
    if (this.at < 0) {
      this.#account.release(bytes)
      return 'budget'
    }
    this.#held += bytes
    return 'kept'
  }

  /** Counts bytes that are kept already. */
  add(bytes: number): void {
    if (this.at < 0) return
    this.#account.add(bytes)
    if (this.at < 0) this.#account.release(bytes)
    else this.#held += bytes
  }

  /** So many bytes have come, or were taken. */
  moved(bytes: number): void {
    const now = this.#of.now()
    this.#movedMs = now
    if (now - this.#sinceMs >= windowMs) {
      this.#sinceMs = now
      this.#moved = 0
    }
    this.#moved += bytes
  }

  isSlow(nowMs: number): boolean {
    const ageMs = nowMs - this.#sinceMs
    if (ageMs < slowAfterMs) return false
    return nowMs - this.#movedMs >= slowAfterMs || this.#moved < ageMs * slowBytesPerMs
  }

  /** It is through, or given up. Harmless when called again. */
  end(): void {
    if (this.at < 0) return
    this.#of.forget(this)
    this.#account.release(this.#held)
    this.#held = 0
  }

  /** Gives up what it holds for others. */
  evict(): void {
    this.end()
    this.#cut()
  }
}

/** Who keeps what passes: a connection, or what stands for one. */
export interface Holder {
  readonly memory: MemoryAccount
  /** Counts what is kept because the other end is slow; `cut` ends that without a further word. */
  transfer(cut: () => void): Transfer
}

/** A holder of its own account. */
export function holderOf(transfers: Transfers, memory: MemoryAccount): Holder {
  return { memory, transfer: (cut) => transfers.begin(memory, cut) }
}

export class Transfers {
  readonly #memory: MemoryBudget
  readonly #clock: Clock
  readonly #shareBytes: number
  /** Told of each one that was cut. */
  readonly #onCut: () => void
  readonly #all: Transfer[] = []
  readonly #stop: () => void
  #restsUntilMs = -Infinity

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

  /** @param cut ends it without a further word; what it held is given back already */
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

  /** None of them gives way any more. */
  close(): void {
    this.#stop()
  }

  #free(bytes: number): void {
    const now = this.#clock.now()
    if (now < this.#restsUntilMs) return
    const slow = this.#all.filter((transfer) => transfer.isSlow(now)).sort((a, b) => b.heldBytes - a.heldBytes)
    let freed = 0
    for (const transfer of slow) {
      if (freed >= bytes || transfer.heldBytes === 0) break
      freed += transfer.heldBytes
      transfer.evict()
      this.#onCut()
    }
    if (freed < bytes) this.#restsUntilMs = now + restMs
  }
}
