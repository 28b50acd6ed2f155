/** What a body takes from when it has been read until its request is answered: as text, and as the value it says. */
import { keep } from '../base/memory-budget.ts'
import { jsonWeight } from '../protocol/json-weight.ts'
import { type Owner, smallBytes } from './transfers.ts'

/**
 * Counts a body. A small one costs nothing.
 * @returns how many bytes are to be given back to the account
 * @throws Refusal `memory_share_exceeded`, `overloaded`
 */
export function keepBody(text: string, of: Pick<Owner, 'memory'>): number {
  if (text.length <= smallBytes) return 0
  const bytes = jsonWeight(text)
  keep(of.memory, bytes)
  return bytes
}
