/**
 * A configuration file, from its text to the provided values of options, each with its place; and all problems at once.
 * Pure: variables and files that the text refers to are read through arguments.
 */
import { dirname, resolve } from 'node:path'
import type { Option } from '../../base/option.ts'
import { terminalSafeLine } from '../../base/terminal-safe.ts'
import { isJsonObject } from '../json-object.ts'
import { nameShape } from '../name-shape.ts'
import { type FilePlace, type Problem, whereOf, withWays } from '../problem.ts'
import type { Provided, ProvidedUpstream, ProvidedValue } from '../provided.ts'
import { readMarked, writeValue } from '../read-option.ts'
import { meantUnit } from '../suggest-value.ts'
import { kindOf, upstreamKinds } from '../upstream-kinds.ts'
import { withoutClients } from './client-file.ts'
import { programOf, splitLine } from './command.ts'
import { placeOf, type TextSpan, wordAt } from './frame.ts'
import { type FileValue, fileValueAt, isMembers, membersOf, namesIn, textsOfMembers } from './file-value.ts'
import { jsonReader } from './json-value.ts'
import { type Path, pathKey, readYaml, type Spot, type YamlText } from './read-yaml.ts'
import { PutInValues } from './put-in-values.ts'
import {
  endpointMembers,
  membersOfKind,
  membersOfOthers,
  type PlacedMember,
  tenantMembers,
  textsOf,
} from './structure.ts'
import { type StructureProblem, structureProblems, unknownMappings } from './structure-problems.ts'
import { secretSpots } from './secret-spots.ts'
import { maxMessage, showWord } from './show-word.ts'
import type { FileSource, ReadFile } from './file-source.ts'
import { tenantParts } from './tenant-values.ts'
import { workspaceOf } from './workspace.ts'
import { sharedOptions } from '../schema.ts'

export function readFileText(source: FileSource): ReadFile {
  const yaml = readYaml(source.text, { ...source, folder: workspaceOf(dirname(source.path)) })
  const { value = {}, spots, notices } = withoutClients(yaml)
  const structural = structureProblems(source.structure.safeParse(value).error?.issues ?? [], value)
  const reader = new FileReader(source, yaml, spots, [...unknownMappings(structural, spots), ...secretSpots(spots)])
  for (const { code, span, fault, accepted, ways } of yaml.faults)
    reader.problems.push(withWays(reader.tell(code, span, reader.textAt(span, code), fault, accepted), ways))
  if (yaml.faults.some(({ code }) => code === 'config_syntax')) return reader
  for (const { code, span, message } of notices) reader.warnings.push(reader.tell(code, span, message, ''))
  for (const problem of structural) reader.problems.push(reader.tellStructure(problem))
  reader.take(value)
  return reader
}

class FileReader implements ReadFile {
  readonly values: Map<string, ProvidedValue> = new Map()
  readonly upstreams: Map<string, ProvidedUpstream> = new Map()
  readonly endpoints: Map<string, Provided> = new Map()
  readonly tenants: Map<string, Provided> = new Map()
  aliases: ReadonlyMap<string, string> = new Map()
  readonly aliasPlaces: Map<string, FilePlace> = new Map()
  readonly problems: Problem[] = []
  readonly warnings: Problem[] = []
  readonly #source: FileSource
  readonly #secrets: readonly TextSpan[]
  readonly #spots: ReadonlyMap<string, Spot>
  readonly #putIn: PutInValues
  /** Reads what is written as JSON. */
  readonly #json: ReturnType<typeof jsonReader>

