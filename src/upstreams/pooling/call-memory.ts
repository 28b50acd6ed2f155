/**
 * What calls keep until they are over: their parameters, as text and as value, for as long as a call waits for a process
 * or runs on it. Counted for each client up to a share; small ones cost nothing.
 */
import { keep, type MemoryAccount, type MemoryBudget } from '../../base/memory-budget.ts'
import { shareFor } from '../../base/transfers.ts'
import type { Call, Reply } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'

/** Parameters up to this size are not counted: what there can be of them is bounded by the number of calls. */
const smallChars = 1024

/**
 * Counts the calls that are run. Those that are too much for their client's share, or for the budget, throw
 * `memory_share_exceeded` or `overloaded`.
 */
export function countCallMemory(memory: MemoryBudget, run: (call: Call) => Reply): (call: Call) => Reply {
  const shareBytes = shareFor(memory, 0)
  const accounts = new Map<string, MemoryAccount>()

  async function* counted(call: Call, params: RawObject): Reply {
    const account = accounts.get(call.fairnessKey) ?? memory.account(shareBytes)
    const bytes = jsonWeight(params.text)
    keep(account, bytes)
    accounts.set(call.fairnessKey, account)
    try {
      return yield* run(call)
    } finally {
      account.release(bytes)
      if (account.heldBytes === 0) accounts.delete(call.fairnessKey)
    }
  }

  // Most calls are small, and pass through no further generator.
  return (call) => {
    const { params } = call
    return params === undefined || params.text.length <= smallChars ? run(call) : counted(call, params)
  }
}
