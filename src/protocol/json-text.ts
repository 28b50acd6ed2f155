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

/**
 * Walks the members of an object in its text. The caller sets `end` to where the value of a member ends before it goes on, so
 * that a value that it looks into is not walked twice.
 */
export class MemberCursor {
  /** The decoded key of the member. */
  key = ''
  /** Where its value starts. */
  start = 0
  /** Where its value ends, set by the caller; after the last member, where the object ends. */
  end: number
  readonly #text: string

  /** @param at where the object starts; white space is allowed before it */
  constructor(text: string, at: number) {
    this.#text = text
    this.end = skipSpace(text, at) + 1
  }

  /** Goes on to the next member; false after the last one. */
  next(): boolean {
    const text = this.#text
    let i = skipSpace(text, this.end)
    while (text.charCodeAt(i) === comma) i = skipSpace(text, i + 1)
    if (text.charCodeAt(i) === closeBrace) {
      this.end = i + 1
      return false
    }
    const keyEnd = endOfString(text, i)
    const key = text.slice(i + 1, keyEnd - 1)
    this.key = key.includes('\\') ? (JSON.parse(text.slice(i, keyEnd)) as string) : key // a string token of valid JSON
    this.start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    return true
  }
}

/** Walks the members of the object that starts at `at` (white space allowed before it); returns where it ends. */
export function eachMember(text: string, at: number, visit: MemberVisitor): number {
  const members = new MemberCursor(text, at)
  while (members.next()) {
    members.end = endOfValue(text, members.start)
    visit(members.key, members.start, members.end)
  }
  return members.end
}

/** How many members an object has that was parsed from JSON. Without a list of its keys, which costs memory in each call. */
export function memberCount(object: JsonObject): number {
  let count = 0
  for (const key in object) if (Object.hasOwn(object, key)) count++
  return count
}

/** The texts of the elements of an array. @param most the text is read as far as so many elements only */
export function elementTexts(text: string, most: number = Number.POSITIVE_INFINITY): string[] {
  const elements: string[] = []
  let i = skipSpace(text, 0) + 1
  for (;;) {
    i = skipSpace(text, i)
    const code = text.charCodeAt(i)
    if (code === closeBracket || elements.length >= most) return elements
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

/**
 * The text of the object with the value of one member replaced in its place, or added at the end. Reads no further than the
 * member if nothing behind it can be the same one again: the rest may be megabytes of arguments.
 * @param value as JSON text
 */
export function replaceMemberText(text: string, key: string, value: string): string {
  const members = new MemberCursor(text, 0)
  let start = -1
  let end = -1
  while (members.next()) {
    const isSame = members.key === key
    // Of several members the last one counts, so all of them have to go.
    if (isSame && start >= 0) return editMembers(text, { [key]: value })
    members.end = endOfValue(text, members.start)
    if (!isSame) continue
    start = members.start
    end = members.end
    // Without an escape behind it, the same member again would have the same text. Letters, digits and "_" have one only.
    const isPlain = text.indexOf('\\', end) < 0 || (isWord.test(key) && text.indexOf('\\u', end) < 0)
    if (isPlain && text.indexOf(key, end) < 0) break
  }
  return start < 0 ? editMembers(text, { [key]: value }) : `${text.slice(0, start)}${value}${text.slice(end)}`
}

const isWord = /^\w+$/

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