  constructor(source: FileSource, yaml: YamlText, spots: ReadonlyMap<string, Spot>, hidden: readonly TextSpan[]) {
    this.#source = source
    this.#secrets = [...yaml.secrets, ...hidden]
    this.#spots = spots
    this.#json = jsonReader(spots, (at, { fault, accepted }) =>
      this.#add('config_number', this.#fileValueAt(at), this.#named(at), fault, accepted),
    )
    this.#putIn = new PutInValues(yaml.putIn)
  }

  get secretValues(): readonly string[] {
    return this.#putIn.secret
  }

  /** Takes the values of all options that are accepted. */
  take(value: FileValue): void {
    for (const { module, key, option, path: own } of sharedOptions) {
      const names = [own, ...(option.aliases ?? [])].map((path) => path.split('.'))
      const [first, second] = names.filter((path) => fileValueAt(value, path) !== undefined)
      const set = (name: string, found: ProvidedValue): void => void this.values.set(`${module}.${name}`, found)
      if (first) this.#option(value, first, key, option, set)
      if (first && second) {
        const fault = `is the same option as ${first.join('.')}`
        this.#add('config_structure', this.#keyAt(second), second.join('.'), fault, 'one of the two')
      }
    }
    const [upstreams, endpoints] = [fileValueAt(value, ['upstreams']), fileValueAt(value, ['endpoints'])]
    for (const name of namesIn(upstreams)) this.#upstream(value, name)
    for (const name of namesIn(endpoints)) this.#endpoint(value, name)
    for (const name of namesIn(fileValueAt(value, ['tenants']))) if (nameShape.test(name)) this.#tenant(value, name)
    this.aliases = new Map(Object.entries(textsOfMembers(membersOf(fileValueAt(value, ['aliases'])))))
    for (const alias of this.aliases.keys()) this.aliasPlaces.set(alias, this.#place(this.#keyAt(['aliases', alias])))
    if (namesIn(upstreams).length === 0 && this.problems.length === 0)
      this.#add('config_command', this.#keyAt(['upstreams']), 'upstreams', 'has no server to serve', aServer)
  }

  #upstream(value: FileValue, name: string): void {
    const base = ['upstreams', name]
    const values = new Map<string, ProvidedValue>()
    const set = (key: string, found: ProvidedValue): void => void values.set(key, found)
    const kind = kindOf(namesIn(fileValueAt(value, base)))
    for (const { key, option, path } of membersOfKind(kind))
      if (option.kind !== 'given') this.#option(value, [...base, ...path.split('.')], key, option, set)
    for (const place of membersOfOthers(value, base, kind))
      this.#add(
        'config_unknown_key',
        this.#keyAt(place),
        place.join('.'),
        `is nothing for an upstream with ${upstreamKinds[kind].mark}`,
        [...new Set(membersOfKind(kind).map((member) => member.path.split('.')[0]))].join(', '),
      )
    if (kind === 'module') this.#module(value, base, values)
    else this.#command(value, base, values)
    this.#bound(value, base, set)
    const env = fileValueAt(value, [...base, 'env'])
    if (isMembers(env)) this.#set(set, 'env', [...base, 'env'], textsOfMembers(env), '')
    const place = this.#place(this.#keyAt(base))
    if (nameShape.test(name)) this.upstreams.set(name, { kind, where: whereOf(place), place, values })
  }

  #endpoint(value: FileValue, name: string): void {
    const base = ['endpoints', name]
    const values = this.#members(value, base, endpointMembers)
    if (this.upstreams.has(name)) {
      const fault = `has the name of an upstream, and /mcp/${name} is the endpoint of that one`
      this.#add('config_name', this.#keyAt(base), base.join('.'), fault, `another name, such as ${name}-view`)
    } else if (nameShape.test(name)) this.endpoints.set(name, values)
  }

  #tenant(value: FileValue, name: string): void {
    const base = ['tenants', name]
    const values = this.#members(value, base, tenantMembers)
    const set = (key: string, found: ProvidedValue): void => void values.set(key, found)
    for (const part of tenantParts(value, base, this.#json)) this.#set(set, part.key, part.path, part.value, '')
    this.tenants.set(name, values)
  }

  #members(value: FileValue, base: Path, members: readonly PlacedMember[]): Map<string, ProvidedValue> {
    const values = new Map<string, ProvidedValue>()
    for (const { key, option, path } of members)
      this.#option(value, [...base, ...path.split('.')], key, option, (name, found) => void values.set(name, found))
    return values
  }

  #command(value: FileValue, base: Path, values: Map<string, ProvidedValue>): void {
    const command = fileValueAt(value, [...base, 'command'])
    const given = fileValueAt(value, [...base, 'args'])
    const args = isMembers(given) ? undefined : given
    const path = [...base, 'command']
    const program = programOf(command, args)
    const list = splitLine(command, args)
    if (list !== undefined) {
      const fault = 'is a whole command line, and no shell splits it'
      const accepted = 'a program, or a list of the program and its arguments'
      this.#add('config_command', this.#fileValueAt(path), this.#named(path), fault, accepted, list)
    } else if (!this.#spots.has(pathKey(path)) && isMembers(fileValueAt(value, base)))
      this.#add(
        'config_command',
        this.#keyAt(base),
        this.#named(base),
        'has no command',
        'command: [program, argument]',
      )
    const set = (key: string, found: ProvidedValue): void => void values.set(key, found)
    // Without a program there is a problem already, and a second one would only repeat it.
    this.#set(set, 'command', path, program?.command ?? 'none', showWord(program?.command ?? ''))
    const place = args !== undefined ? [...base, 'args'] : path
    this.#set(set, 'args', place, program?.args ?? [], '')
  }

  /** Arguments of tools: `boundArgs`, or `args` as a mapping. */
  #bound(value: FileValue, base: Path, set: Setter): void {
    const [path, second] = ['boundArgs', 'args']
      .map((key) => [...base, key])
      .filter((one) => isMembers(fileValueAt(value, one)))
    if (!path) return
    if (second) {
      const fault = `is the same option as ${path.join('.')}, if it is a mapping`
      this.#add('config_structure', this.#keyAt(second), second.join('.'), fault, 'one of the two')
    }
    const found = this.#json(fileValueAt(value, path), path)
    if (isJsonObject(found)) this.#set(set, 'boundArgs', path, found, '')
    else
      this.#add('config_name', this.#keyAt(path), path.join('.'), 'has a name that no argument can have', 'other names')
  }

  /** The path of a module is relative to the folder of the file. */
  #module(value: FileValue, base: Path, values: Map<string, ProvidedValue>): void {
    const path = [...base, 'module']
    const module = fileValueAt(value, path)
    const file = typeof module === 'string' && module.trim() !== '' ? resolve(dirname(this.#source.path), module) : ''
    this.#set((key, found) => void values.set(key, found), 'module', path, file, showWord(file))
  }

  #option(value: FileValue, path: Path, key: string, option: Option, set: Setter): void {
    const texts = textsOf(option, fileValueAt(value, path))
    if (!texts) return
    const { reading, marked } = readMarked(option, texts)
    // The structure has reported it.
    if ('fault' in reading) return
    this.#putIn.accepted(path, option, texts.length)
    const shown = this.#quote(path)
    if (marked !== undefined) this.#set(set, marked, path, true, shown)
    this.#set(set, key, path, this.#resolved(option, reading.value), shown)
    const meant = meantUnit(option, texts[0] ?? '')
    if (meant === undefined) return
    const fault = `is ${writeValue(option, reading.value)}: a bare number is milliseconds`
    this.warnings.push(
      this.tell('config_duration', this.#fileValueAt(path), this.#named(path), fault, undefined, meant),
    )
  }

  /** Paths are relative to the folder of the file. */
  #resolved(option: Option, value: unknown): unknown {
    if (option.kind !== 'text' || option.isPath !== true || typeof value !== 'string') return value
    return resolve(dirname(this.#source.path), value)
  }

  #set(set: Setter, key: string, path: Path, value: unknown, quote: string): void {
    const place = this.#place(this.#fileValueAt(path))
    set(key, { value, where: whereOf(place), quote: `${path.join('.')} ${quote}`.trim(), place })
  }

  #add(code: Problem['code'], span: TextSpan, subject: string, fault: string, accepted: string, meant?: string): void {
    this.problems.push(this.tell(code, span, subject, fault, accepted, meant))
  }

  tellStructure({ code, path, isKey, fault, meant, accepted }: StructureProblem): Problem {
    const span = isKey ? this.#keyAt(path) : this.#fileValueAt(path)
    const subject = isKey ? `"${path.at(-1) ?? ''}"` : this.#named(path)
    return this.tell(code, span, subject, fault, accepted, meant)
  }

  /** A problem in words. @param subject what the sentence is about */
  tell(
    code: Problem['code'],
    span: TextSpan,
    subject: string,
    fault: string,
    accepted?: string,
    meant?: string,
  ): Problem {
    const place = this.#place(span, fault.replace(/^is /, ''))
    const question = meant === undefined ? '' : `; did you mean ${meant}?`
    const message = terminalSafeLine(`${subject} ${fault}${question}`.trim(), maxMessage)
    return {
      code,
      where: whereOf(place),
      message,
      notes: accepted === undefined ? [] : [['accepted', accepted]],
      place,
    }
  }

  /** The name of a value with what stands there: `limits.idleTimeout "5 minuets"`. */
  #named(path: Path): string {
    return `${path.join('.')} ${this.#quote(path)}`.trim()
  }

  #quote(path: Path): string {
    const spot = this.#spots.get(pathKey(path))
    if (spot?.source === undefined) return ''
    return this.#secrets.some(({ start }) => start === spot.value.start) ? '***' : showWord(spot.source)
  }

  textAt(span: TextSpan, code: Problem['code']): string {
    const { file, text } = this.#source
    return wordAt({ file, text, secrets: code === 'config_variable' ? [] : this.#secrets }, span)
  }

  #place(span: TextSpan, label?: string): FilePlace {
    return placeOf({ file: this.#source.file, text: this.#source.text, secrets: this.#secrets }, span, label)
  }

  #fileValueAt(path: Path): TextSpan {
    return this.#spots.get(pathKey(path))?.value ?? this.#keyAt(path)
  }

  /** Where a key stands, or the nearest part of the file around it. */
  #keyAt(path: Path): TextSpan {
    for (let length = path.length; length > 0; length--) {
      const spot = this.#spots.get(pathKey(path.slice(0, length)))
      if (spot) return spot.key ?? spot.value
    }
    return { start: 0, end: 0 }
  }
}

/** Takes a value by the key of its option. */
type Setter = (key: string, value: ProvidedValue) => void

const aServer = 'upstreams: { NAME: { command: [program, argument] } }'
