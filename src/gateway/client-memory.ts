/**
 * Memory kept for clients without sessions: each user, or each connection where there are no credentials, has one share of
 * lasting memory.
 */
import { type MemoryAccount, type MemoryBudget, Portion } from '../base/memory-budget.ts'

export interface ClientMemory {
  /**
   * An account within that of the client. Close it with what it counts, which may outlive the connection.
   * @param client `GatedRequest.claimant`
   */
  account(client: string): MemoryAccount
}

interface Shared {
  readonly account: MemoryAccount
  portions: number
}

export function createClientMemory(memory: MemoryBudget): ClientMemory {
  const byClient = new Map<string, Shared>()
  return {
    account(client) {
      let shared = byClient.get(client)
      if (!shared) {
        shared = { account: memory.account(memory.lastingShareBytes, 'lasting'), portions: 0 }
        byClient.set(client, shared)
      }
      const joined = shared
      joined.portions++
      return new Portion(joined.account, () => {
        if (--joined.portions === 0) byClient.delete(client)
      })
    },
  }
}
