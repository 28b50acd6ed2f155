/** The last calls of a session that have ended: for the tools of modules and for operators. */
import type { MemoryAccount } from '../base/memory-budget.ts'
import type { PastCall } from '../protocol/past-call.ts'

/** How many calls are kept. */
const maxCalls = 100
/** What one takes in memory, in bytes, without the name of its tool: as measured, rounded up. */
const callBytes = 120

export class CallHistory {
  readonly #memory: MemoryAccount
  #calls: PastCall[] = []

  /** @param memory counts what is kept; without room the oldest calls make way */
  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  add(call: PastCall): void {
    const bytes = bytesOf(call)
    if (this.#calls.length >= maxCalls) this.#dropOldest()
    while (this.#memory.take(bytes) !== 'reserved') if (!this.#dropOldest()) return
    this.#calls.push(call)
  }

  /** Oldest first. */
  list(): readonly PastCall[] {
    return [...this.#calls]
  }

  #dropOldest(): boolean {
    const oldest = this.#calls.shift()
    if (oldest) this.#memory.release(bytesOf(oldest))
    return oldest !== undefined
  }
}

function bytesOf({ tool }: PastCall): number {
  return callBytes + 2 * (tool?.length ?? 0)
}
