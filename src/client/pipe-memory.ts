/**
 * What a client at our pipes may have kept, in the memory budget of the process: what it has sent and what is said to
 * it have shares of their own, so that a client that does not read can still be told so.
 */
import type { MemoryAccount, MemoryBudget } from '../base/memory-budget.ts'
import { shareFor } from '../base/transfers.ts'

export interface PipeMemory {
  /** Counts what the client has sent: requests until they are answered, and what its session has to be told again. */
  readonly sent: MemoryAccount
  /** Counts what is on its way to the client: answers that arrive in parts, lines that wait until it reads. */
  readonly answers: MemoryAccount
}

/** @param largestBytes the largest message that the client may be sent */
export function createPipeMemory(memory: MemoryBudget, largestBytes: number): PipeMemory {
  return { sent: memory.account(shareFor(memory, 0)), answers: memory.account(shareFor(memory, largestBytes)) }
}
