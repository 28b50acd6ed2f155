/**
 * Faults of a YAML text that are found in its tokens, before a parser reads it: nesting that is too deep for a parser that
 * recurses, and tags that would change values. Pure.
 */
import { Lexer } from 'yaml'
import type { TextSpan } from './frame.ts'
import { knownTags } from './tags.ts'
import type { TextFault } from './text-fault.ts'

/** Of mappings and lists inside each other. */
export const maxDepth = 64

export interface TokenFaults {
  /** Where the text is nested too deeply; no parser may read it then. */
  readonly tooDeep: TextSpan | undefined
  readonly tags: readonly TextFault[]
  /** Tags that may be texts which begin with `!`, such as passwords. */
  readonly secrets: readonly TextSpan[]
}

/** Tokens of one character that are marks of the lexer, and no text. */
const beginOfDocument = '\u0002'
const endOfFlow = '\u0018'
const beginOfText = '\u001f'

export function tokenFaults(text: string): TokenFaults {
  const depth = new Depth()
  const tags: TextFault[] = []
  const secrets: TextSpan[] = []
  let at = 0
  let isText = false
  for (const token of new Lexer().lex(text)) {
    if (token === beginOfDocument || token === endOfFlow || token === beginOfText) {
      isText = token === beginOfText
      continue
    }
    const span = { start: at, end: at + token.length }
    if (!isText && isRefused(token) && tags.length < maxTags) {
      tags.push({ code: 'config_syntax', span, ...wrongTag })
      if (!token.startsWith('!!') && !token.startsWith('%')) secrets.push(span)
    }
    depth.take(token, at)
    if (depth.isTooMuch) return { tooDeep: { start: at, end: at + 1 }, tags: [], secrets: [] }
    isText = false
    at += token.length
  }
  return { tooDeep: undefined, tags, secrets }
}

/** More would only repeat what is told. */
const maxTags = 20

const wrongTag = {
  fault: 'is a tag that mcplex does not know',
  accepted: [...knownTags].join(', '),
  ways: [
    'leave the tag out: a value is what is written there',
    'quotes around the whole value, if it is a text that begins with !',
  ],
}

/** Whether it is a tag that is not known, or a directive that gives tags another meaning. */
function isRefused(token: string): boolean {
  return /^%TAG\b/.test(token) || (token.startsWith('!') && !knownTags.has(token))
}

/** How deeply the tokens of a text are nested. */
class Depth {
  /** List items and keys on one line. */
  #items = 0
  /** How many items stood open where each bracket began: a comma ends those that began behind it. */
  readonly #brackets: number[] = []
  /** Where the lines and list items begin that are open, outside of brackets. */
  readonly #columns: number[] = []
  #lineStart = 0
  #isLineStart = true

  get isTooMuch(): boolean {
    const brackets = this.#brackets.length
    return brackets > maxDepth || this.#items > maxDepth + brackets || this.#columns.length > maxDepth
  }

  take(token: string, at: number): void {
    const isItem = token === '-' || token === '?'
    const isBlank = /^[ \t\r\n#]/.test(token)
    if (this.#brackets.length === 0 && (isItem || (this.#isLineStart && !isBlank))) this.#indent(at - this.#lineStart)
    if (!isBlank) this.#isLineStart = false
    if (token === '[' || token === '{') this.#brackets.push(this.#items)
    else if (token === ']' || token === '}') this.#items = this.#brackets.pop() ?? 0
    else if (token === ',') this.#items = this.#brackets.at(-1) ?? this.#items
    else if (isItem || token === ':') this.#items++
    else if (token.includes('\n') && this.#brackets.length === 0) this.#items = 0
    const newline = token.lastIndexOf('\n')
    if (newline < 0) return
    this.#lineStart = at + newline + 1
    this.#isLineStart = true
  }

  #indent(column: number): void {
    while ((this.#columns.at(-1) ?? -1) > column) this.#columns.pop()
    if (this.#columns.at(-1) !== column) this.#columns.push(column)
  }
}
