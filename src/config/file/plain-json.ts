/**
 * Prepares JSON as editors write it for a reader of YAML: without comments and tabs, and in the file of a client without
 * anything but its servers. Blanks take the place of what is left out, so that offsets do not change (lines do). Pure.
 */
import { createScanner, visit } from 'jsonc-parser'
import { ownNames, serverNames } from './client-names.ts'
import { deepJsonOffset } from './json-depth.ts'

// The package declares these as a const enum, which modules compiled one by one cannot read.
const lineComment = 12
const blockComment = 13
const endOfFile = 17

/** YAML is returned as it is. */
export function plainJson(text: string): string {
  if (!/^\uFEFF?\s*(?:\{|\/[/*])/.test(text)) return text
  const json = withoutComments(text)
  // No text of JSON contains a tab, so this changes only what is between them.
  return withoutOthers(json).replaceAll('\t', ' ')
}

/** Unlike `stripComments` of the package, which adds a blank for each comment, this keeps every offset. */
function withoutComments(text: string): string {
  const scanner = createScanner(text)
  let kept = ''
  let at = 0
  for (let kind: number = scanner.scan(); kind !== endOfFile; kind = scanner.scan()) {
    if (kind !== lineComment && kind !== blockComment) continue
    const start = scanner.getTokenOffset()
    const end = start + scanner.getTokenLength()
    kept += text.slice(at, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, ' ')
    at = end
  }
  return kept + text.slice(at)
}

interface Part {
  readonly name: string
  readonly start: number
  end: number
}

/** Clients keep much beside their servers, up to the history of conversations. */
function withoutOthers(json: string): string {
  const parts = topLevelParts(json)
  const isOfClient = parts.some(({ name }) => serverNames.has(name)) && !parts.some(({ name }) => ownNames.has(name))
  if (!isOfClient) return json
  let kept = ''
  let at = 0
  for (const { name, start, end } of parts) {
    if (serverNames.has(name)) continue
    kept += json.slice(at, start) + ' '.repeat(end - start)
    at = end
  }
  return kept + json.slice(at)
}

/** The members of the outermost object; none if the text is no JSON, or is nested too deeply, which is told later. */
function topLevelParts(json: string): readonly Part[] {
  if (deepJsonOffset(json) !== undefined) return []
  const parts: Part[] = []
  let depth = 0
  let isBroken = false
  const close = (end: number): void => {
    const last = parts.at(-1)
    if (last && last.end < 0) last.end = end
  }
  visit(
    json,
    {
      onObjectBegin: () => void depth++,
      onArrayBegin: () => void depth++,
      onArrayEnd: () => void depth--,
      onObjectProperty: (name, start) => void (depth === 1 && parts.push({ name, start, end: -1 })),
      onSeparator: (character, offset) => void (depth === 1 && character === ',' && close(offset + 1)),
      onObjectEnd: (offset) => {
        if (depth === 1) close(offset)
        depth--
      },
      onError: () => void (isBroken = true),
    },
    { allowTrailingComma: true },
  )
  return isBroken ? [] : parts
}
