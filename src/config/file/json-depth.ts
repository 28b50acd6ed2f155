/** Guards the parsers of JSON with comments, which recurse: a text that is nested too deeply would end the process. Pure. */
import { createScanner } from 'jsonc-parser'

/** What clients keep beside their servers may be nested more deeply than a configuration. */
const maxJsonDepth = 1000

/** The offset of the first bracket that is nested too deeply for a parser of JSON; undefined if there is none. */
export function deepJsonOffset(text: string): number | undefined {
  const scanner = createScanner(text, true)
  let depth = 0
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()]
    if (first === '{' || first === '[') depth++
    else if (first === '}' || first === ']') depth = Math.max(0, depth - 1)
    if (depth > maxJsonDepth) return scanner.getTokenOffset()
  }
  return undefined
}
