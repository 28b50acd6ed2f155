/** Counts the memory of a body that was read, as text and as parsed value, until its request is answered. */
import { reserve } from '../../base/memory-budget.ts'
import type { Holder } from '../../base/transfers.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'

/** A body up to this size is not counted: the number of requests bounds how many there are. In bytes. */
export const smallBytes = 1024

/** Replaces the text of a body whose request has its answer. */
export const noText: Promise<string> = Promise.resolve('')

/** The cause of a refusal of `overloaded`, for the log. */
export const slowClient = 'a client that is slow to read or to send'

/**
 * Counts a body in an account; a small one counts 0.
 * @returns how many bytes to release to the account later
 * @throws Refusal `memory_share_exceeded`, `overloaded`
 */
export function keepBody(text: string, of: Pick<Holder, 'memory'>): number {
  if (text.length <= smallBytes) return 0
  const bytes = jsonWeight(text)
  reserve(of.memory, bytes)
  return bytes
}
