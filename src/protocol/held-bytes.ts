/** How much memory a message takes while it is kept. */
import { bytesOf, bytesOfValue } from '../base/memory-budget.ts'
import type { RawObject } from './json-text.ts'

/** The cost of a message besides its content, in bytes. */
const messageBytes = 256

/** The memory of an object that is kept as text and as value, in bytes; 0 for undefined. */
export function heldBytesOf(raw: RawObject | undefined): number {
  return raw ? messageBytes + bytesOf(raw.text) + bytesOfValue(raw.value) : 0
}
