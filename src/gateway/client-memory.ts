/**
 * Memory kept for clients without sessions, counted per connection: each connection has one share of lasting memory.
 */
import { type MemoryAccount, type MemoryBudget, Portion } from '../base/memory-budget.ts'

export interface ClientMemory {
  /** An account within that of the connection. Close it with what it counts, which may outlive the connection. */
  account(connection: string): MemoryAccount
}

interface Shared {
  readonly account: MemoryAccount
  portions: number
}

export function createClientMemory(memory: MemoryBudget): ClientMemory {
  const byConnection = new Map<string, Shared>()
  return {
    account(connection) {
      let shared = byConnection.get(connection)
      if (!shared) {
        shared = { account: memory.account(memory.lastingShareBytes, 'lasting'), portions: 0 }
        byConnection.set(connection, shared)
      }
      const joined = shared
      joined.portions++
      return new Portion(joined.account, () => {
        if (--joined.portions === 0) byConnection.delete(connection)
      })
    },
  }
}
