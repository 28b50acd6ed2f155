/**
 * Makes the entries of a list safe to show: control characters and characters that reorder the text around them are
 * escaped in descriptions and titles, and descriptions have a longest length. A page without such text is passed on as it is.
 */
import { editObject, isObject, type JsonObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'

/** The longest description, in characters. */
const maxDescriptionChars = 16 * 1024
/** Deeper schemas are passed on as they are. */
const maxDepth = 32

/** Control characters except tab and line ends, and characters that reorder or hide the text around them. */
const steering = /[^\P{Cc}\t\n\r]|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
/** The same in JSON, where they may be written as escapes. */
const steeringInJson =
  /[\u0080-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\\u(?:00[0189]|061c|20[026])|\\[bf]|\u007f/iu

/** The page as clients may see it. @param keys the members that hold entries */
export function safePage(page: RawObject, keys: readonly string[]): RawObject {
  if (page.text.length <= maxDescriptionChars && !steeringInJson.test(page.text)) return page
  const edits: Record<string, JsonValue> = {}
  for (const key of keys) {
    const entries = page.value[key]
    if (!Array.isArray(entries)) continue
    const safe = entries.map((entry) => safeValue(entry, 0))
    if (safe.some((entry, at) => entry !== entries[at])) edits[key] = safe
  }
  return Object.keys(edits).length === 0 ? page : editObject(page, edits)
}

/** The value itself if nothing in it has to be changed. */
function safeValue(value: JsonValue, depth: number): JsonValue {
  if (depth > maxDepth) return value
  if (Array.isArray(value)) {
    const safe = value.map((one) => safeValue(one, depth + 1))
    return safe.some((one, at) => one !== value[at]) ? safe : value
  }
  return isObject(value) ? safeObject(value, depth) : value
}

function safeObject(value: JsonObject, depth: number): JsonObject {
  let safe: Record<string, JsonValue | undefined> | undefined
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined) continue
    const isText = typeof one === 'string' && (name === 'description' || name === 'title')
    const shown = isText ? safeText(one) : safeValue(one, depth + 1)
    if (shown !== one) (safe ??= { ...value })[name] = shown
  }
  return safe ?? value
}

function safeText(text: string): string {
  const cut = text.length > maxDescriptionChars ? `${text.slice(0, maxDescriptionChars)}…` : text
  return cut.replace(steering, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
