/** What a body takes from when it has been read until its request is answered: as text, and as the value it says. */
import { keep } from '../../base/memory-budget.ts'
import type { Holder } from '../../base/transfers.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'

/** What is not larger is not counted: how many there can be is bounded by the number of requests. In bytes. */
export const smallBytes = 1024

/** In the place of a body that has been served. */
export const noText: Promise<string> = Promise.resolve('')

/** Why a client was cut, for the log. */
export const slowClient = 'a client that is slow to read or to send'

/**
 * Counts a body. A small one costs nothing.
 * @returns how many bytes are to be given back to the account
 * @throws Refusal `memory_share_exceeded`, `overloaded`
 */
export function keepBody(text: string, of: Pick<Holder, 'memory'>): number {
  if (text.length <= smallBytes) return 0
  const bytes = jsonWeight(text)
  keep(of.memory, bytes)
  return bytes
}
