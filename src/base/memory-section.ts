/** A part of the memory budget whose accounts are closed together, by what does not close each of its own. */
import type { MemoryAccount, MemoryBudget } from './memory-budget.ts'

export interface MemorySection {
  /** The same budget; accounts that are opened here belong to the section. */
  readonly budget: MemoryBudget
  /** Closes all accounts of the section: gives back everything that they hold. */
  close(): void
}

export function createMemorySection(memory: MemoryBudget): MemorySection {
  const accounts: MemoryAccount[] = []
  return {
    budget: {
      limitBytes: memory.limitBytes,
      shareBytes: memory.shareBytes,
      lastingShareBytes: memory.lastingShareBytes,
      get heldBytes() {
        return memory.heldBytes
      },
      account(shareBytes, lifetime) {
        const account = memory.account(shareBytes, lifetime)
        accounts.push(account)
        return account
      },
      onPressure: (evictable, free) => memory.onPressure(evictable, free),
    },
    close() {
      for (const account of accounts.splice(0)) account.close()
    },
  }
}
