/**
 * JSON as text: find members, replace members, measure nesting, without building the value again.
 *
 * Messages are parsed once by `JSON.parse` (which proves that the text is valid) and forwarded as the text that
 * arrived: numbers keep their precision, unknown fields stay, and nothing is stringified on the hot path.
 * Every function here relies on valid input, which `parseObject` ensures.
 */

import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'

export { isObject, type JsonObject, type JsonValue }

/** A JSON object in both forms: the value to act on, the text to forward. Both mean the same. */
export interface RawObject {
  readonly value: JsonObject
  readonly text: string
}

export const emptyObject: RawObject = { value: {}, text: '{}' }

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c

/** Parses a text; undefined if it is not valid JSON or not an object. */
export function parseObject(text: string): RawObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? { value, text } : undefined
  } catch {
    return undefined
  }
}

/** The raw form of an object that mcplex made itself. */
export function rawObject(value: JsonObject): RawObject {
  return { value, text: JSON.stringify(value) }
}

/** Called for each member: the decoded key, and where its value starts and ends in the text. */
export type MemberVisitor = (key: string, start: number, end: number) => void

/** Walks the members of the object that starts at `at` (white space allowed before it); returns where it ends. */
export function eachMember(text: string, at: number, visit: MemberVisitor): number {
  return walkMembers(text, at, (key, start) => {
    const end = endOfValue(text, start)
    visit(key, start, end)
    return end
  })
}

/**
 * Like `eachMember`, for callers that also look into the members: `visit` gets the start of a value and returns its end, so
 * that no part of the text is walked twice.
 */
export function walkMembers(text: string, at: number, visit: (key: string, start: number) => number): number {
  let i = skipSpace(text, at) + 1
  for (;;) {
    i = skipSpace(text, i)
    const code = text.charCodeAt(i)
    if (code === closeBrace) return i + 1
    if (code === comma) {
      i++
      continue
    }
    const keyEnd = endOfString(text, i)
    let key = text.slice(i + 1, keyEnd - 1)
    if (key.includes('\\')) key = JSON.parse(text.slice(i, keyEnd)) as string // a string token of valid JSON
    i = visit(key, skipSpace(text, skipSpace(text, keyEnd) + 1))
  }
}

/** The texts of the elements of an array. */
export function elementTexts(text: string): string[] {
  const elements: string[] = []
  let i = skipSpace(text, 0) + 1
  for (;;) {
    i = skipSpace(text, i)
    const code = text.charCodeAt(i)
    if (code === closeBracket) return elements
    if (code === comma) {
      i++
      continue
    }
    const end = endOfValue(text, i)
    elements.push(text.slice(i, end))
    i = end
  }
}

/** The text of one member's value, or undefined if the object has no such member. */
export function memberText(text: string, wanted: string): string | undefined {
  let found: string | undefined
  eachMember(text, 0, (key, start, end) => {
    if (key === wanted) found = text.slice(start, end)
  })
  return found
}

/**
 * The text of the object with some members replaced, added or removed. Everything else stays exactly as it is.
 * @param edits by key, the new value as JSON text, or null to remove the member
 */
export function editMembers(text: string, edits: Readonly<Record<string, string | null>>): string {
  let out = ''
  eachMember(text, 0, (key, start, end) => {
    if (Object.hasOwn(edits, key)) return
    out += `${out === '' ? '' : ','}${JSON.stringify(key)}:${text.slice(start, end)}`
  })
  for (const key of Object.keys(edits)) {
    const value = edits[key]
    if (typeof value === 'string') out += `${out === '' ? '' : ','}${JSON.stringify(key)}:${value}`
  }
  return `{${out}}`
}

/** `editMembers` for an object whose value is known too. */
export function editObject(raw: RawObject, edits: Readonly<Record<string, JsonValue | undefined>>): RawObject {
  const value: Record<string, JsonValue | undefined> = { ...raw.value }
  const texts: Record<string, string | null> = {}
  for (const key of Object.keys(edits)) {
    const edit = edits[key]
    if (edit === undefined) delete value[key]
    else value[key] = edit
    texts[key] = edit === undefined ? null : JSON.stringify(edit)
  }
  return { value, text: editMembers(raw.text, texts) }
}

/** The text without line breaks: in JSON they occur only as white space, never in a string. */
export function onOneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text
}

/**
 * Whether the text nests deeper than `maxDepth` or has more than `maxMembers` members and elements. Works on invalid input
 * too, so that it can run before the parser.
 */
export function exceedsLimits(text: string, maxDepth: number, maxMembers: number): boolean {
  if (text.length <= maxDepth) return false
  let depth = 0
  let members = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) i = endOfString(text, i) - 1
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) return true
      const next = text.charCodeAt(skipSpace(text, i + 1))
      // An object or array has one member more than commas, unless it is empty.
      if (next !== closeBrace && next !== closeBracket) members++
    } else if (code === closeBrace || code === closeBracket) depth--
    else if (code === comma) members++
    if (members > maxMembers) return true
  }
  return false
}

function skipSpace(text: string, at: number): number {
  let i = at
  while (text.charCodeAt(i) <= 0x20) i++
  return i
}

/** Where the string that starts at `at` ends, one past its closing quote. */
function endOfString(text: string, at: number): number {
  let i = at
  for (;;) {
    i = text.indexOf('"', i + 1)
    if (i < 0) return text.length
    let before = i - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((i - before) % 2 === 1) return i + 1 // an even number of backslashes: the quote is not escaped
  }
}

/** Where the value that starts at `at` ends, one past its last character. */
export function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === quote) return endOfString(text, at)
  if (first !== openBrace && first !== openBracket) return endOfScalar(text, at)
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) i = endOfString(text, i) - 1
    else if (code === openBrace || code === openBracket) depth++
    else if ((code === closeBrace || code === closeBracket) && --depth === 0) return i + 1
  }
  return text.length
}

function endOfScalar(text: string, at: number): number {
  let i = at
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === comma || code === closeBrace || code === closeBracket || code <= 0x20) break
  }
  return i
}
