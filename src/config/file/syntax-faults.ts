/** What the parser of YAML found wrong in a text. Pure. */
import type { Document } from 'yaml'
import type { TextFault } from './text-fault.ts'

/** Further faults are mostly consequences of the first ones. */
const maxFaults = 20

/**
 * The faults that the parser has found: of several at one place, the first one. A `${...}` without quotes in a flow mapping
 * or sequence is one fault, whatever the parser makes of the rest.
 */
export function syntaxFaults({ errors }: Pick<Document, 'errors'>, text: string): TextFault[] {
  const byPlace = new Map<number, TextFault>()
  for (const { pos, message } of errors) {
    const [start, end] = pos
    if (byPlace.size >= maxFaults) break
    if (byPlace.size === 0 && text.startsWith('${', start - 1)) return [unquoted(text, start - 1)]
    if (!byPlace.has(start))
      byPlace.set(start, { code: 'config_syntax', span: { start, end }, fault: withoutSource(message) })
  }
  return [...byPlace.values()]
}

/** The braces end a value that stands within braces or brackets. */
function unquoted(text: string, start: number): TextFault {
  const close = text.indexOf('}', start)
  return {
    code: 'config_syntax',
    span: { start, end: close < 0 ? start + '${'.length : close + 1 },
    fault: 'needs quotes here: within { } and [ ], YAML takes its braces for its own',
    ways: ["'${NAME}', in quotes"],
  }
}

/** The message of a parser without the part of the text that it may quote, but for brackets and the like. */
function withoutSource(message: string): string {
  return message.replace(/: (?=.*\w).*$/s, '')
}
