/** What is kept for clients without sessions, counted by their connections: each has its share of what lasts. */
import { type MemoryAccount, type MemoryBudget, Portion } from '../base/memory-budget.ts'

export interface ClientMemory {
  /** An account within that of a connection, to be closed with what it counts, which may be after the connection. */
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
      const mine = shared
      mine.portions++
      return new Portion(mine.account, () => {
        if (--mine.portions === 0) byConnection.delete(connection)
      })
    },
  }
}
