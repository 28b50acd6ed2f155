/** Finds texts of params that two programs may read as two different calls. Pure. */
import { isObject, type JsonValue, memberText, type RawObject } from '../protocol/json-text.ts'

/** The members that say what a call does. */
const decisive: ReadonlySet<string> = new Set(['name', 'uri', 'taskid', 'arguments', '_meta'])

/**
 * Why params are no base for a decision; undefined if they are one. Parsers differ in which of two equal keys counts, and some
 * take `Name` for `name`: the policy would decide on one call, and the server run another one.
 */
export function readTwice({ value, text }: RawObject): string | undefined {
  for (const key of Object.keys(value)) {
    const plain = key.toLowerCase()
    if (decisive.has(plain) && key !== plain && key !== 'taskId')
      return 'a member of the params has capitals in its name'
  }
  const args = value['arguments']
  if (!isObject(args)) return undefined
  return membersIn(args) === keysIn(memberText(text, 'arguments') ?? '')
    ? undefined
    : 'a key stands twice in the arguments'
}

/** How many members all objects in a value have together. */
function membersIn(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null) return 0
  const parts: readonly (JsonValue | undefined)[] = Array.isArray(value) ? value : Object.values(value)
  return parts.reduce<number>((sum, part) => sum + membersIn(part), isObject(value) ? parts.length : 0)
}

/** How many keys stand in a JSON text: a colon outside of strings follows each. */
function keysIn(text: string): number {
  let keys = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString && code === 0x5c) at++
    else if (code === 0x22) isInString = !isInString
    else if (code === 0x3a && !isInString) keys++
  }
  return keys
}
