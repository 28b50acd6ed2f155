/** What is different between two definitions, in words for a log line. Pure. */
import { terminalSafeLine } from '../base/terminal-safe.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/json-text.ts'

const maxDifferences = 10
const maxChars = 200

/** A line for each value that is different, such as `description: "old" -> "new"`; ten at most, each value cut to 200 characters. */
export function differences(before: JsonValue, after: JsonValue): readonly string[] {
  const found: string[] = []
  collect(before, after, '', found)
  return found.length <= maxDifferences ? found : [...found.slice(0, maxDifferences), '…']
}

/** The fields of a definition that are different, without a word of their text; ten at most. */
export function differentFields(before: JsonObject, after: JsonObject): readonly string[] {
  const found = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => terminalSafeLine(key, maxChars))
  return found.length <= maxDifferences ? found : [...found.slice(0, maxDifferences), '…']
}

function collect(before: JsonValue | undefined, after: JsonValue | undefined, path: string, found: string[]): void {
  if (found.length > maxDifferences || JSON.stringify(before) === JSON.stringify(after)) return
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      collect(before[key], after[key], path === '' ? key : `${path}.${key}`, found)
    return
  }
  found.push(`${terminalSafeLine(path, maxChars)}: ${shown(before)} -> ${shown(after)}`)
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : terminalSafeLine(JSON.stringify(value), maxChars)
}
