/** What messages take in memory as long as they are kept. */
import { bytesOf, bytesOfValue } from '../base/memory-budget.ts'
import type { RawObject } from './json-text.ts'

/** What a message takes besides what it says, in bytes. */
const messageBytes = 256

/** What an object takes that is kept as text and as value, in bytes; undefined takes nothing. */
export function heldBytesOf(raw: RawObject | undefined): number {
  return raw ? messageBytes + bytesOf(raw.text) + bytesOfValue(raw.value) : 0
}
