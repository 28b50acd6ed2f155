/** What a JSON text takes in memory as long as both the text and the value that was parsed from it are kept. Pure. */
import { bytesOf } from '../base/memory-budget.ts'

/** Of each member and element as a value: 8 bytes for numbers in an array, 20 to 80 for objects, lists and new keys. */
const bytesPerMember = 64
/** A longer text is looked at in so many windows, so that the look costs the same however long it is. */
const windows = 64
const windowChars = 256

const openBrace = 0x7b
const openBracket = 0x5b
const comma = 0x2c

/**
 * An estimate, rather too high than too low: what looks like a member within a string counts as well.
 * @param chance from 0 to 1: where a long text is looked at, which its sender must not know
 * @returns bytes of text and value together
 */
export function jsonWeight(text: string, chance: number = Math.random()): number {
  return 2 * bytesOf(text) + bytesPerMember * membersIn(text, chance)
}

function membersIn(text: string, chance: number): number {
  const all = windows * windowChars
  if (text.length <= all) return countIn(text, 0, text.length)
  const stride = text.length / windows
  const offset = chance * (stride - windowChars)
  let found = 0
  for (let i = 0; i < windows; i++) {
    const from = Math.floor(i * stride + offset)
    found += countIn(text, from, from + windowChars)
  }
  return Math.ceil((found * text.length) / all)
}

/** There is one member or element for each comma, and one more in each object or list. */
function countIn(text: string, from: number, to: number): number {
  let found = 0
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if (code === comma || code === openBrace || code === openBracket) found++
  }
  return found
}
