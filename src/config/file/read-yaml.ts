/**
 * Reads YAML or JSON (with comments) into plain values, and remembers where each stands. All scalars are texts: the rows
 * of the options know what they mean. Bounded: size, nesting and aliases.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import { maskCommand } from '../../base/mask-command.ts'
import type { FileValue } from './file-value.ts'
import { plainJson } from './plain-json.ts'
import type { ConfigCode } from '../problem.ts'
import type { TextSpan } from './frame.ts'
import { substitute, type Substitutes } from './substitute.ts'

export type Path = ReadonlyArray<string | number>

/** Where a value stands, and its key. */
export interface Spot {
  readonly key: TextSpan | undefined
  readonly value: TextSpan
  /** What stands there, if it is one text: unlike the value, it holds no secret that was put in for `${...}`. */
  readonly source: string | undefined
  /** Whether it is a text that stands there without quotes, and is not put in for `${...}`. */
  readonly isPlain: boolean
}

/** A fault of the text itself. `fault` completes a sentence that begins with what stands there. */
export interface TextFault {
  readonly code: ConfigCode
  readonly span: TextSpan
  readonly fault: string
  readonly accepted?: string | undefined
  /** Ways out, best first. */
  readonly ways?: readonly string[] | undefined
}

export interface YamlText {
  readonly value: FileValue
  /** By `pathKey`. */
  readonly spots: ReadonlyMap<string, Spot>
  /** What may not be shown. */
  readonly secrets: readonly TextSpan[]
  /** The values of variables and files that were put in for `${...}`, by `pathKey`. */
  readonly putIn: ReadonlyMap<string, readonly string[]>
  readonly faults: readonly TextFault[]
}

/** Clients keep all kinds of things in the file of their servers. */
export const maxFileBytes: number = 16 * 1024 ** 2
const maxDepth = 64
const maxNodes = 100_000

export function pathKey(path: Path): string {
  return path.join('\0')
}

/** @param substitutes what `${...}` stands for; undefined to leave it as it is */
export function readYaml(original: string, substitutes: Substitutes | undefined): YamlText {
  const text = plainJson(original)
  const none = { value: undefined, spots: new Map<string, Spot>(), secrets: [], putIn: new Map<string, string[]>() }
  const tooDeep = deepSpan(text)
  // The parser recurses: a text that is nested too deeply would end the process.
  if (tooDeep) return { ...none, faults: [{ code: 'config_syntax', span: tooDeep, fault: 'is nested too deeply' }] }
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false, merge: false })
  const faults = document.errors.map(({ pos: [start, end], message }): TextFault => {
    return { code: 'config_syntax', span: { start, end }, fault: message }
  })
  // After an error, values are guesses.
  if (faults.length > 0) return { ...none, faults }
  return new Reader(document, text, substitutes).read()
}

/** Where brackets, or list items on one line, are nested too deeply. */
function deepSpan(text: string): TextSpan | undefined {
  let at = 0
  let items = 0
  /** How many items stood open where each bracket began: a comma ends those that began behind it. */
  const brackets: number[] = []
  for (const token of new Lexer().lex(text)) {
    // Tokens of one character that are marks of the lexer, and no text.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') continue
    if (token === '[' || token === '{') brackets.push(items)
    else if (token === ']' || token === '}') items = brackets.pop() ?? 0
    else if (token === ',') items = brackets.at(-1) ?? items
    else if (token === '-' || token === '?' || token === ':') items++
    else if (token.includes('\n') && brackets.length === 0) items = 0
    if (brackets.length > maxDepth || items > maxDepth + brackets.length) return { start: at, end: at + 1 }
    at += token.length
  }
  return undefined
}

class Reader {
  readonly #document: Document
  readonly #text: string
  readonly #substitutes: Substitutes | undefined
  readonly #spots = new Map<string, Spot>()
  readonly #secrets: TextSpan[] = []
  readonly #putIn = new Map<string, readonly string[]>()
  readonly #faults: TextFault[] = []
  #nodes = 0

  constructor(document: Document, text: string, substitutes: Substitutes | undefined) {
    this.#document = document
    this.#text = text
    this.#substitutes = substitutes
  }

