/**
 * Finds what may be a secret in lines that no parser can read. Where a text is not valid, nobody knows which mapping a line
 * belongs to, so a value is shown only if its key is one of mcplex or of a client, and a word only if its line shows that
 * it is part of a command. Pure.
 */
import { maskCommand } from '../../base/mask-command.ts'
import { schema } from '../schema.ts'
import { ownNames } from './client-names.ts'
import type { TextSpan } from './frame.ts'

/** Keys whose values are no secrets. Below `env` and `boundArgs` names are free, and so are their values. */
const openKeys: ReadonlySet<string> = new Set([
  ...schema.flatMap(({ path }) => path.split('.')),
  ...ownNames,
  ...['mcpServers', 'servers', 'mcp', 'context_servers', 'command', 'args', 'cwd', 'module', 'path', 'type', 'url'],
  ...['disabled', 'enabled', 'tools', 'description'],
])
const closedKeys: ReadonlySet<string> = new Set(['env', 'boundArgs', 'headers'])

/**
 * The parts of a text that a message about a fault must not show.
 * @param spans where the faults are; each is shown with the line before it
 */
export function secretsNear(text: string, spans: readonly TextSpan[]): TextSpan[] {
  const lines = new Set<number>()
  for (const span of spans) {
    const from = lineStart(text, Math.min(span.start, text.length))
    lines.add(from)
    if (from > 0) lines.add(lineStart(text, from - 1))
  }
  return [...lines].flatMap((from) => secretsInLine(text, from))
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** A text of a line: in quotes, whether they are closed or not, or without. */
const scalar = /"(?:\\.|[^"\\\n])*"?|'(?:''|[^'\n])*'?|[^\s,[\]{}"'#][^\n,[\]{}]*/y
const skipped = /[\s,{}]+|-(?=\s)|\?(?=\s)/y
/** What makes the text before it a key. */
const colon = /[ \t]*:(?=[\s,[\]{}]|$)/my

function secretsInLine(text: string, from: number): TextSpan[] {
  const newline = text.indexOf('\n', from)
  const end = newline < 0 ? text.length : newline
  const secrets: TextSpan[] = []
  let key: string | undefined
  let isList = /^\s*-\s/.test(text.slice(from, end))
  let before = ''
  for (let at = from; at < end;) {
    const gap = match(skipped, text, at, end)
    if (gap > at) {
      at = gap
      continue
    }
    if (text[at] === '[' || text[at] === ']') {
      isList = text[at] === '['
      at++
      continue
    }
    if (text[at] === '#' || text[at] === '"' || text[at] === "'" || match(scalar, text, at, end) > at) {
      const found = text[at] === '#' ? { start: at, end } : scalarAt(text, at, end)
      const isKey = text[at] !== '#' && match(colon, text, found.end, end) > found.end
      const word = text.slice(found.start, found.end).trim()
      const shown = word.replaceAll(/^["']|["']$/g, '')
      if (isKey) {
        key = shown
        isList = false
        at = match(colon, text, found.end, end)
        continue
      }
      if (isSecret(shown, word, key, isList, before)) secrets.push(found)
      before = shown
      if (!isList) key = undefined
      at = found.end
      continue
    }
    at++
  }
  return secrets
}

function isSecret(shown: string, word: string, key: string | undefined, isList: boolean, before: string): boolean {
  if (shown === '' || /^\$\{[^{}]*\}$/.test(shown)) return false
  if (maskCommand([before, shown])[1] !== shown || maskCommand([word])[0] !== word) return true
  if (word.startsWith('#')) return false
  if (key === undefined) return !isList
  return closedKeys.has(key) || !openKeys.has(key)
}

/** A text without quotes ends before the colon that makes it a key, and before a comment. */
function scalarAt(text: string, at: number, end: number): TextSpan {
  const to = match(scalar, text, at, end)
  const part = text.slice(at, to)
  if (/^["']/.test(part)) return { start: at, end: to }
  const stop = part.search(/\s*:(?:\s|$)|\s+#/)
  const length = (stop < 0 ? part : part.slice(0, stop)).trimEnd().length
  return { start: at, end: at + Math.max(1, length) }
}

/** The end of what a pattern finds at an offset; the offset itself if it finds nothing there. */
function match(pattern: RegExp, text: string, at: number, end: number): number {
  pattern.lastIndex = at
  const found = pattern.exec(text)
  return found ? Math.min(end, at + found[0].length) : at
}
