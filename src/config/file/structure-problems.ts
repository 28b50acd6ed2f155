/** Tells the problems of the structure of a file, as zod finds them, in words for people, with names that were meant. */
import type { z } from 'zod'
import { didYouMean } from '../../base/did-you-mean.ts'
import type { ConfigCode } from '../problem.ts'
import { insteadOf } from './not-yet.ts'
import { type FileValue, fileValueAt, namesIn } from './file-value.ts'
import type { TextSpan } from './frame.ts'
import { type Path, pathKey, type Spot } from './read-yaml.ts'
import { endpointMembers, tenantMembers, upstreamMembers, type ValueFault } from './structure.ts'
import { sharedOptions } from '../schema.ts'

/** A problem at a place of the structure. */
export interface StructureProblem {
  readonly code: ConfigCode
  readonly path: Path
  /** Whether the key is wrong, and not the value. */
  readonly isKey: boolean
  /** Completes a sentence that begins with the name and what stands there. */
  readonly fault: string
  readonly meant?: string | undefined
  readonly accepted?: string | undefined
}

/** @param value what the file holds */
export function structureProblems(issues: readonly z.core.$ZodIssue[], value: FileValue): StructureProblem[] {
  return [...unseenNames(value), ...issues.flatMap(problemOf)]
}

/** Where mappings with an unknown key stand: under a misspelt `env` there are secrets, too. */
export function unknownMappings(
  problems: readonly StructureProblem[],
  spots: ReadonlyMap<string, Spot>,
): readonly TextSpan[] {
  return problems.flatMap(({ code, path }) => {
    const spot = code === 'config_unknown_key' ? spots.get(pathKey(path)) : undefined
    return spot && spot.source === undefined ? [spot.value] : []
  })
}

/** The parts of a file whose members have names. */
const named: readonly string[] = ['upstreams', 'endpoints', 'tenants']

/** Zod passes over this name, since objects with a prototype cannot have it. Aliases are checked with all others. */
function unseenNames(value: FileValue): StructureProblem[] {
  const paths = named.map((key) => [key, '__proto__'])
  const found = paths.filter(([key = '', name = '']) => namesIn(fileValueAt(value, [key])).includes(name))
  return found.map((path) => ({ ...badName, path }))
}

const badName = {
  code: 'config_name',
  isKey: true,
  fault: 'cannot be a name here',
  accepted: 'at most 64 letters, digits, - and _',
} as const

function problemOf(issue: z.core.$ZodIssue): StructureProblem | StructureProblem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownMember([...path, key]))
    case 'invalid_key':
      if (path.at(-2) !== 'env') return { ...badName, path }
      return { ...badName, code: 'config_variable', path, accepted: 'letters, digits and _, no digit first' }
    case 'custom':
      return { path, isKey: false, ...(issue.params?.['fault'] as ValueFault) }
    case 'invalid_value':
      return { code: 'config_choice', path, isKey: false, fault: 'is not known', accepted: issue.values.join(' or ') }
    case 'invalid_type':
      return wrongForm(path, [issue.expected])
    case 'invalid_union':
      return wrongForm(path, ['string', 'array'])
    default:
      return { code: 'config_structure', path, isKey: false, fault: 'is empty', accepted: 'at least one' }
  }
}

const forms: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
}

function wrongForm(path: Path, expected: readonly string[]): StructureProblem {
  const words = expected.map((form) => forms[form] ?? form).join(' or ')
  return { code: 'config_structure', path, isKey: false, fault: `is not ${words}`, accepted: words }
}

function unknownMember(path: Path): StructureProblem {
  const key = String(path.at(-1))
  const problem = { code: 'config_unknown_key', path, isKey: true, fault: 'is not known here' } as const
  const instead = insteadOf(path.join('.'))
  if (instead !== undefined) return { ...problem, fault: `is not known here: ${instead}` }
  const known = knownBeside(path)
  const meant = didYouMean(key, known) ?? elsewhere(path)
  return { ...problem, meant, ...(meant === undefined && { accepted: known.join(', ') }) }
}

/** All paths of a file; a star stands for a name. */
const paths: readonly string[] = [
  'version',
  'aliases.*',
  ...sharedOptions.flatMap(({ path, option }) => [path, ...(option.aliases ?? [])]),
  ...upstreamMembers.map(({ path }) => `upstreams.*.${path}`),
  ...endpointMembers.map(({ path }) => `endpoints.*.${path}`),
  ...tenantMembers.map(({ path }) => `tenants.*.${path}`),
]

/** The names that are known where an unknown one stands. */
function knownBeside(path: Path): string[] {
  const parent = placeInFile(path).slice(0, -1)
  const below = paths.map((known) => known.split('.')).filter((known) => parent.every((part, at) => known[at] === part))
  return [...new Set(below.flatMap((known) => known[parent.length] ?? []))].filter((name) => name !== '*')
}

/** The path with stars for names. */
function placeInFile(path: Path): string[] {
  return path.map((part, at) => (at === 1 && named.includes(String(path[0])) ? '*' : String(part)))
}

/** The option of the same name in another part of the file. */
function elsewhere(path: Path): string | undefined {
  const key = String(path.at(-1)).toLowerCase()
  const isOfUpstream = path[0] === 'upstreams'
  const found = paths.find(
    (known) => known.split('.').at(-1)?.toLowerCase() === key && known.startsWith('upstreams') === isOfUpstream,
  )
  if (found === undefined && path[0] === 'upstream') return `upstreams.${key}`
  return found?.replace('upstreams.*.', '')
}
