/** Estimates the memory of a JSON text together with the value parsed from it. Pure. */
import { bytesOf } from '../base/memory-budget.ts'

/** The assumed cost of each member and element: in truth 8 bytes for numbers in an array, 20 to 80 for objects, arrays and new keys. */
const bytesPerMember = 64
/** Of a longer text only so many windows are sampled, so that the cost is the same for any length. */
const windows = 64
const windowChars = 256

const openBrace = 0x7b
const openBracket = 0x5b
const comma = 0x2c

/**
 * An estimate that is rather too high than too low: commas and braces within strings count too.
 * @param chance from 0 to 1: shifts the windows, so that the sender of a text cannot know where it is sampled
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

/** Counts one member or element for each comma, and one more for each object or array. */
function countIn(text: string, from: number, to: number): number {
  let found = 0
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if (code === comma || code === openBrace || code === openBracket) found++
  }
  return found
}
