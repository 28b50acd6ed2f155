/**
 * Edits one entry in the text of a client's configuration file. Pure: text in, text out. Everything else stays exactly as
 * it is, comments included, and the entry takes the indentation and line ends of the file. A text that cannot be parsed
 * is not changed.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  createScanner,
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
  stripComments,
} from 'jsonc-parser'
import { deepJsonOffset } from '../../../config/file/json-depth.ts'
import type { ClientEntry } from '../../clients.ts'

export type Edited =
  | { readonly kind: 'unchanged' }
  /** `text` is the new content; `isReplaced` tells whether it replaces another entry of that name. */
  | { readonly kind: 'changed'; readonly text: string; readonly isReplaced: boolean }
  | { readonly kind: 'broken'; readonly line: number; readonly column: number; readonly why: string }

/**
 * Adds or replaces an entry.
 * @param text the content of the file; blank text is an empty file
 */
export function putEntry(text: string, section: string, name: string, entry: ClientEntry): Edited {
  // Editors on Windows write a byte order mark, which the parser does not accept.
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : ''
  const body = text.slice(mark.length)
  if (body.trim() === '')
    return { kind: 'changed', text: `${mark}${snippet(section, name, entry)}\n`, isReplaced: false }
  const deep = deepJsonOffset(body)
  if (deep !== undefined) return broken(body, deep, 'it is nested too deeply')
  const errors: ParseError[] = []
  const root = parseTree(body, errors, { allowTrailingComma: true })
  const [error] = errors
  if (error || !root) return broken(body, error?.offset ?? 0, error ? wordsOf(error) : 'there is no value')
  if (root.type !== 'object') return broken(body, root.offset, 'the file is not an object')
  const servers = findNodeAtLocation(root, [section])
  if (servers && servers.type !== 'object') return broken(body, servers.offset, `"${section}" is not an object`)
  const twice = duplicate(root, section) ?? (servers && duplicate(servers, name))
  if (twice) return broken(body, twice.offset, `${JSON.stringify(getNodeValue(twice))} is there twice`)
  const found = findNodeAtLocation(root, [section, name])
  // The parser makes objects without a prototype, which never equal others strictly: `structuredClone` makes plain ones.
  if (found && isDeepStrictEqual(structuredClone(getNodeValue(found)), entry)) return { kind: 'unchanged' }
  if (found) return { kind: 'changed', text: mark + replace(body, found, entry), isReplaced: true }
  const after = servers ? append(body, servers, name, entry) : append(body, root, section, { [name]: entry })
  return { kind: 'changed', text: mark + after, isReplaced: false }
}

/**
 * Removes entries, and nothing else: comments stay.
 * @param names those of entries; one that is not there is ignored
 * @returns undefined if the text cannot be parsed, or is nested too deeply
 */
export function removeEntries(text: string, section: string, names: readonly string[]): string | undefined {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : ''
  let body = text.slice(mark.length)
  if (deepJsonOffset(body) !== undefined) return undefined
  for (const name of names) {
    const errors: ParseError[] = []
    const root = parseTree(body, errors, { allowTrailingComma: true })
    if (!root || errors.length > 0) return undefined
    const servers = findNodeAtLocation(root, [section])
    const member = findNodeAtLocation(root, [section, name])?.parent
    if (servers && member) body = removeMember(body, servers, member)
  }
  return mark + body
}

/** The text without a member of an object, with the comma behind it, or before it if it is the last one. */
function removeMember(text: string, object: Node, member: Node): string {
  const members = object.children ?? []
  const at = members.indexOf(member)
  const end = member.offset + member.length
  const after = commaIn(text, end, members[at + 1]?.offset ?? object.offset + object.length)
  const last = members[at - 1]
  const before = after < 0 && last ? commaIn(text, last.offset + last.length, member.offset) : -1
  const withoutComma = after < 0 ? text : text.slice(0, after) + text.slice(after + 1)
  const cut = cutLine(withoutComma, member.offset, end)
  return before < 0 ? cut : cut.slice(0, before) + cut.slice(before + 1)
}

/** Where the first comma is, but for those in comments; -1 if there is none. */
function commaIn(text: string, from: number, to: number): number {
  const scanner = createScanner(text, true)
  scanner.setPosition(from)
  do scanner.scan()
  while (scanner.getTokenOffset() < to && text[scanner.getTokenOffset()] !== ',')
  return scanner.getTokenOffset() < to ? scanner.getTokenOffset() : -1
}

/** The text without a part, and without its lines if nothing is left on them. */
function cutLine(text: string, from: number, to: number): string {
  const start = text.lastIndexOf('\n', from - 1) + 1
  const next = text.indexOf('\n', to)
  const end = next < 0 ? text.length : next
  const isAlone = text.slice(start, from).trim() === '' && text.slice(to, end).trim() === ''
  return isAlone && start > 0 && next >= 0
    ? text.slice(0, start) + text.slice(next + 1)
    : text.slice(0, from) + text.slice(to)
}

/** The text of a file that holds only the entry. */
export function snippet(section: string, name: string, entry: ClientEntry): string {
  return JSON.stringify({ [section]: { [name]: entry } }, undefined, 2)
}

/** The second member of that name: clients read the last one, but an edit would change the first. */
function duplicate(object: Node, key: string): Node | undefined {
  return object.children?.flatMap(({ children }) => children?.[0] ?? []).filter(({ value }) => value === key)[1]
}

/** `PropertyNameExpected` -> `property name expected`. */
function wordsOf({ error }: ParseError): string {
  return printParseErrorCode(error)
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase()
}

function broken(text: string, offset: number, why: string): Edited {
  const lines = text.slice(0, offset).split('\n')
  return { kind: 'broken', line: lines.length, column: (lines.at(-1) ?? '').length + 1, why }
}

/** The layout of a text. */
interface Layout {
  readonly unit: string
  readonly eol: string
}

/** The text with a member added at the end of an object. */
function append(text: string, object: Node, key: string, value: unknown): string {
  const layout = layoutOf(text)
  const { eol, unit } = layout
  const outer = indentAt(text, object.offset)
  const last = object.children?.at(-1)
  const inner = (last && ownIndent(text, last.offset)) ?? outer + unit
  const brace = object.offset + object.length - 1
  // After the last member and its comments.
  const at = text.slice(0, brace).trimEnd().length
  const member = `${eol}${inner}${JSON.stringify(key)}: ${write(value, inner, layout)}`
  const closing = text.slice(at, brace).includes('\n') ? '' : eol + outer
  const end = last ? last.offset + last.length : at
  const comma = last && !stripComments(text.slice(end, brace)).includes(',') ? ',' : ''
  return text.slice(0, end) + comma + text.slice(end, at) + member + closing + text.slice(at)
}

/** The text with the value of a node replaced. */
function replace(text: string, node: Node, value: unknown): string {
  const written = write(value, indentAt(text, node.offset), layoutOf(text))
  return text.slice(0, node.offset) + written + text.slice(node.offset + node.length)
}

function write(value: unknown, indent: string, { eol, unit }: Layout): string {
  return JSON.stringify(value, undefined, unit)
    .split('\n')
    .join(eol + indent)
}

function layoutOf(text: string): Layout {
  return { unit: /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' }
}

/** The indentation of the line of an offset. */
function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? ''
}

/** The same, if only blanks precede the offset in its line; else undefined. */
function ownIndent(text: string, offset: number): string | undefined {
  const indent = indentAt(text, offset)
  const start = offset - indent.length
  return start > 0 && text[start - 1] === '\n' ? indent : undefined
}
