/** The last calls of a session that have ended: for the tools of modules and for operators. */
import type { MemoryAccount } from '../base/memory-budget.ts'
import type { PastCall } from '../protocol/past-call.ts'

/** How many calls are kept. */
const maxCalls = 100
/** What one takes in memory, in bytes, without the name of its tool: as measured, rounded up. */
const callBytes = 120

export class CallHistory {
  readonly #memory: MemoryAccount
  /** A ring: a list whose first entry is taken out moves all others. */
  readonly #calls: Array<PastCall | undefined> = []
  #oldest = 0
  #size = 0

  /** @param memory counts what is kept; without room the oldest calls make way */
  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  add(call: PastCall): void {
    const bytes = bytesOf(call)
    if (this.#size >= maxCalls) this.#dropOldest()
    while (this.#memory.take(bytes) !== 'reserved') if (!this.#dropOldest()) return
    this.#calls[this.#at(this.#size++)] = call
  }

  /** Oldest first. */
  list(): readonly PastCall[] {
    return Array.from({ length: this.#size }, (_, index) => this.#calls[this.#at(index)]).filter(
      (call) => call !== undefined,
    )
  }

  #dropOldest(): boolean {
    const oldest = this.#calls[this.#oldest]
    if (!oldest) return false
    this.#calls[this.#oldest] = undefined
    this.#oldest = this.#at(1)
    this.#size--
    this.#memory.release(bytesOf(oldest))
    return true
  }

  /** Where the call is before which there are so many older ones. */
  #at(index: number): number {
    return (this.#oldest + index) % maxCalls
  }
}

function bytesOf({ tool }: PastCall): number {
  return callBytes + 2 * (tool?.length ?? 0)
}
