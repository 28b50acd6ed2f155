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
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { maskCommand } from '../../base/mask-command.ts'
import type { FileValue } from './file-value.ts'
import { plainJson } from './plain-json.ts'
import type { TextSpan } from './frame.ts'
import { substitute, type Substitutes } from './substitute.ts'
import { syntaxFaults } from './syntax-faults.ts'
import { secretsNear } from './syntax-secrets.ts'
import { knownTags, shortTag, unlikeTag } from './tags.ts'
import type { TextFault } from './text-fault.ts'
import { maxDepth, tokenFaults } from './yaml-tokens.ts'

export type Path = ReadonlyArray<string | number>

/** Where a value stands, and its key. */
export interface Spot {
  readonly key: TextSpan | undefined
  readonly value: TextSpan
  /** What stands there, if it is one text: unlike the value, it holds no secret that was put in for `${...}`. */
  readonly source: string | undefined
  /** Whether it is a text that stands there without quotes and is not put in for `${...}`, or that a tag makes such a value. */
  readonly isPlain: boolean
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
const maxNodes = 100_000

export function pathKey(path: Path): string {
  return path.join('\0')
}

/** @param substitutes what `${...}` stands for; undefined to leave it as it is */
export function readYaml(original: string, substitutes: Substitutes | undefined): YamlText {
  const text = plainJson(original)
  const none = { value: undefined, spots: new Map<string, Spot>(), secrets: [], putIn: new Map<string, string[]>() }
  const { tooDeep, tags, secrets } = tokenFaults(text)
  // The parser recurses: a text that is nested too deeply would end the process.
  if (tooDeep) {
    // Where its secrets are is not known.
    const hidden = [{ start: 0, end: text.length }]
    return {
      ...none,
      secrets: hidden,
      faults: [{ code: 'config_syntax', span: tooDeep, fault: 'is nested too deeply' }],
    }
  }
  const document = parseDocument(text, parsing)
  const faults = syntaxFaults(document, text)
  // After an error, values are guesses.
  if (faults.length > 0)
    return {
      ...none,
      secrets: secretsNear(
        text,
        faults.map(({ span }) => span),
      ),
      faults,
    }
  const read = new Reader(document, text, substitutes).read()
  return { ...read, secrets: [...read.secrets, ...secrets], faults: [...tags, ...read.faults] }
}

/** What a tag means is decided here. */
const parsing = { schema: 'failsafe', prettyErrors: false, merge: false, resolveKnownTags: false } as const

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
    if (isFree(path)) this.#hideName(node, span)
    if (isAlias(node) && found === undefined)
      this.#faults.push({ code: 'config_syntax', span, fault: 'is an alias of an anchor that is not there' })
    if (++this.#nodes > maxNodes || path.length > maxDepth) {
      if (!this.#faults.some(({ fault }) => fault === tooMuch))
        this.#faults.push({ code: 'config_syntax', span, fault: tooMuch })
      return undefined
    }
    const source = isScalar(found) ? this.#sourceOf(found) : undefined
    const isPlain = isScalar(found) && isWithoutQuotes(found)
    this.#spots.set(pathKey(path), { key, value: span, source, isPlain })
    if (isMap(found) || isSeq(found)) {
      this.#checkTag(found, isMap(found) ? '!!map' : '!!seq', span)
      return isMap(found) ? this.#mapOf(found, path) : this.#listOf(found.items, path)
    }
    return isScalar(found) ? this.#textOf(found, path, span) : undefined
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
    this.#checkTag(key, { text: name }, span)
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

  #textOf(node: Scalar, path: Path, span: TextSpan): FileValue {
    const text = String(node.value)
    const isNull = node.tag === undefined ? node.type === 'PLAIN' : shortTag(node.tag) === '!!null'
    if (isNull && /^(?:|~|null|Null|NULL)$/.test(text)) return undefined
    if (isFree(path) || maskCommand([text])[0] !== text) this.#hide(span)
    if (!text.includes('${')) this.#checkTag(node, { text }, span)
    if (!this.#substitutes || !text.includes('${')) return text
    const found = substitute(text, this.#substitutes)
    if ('text' in found) {
      this.#checkTag(node, found, span)
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

  #checkTag(node: unknown, value: Parameters<typeof unlikeTag>[1], span: TextSpan | undefined): void {
    const tag = isNode(node) ? shortTag(node.tag) : undefined
    // Other tags are refused where they stand.
    const meant = tag !== undefined && knownTags.has(tag) ? unlikeTag(tag, value) : undefined
    if (tag === undefined || meant === undefined) return
    const ways = [`leave ${tag} out, and the value is what is written there`]
    const fault = `is not what ${tag} says`
    this.#faults.push({ code: 'config_syntax', span: span ?? { start: 0, end: 0 }, fault, accepted: meant, ways })
  }

  /** What stands there, or a hint to it if it may not be shown. */
  #sourceOf(node: { readonly value: unknown; readonly source?: string }): string {
    const text = String(node.value)
    return maskCommand([text])[0] ?? text
  }

  /** A password that begins with `*` or `&` is read as the name of an alias or an anchor. */
  #hideName(node: unknown, span: TextSpan): void {
    if (isAlias(node)) return this.#hide(span)
    const anchor = isNode(node) ? node.anchor : undefined
    if (anchor === undefined) return
    const at = this.#text.lastIndexOf(`&${anchor}`, span.end)
    if (at >= 0) this.#hide({ start: at, end: at + anchor.length + 1 })
  }

  #hide(span: TextSpan | undefined): void {
    if (!span) return
    // A reference shows no secret, and helps to find a mistake.
    const text = this.#text.slice(span.start, span.end).replaceAll(/^["']|["']$/g, '')
    if (!/^\$\{(?:file:[^{}]*|env:\w+|\w+)\}$/.test(text)) this.#secrets.push(span)
  }
}

/** Whatever a variable of a server, or an argument of its tools, holds may be a secret. */
function isFree(path: Path): boolean {
  return path.includes('env') || isBound(path)
}

/** Whether the value is, or is a part of, an argument that is bound by the operator. */
function isBound(path: Path): boolean {
  return path.some((part, at) => (part === 'args' || part === 'boundArgs') && typeof path[at + 1] === 'string')
}

/** Whether its text is read as a value without quotes: a number, `true` or `null` if it looks like one. */
function isWithoutQuotes({ tag, type, value }: Scalar): boolean {
  if (tag !== undefined) return shortTag(tag) !== '!!str'
  return type === 'PLAIN' && !String(value).includes('${')
}

const tooMuch = 'is nested too deeply, or repeated too often by aliases'

function spanOf(node: unknown): TextSpan | undefined {
  const range = isNode(node) ? node.range : undefined
  return range ? { start: range[0], end: Math.max(range[1], range[0]) } : undefined
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}