  read(): YamlText {
    const value = this.#valueOf(this.#document.contents, [], undefined)
    return { value, spots: this.#spots, secrets: this.#secrets, putIn: this.#putIn, faults: this.#faults }
  }

  #valueOf(node: unknown, path: Path, key: TextSpan | undefined): FileValue {
    const found = isAlias(node) ? node.resolve(this.#document) : node
    const span = spanOf(node) ?? key ?? { start: 0, end: 0 }
    if (isAlias(node) && found === undefined)
      this.#faults.push({ code: 'config_syntax', span, fault: 'is an alias of an anchor that is not there' })
    if (++this.#nodes > maxNodes || path.length > maxDepth) {
      if (!this.#faults.some(({ fault }) => fault === tooMuch))
        this.#faults.push({ code: 'config_syntax', span, fault: tooMuch })
      return undefined
    }
    const source = isScalar(found) ? this.#sourceOf(found) : undefined
    const isPlain = isScalar(found) && found.type === 'PLAIN' && !String(found.value).includes('${')
    this.#spots.set(pathKey(path), { key, value: span, source, isPlain })
    if (isMap(found)) return this.#mapOf(found, path)
    if (isSeq(found)) return this.#listOf(found.items, path)
    if (isScalar(found)) return this.#textOf(found.value, found.type, path, span)
    return undefined
  }

  #mapOf(map: YAMLMap, path: Path): FileValue {
    const members: { [key: string]: FileValue } = Object.create(null)
    const own: Pair[] = []
    for (const pair of map.items) {
      if (isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === 'PLAIN') {
        const merged = isSeq(pair.value) ? pair.value.items : [pair.value]
        // Of several, the first one wins.
        for (const one of merged.toReversed())
          this.#take(isAlias(one) ? one.resolve(this.#document) : one, path, members)
      } else own.push(pair)
    }
    for (const pair of own) this.#member(pair, path, members)
    return members
  }

  /** FileMembers that another map hands on with `<<`. */
  #take(node: unknown, path: Path, members: { [key: string]: FileValue }): void {
    if (isMap(node)) for (const pair of node.items) this.#member(pair, path, members)
  }

  #member({ key, value }: Pair, path: Path, members: { [key: string]: FileValue }): void {
    const name = isScalar(key) ? String(key.value) : undefined
    const span = spanOf(key)
    if (name === undefined) {
      const at = span ?? { start: 0, end: 0 }
      this.#faults.push({ code: 'config_structure', span: at, fault: 'is no name', accepted: 'a text as the name' })
      return
    }
    const found = this.#valueOf(value, [...path, name], span)
    if (found === undefined) delete members[name]
    else members[name] = found
  }

  #listOf(items: readonly unknown[], path: Path): FileValue {
    const values = items.map((item, at) => this.#valueOf(item, [...path, at], undefined))
    // A secret may be the word after `--token`.
    const words = values.map((value) => (typeof value === 'string' ? value : ''))
    for (const [at, masked] of maskCommand(words).entries())
      if (masked !== words[at]) this.#hide(this.#spots.get(pathKey([...path, at]))?.value)
    return values
  }

  #textOf(value: unknown, type: string | null | undefined, path: Path, span: TextSpan): FileValue {
    const text = String(value)
    if (type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(text)) return undefined
    // Whatever a variable of a server, or an argument of its tools, holds may be a secret.
    if (path.includes('env') || isBound(path) || maskCommand([text])[0] !== text) this.#hide(span)
    if (!this.#substitutes || !text.includes('${')) return text
    const found = substitute(text, this.#substitutes)
    if ('text' in found) {
      if (found.secrets.length > 0) this.#putIn.set(pathKey(path), found.secrets)
      return found.text
    }
    const at = this.#text.indexOf(found.reference, span.start)
    const isInside = at >= 0 && at < span.end
    this.#faults.push({
      code: 'config_variable',
      span: isInside ? { start: at, end: at + found.reference.length } : span,
      fault: found.fault,
      accepted: found.accepted,
      ways: found.ways,
    })
    return undefined
  }

  /** What stands there, or a hint to it if it may not be shown. */
  #sourceOf(node: { readonly value: unknown; readonly source?: string }): string {
    const text = String(node.value)
    return maskCommand([text])[0] ?? text
  }

  #hide(span: TextSpan | undefined): void {
    if (!span) return
    // A reference shows no secret, and helps to find a mistake.
    const text = this.#text.slice(span.start, span.end).replaceAll(/^["']|["']$/g, '')
    if (!/^\$\{(?:file:[^{}]*|env:\w+|\w+)\}$/.test(text)) this.#secrets.push(span)
  }
}

/** Whether the value is, or is a part of, an argument that is bound by the operator. */
function isBound(path: Path): boolean {
  return path.some((part, at) => (part === 'args' || part === 'boundArgs') && typeof path[at + 1] === 'string')
}

const tooMuch = 'is nested too deeply, or repeated too often by aliases'

function spanOf(node: unknown): TextSpan | undefined {
  const range = isNode(node) ? node.range : undefined
  return range ? { start: range[0], end: Math.max(range[1], range[0]) } : undefined
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}
