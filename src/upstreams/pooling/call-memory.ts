/**
 * Counts the memory of call parameters (text and value) from the moment a call waits for a worker until it ends. Each
 * client may use up to a share; small parameters are not counted.
 */
import { reserve, type MemoryAccount, type MemoryBudget } from '../../base/memory-budget.ts'
import { shareFor } from '../../base/transfers.ts'
import type { Call, Reply } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'

/** Parameters up to this size are not counted: the number of calls bounds them. In characters. */
const smallChars = 1024

/** Wraps `run`: calls beyond the share of their client or the budget throw `memory_share_exceeded` or `overloaded`. */
export function countCallMemory(memory: MemoryBudget, run: (call: Call) => Reply): (call: Call) => Reply {
  const shareBytes = shareFor(memory, 0)
  const accounts = new Map<string, MemoryAccount>()

  async function* counted(call: Call, params: RawObject): Reply {
    const account = accounts.get(call.fairnessKey) ?? memory.account(shareBytes)
    const bytes = jsonWeight(params.text)
    reserve(account, bytes)
    accounts.set(call.fairnessKey, account)
    try {
      return yield* run(call)
    } finally {
      account.release(bytes)
      if (account.heldBytes === 0) accounts.delete(call.fairnessKey)
    }
  }

  // Most calls are small and need no further generator.
  return (call) => {
    const { params } = call
    return params === undefined || params.text.length <= smallChars ? run(call) : counted(call, params)
  }
}
