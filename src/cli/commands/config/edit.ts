/**
 * One entry in the text of a configuration file of somebody else. Pure: a text in, a text out. Everything that is not
 * the entry stays as it is to the letter, comments included; a text that cannot be understood is not touched.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import type { ClientEntry } from './clients.ts'
import { append, replace } from './splice.ts'

export type Edited =
  | { readonly kind: 'unchanged' }
  /** `text` is the file as it should be; `replaced` tells whether another entry of that name has to go. */
  | { readonly kind: 'changed'; readonly text: string; readonly isReplaced: boolean }
  | { readonly kind: 'broken'; readonly line: number; readonly column: number; readonly why: string }

/**
 * Puts an entry into a file.
 * @param text the file; nothing, or nothing but space, is an empty file
 */
export function putEntry(text: string, section: string, name: string, entry: ClientEntry): Edited {
  // The parser takes a byte order mark for a fault; editors of Windows write it.
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : ''
  const body = text.slice(mark.length)
  if (body.trim() === '')
    return { kind: 'changed', text: `${mark}${snippet(section, name, entry)}\n`, isReplaced: false }
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
  // The parser makes objects without a prototype, which count as different ones.
  if (found && isDeepStrictEqual(structuredClone(getNodeValue(found)), entry)) return { kind: 'unchanged' }
  if (found) return { kind: 'changed', text: mark + replace(body, found, entry), isReplaced: true }
  const after = servers ? append(body, servers, name, entry) : append(body, root, section, { [name]: entry })
  return { kind: 'changed', text: mark + after, isReplaced: false }
}

/** A file with nothing but the entry. */
export function snippet(section: string, name: string, entry: ClientEntry): string {
  return JSON.stringify({ [section]: { [name]: entry } }, undefined, 2)
}

/** The second key of that name: clients would read the last one, and an edit would reach the first. */
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
