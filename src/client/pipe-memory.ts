/**
 * The memory accounts of a client on standard input and output. Its messages and the answers to it have separate
 * shares, so that a client that does not read its answers can still be sent an error.
 */
import type { MemoryAccount, MemoryBudget } from '../base/memory-budget.ts'
import { shareFor } from '../base/transfers.ts'

export interface PipeMemory {
  /** Counts requests until they are answered, and the session state that a new session has to be sent again. */
  readonly sent: MemoryAccount
  /** Counts messages to the client: answers that arrive in parts, lines that wait until it reads. */
  readonly answers: MemoryAccount
}

/** @param largestBytes the largest message that the client may be sent */
export function createPipeMemory(memory: MemoryBudget, largestBytes: number): PipeMemory {
  return { sent: memory.account(shareFor(memory, 0)), answers: memory.account(shareFor(memory, largestBytes)) }
}
