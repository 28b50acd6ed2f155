/**
 * The structure of a file as a zod schema around the option rows: each row is one member, at its path. Everything else
 * about an option (what it accepts, its default, its reason) stays in its row.
 */
import { z } from 'zod'
import { nameShape } from '../name-shape.ts'
import type { Option } from '../../base/option.ts'
import { endpointOptions, aliasOptions } from '../../gateway/options.ts'
import { tenantOptions } from '../../tenants/options.ts'
import { upstreamOptions } from '../../upstreams/options.ts'
import { readMarked } from '../read-option.ts'
import { sharedOptions } from '../schema.ts'
import type { Rows } from '../slice.ts'
import { type UpstreamKind, upstreamKinds, upstreamRows } from '../upstream-kinds.ts'
import { suggestValue } from '../suggest-value.ts'
import type { ConfigCode } from '../problem.ts'
import { type FileValue, fileValueAt, isMembers } from './file-value.ts'
import type { Path } from './read-yaml.ts'
import { givenShape, tenantShape } from './given-shapes.ts'
import { jsonOf } from './json-types.ts'

/** Why a value is not accepted; `fault` completes a sentence that begins with the value. */
export interface ValueFault {
  readonly code: ConfigCode
  readonly fault: string
  readonly accepted: string
  readonly meant: string | undefined
}

/** An option of an upstream, an endpoint or a tenant, with its path there. */
export interface PlacedMember {
  readonly key: string
  readonly option: Option
  readonly path: string
}

/** The options of an upstream of a kind. */
export function membersOfKind(kind: UpstreamKind): readonly PlacedMember[] {
  return membersIn(upstreamRows(kind))
}

/** The options of upstreams of all kinds. */
export const upstreamMembers: readonly PlacedMember[] = membersIn(
  Object.assign({}, ...Object.values(upstreamKinds).map(({ options }) => options), upstreamOptions),
)

/** What stands at an upstream of a kind and is for other kinds, by its path. @param base the path of the upstream */
export function membersOfOthers(value: FileValue, base: Path, kind: UpstreamKind): Path[] {
  return upstreamMembers.flatMap(({ key, path }) => {
    const place = [...base, ...path.split('.')]
    const found = fileValueAt(value, place)
    const isOwn = Object.hasOwn(upstreamRows(kind), key) || (key === 'args' && isMembers(found))
    return isOwn || found === undefined ? [] : [place]
  })
}

export const endpointMembers: readonly PlacedMember[] = membersIn(endpointOptions)

export const tenantMembers: readonly PlacedMember[] = membersIn(tenantOptions)

function membersIn(rows: Rows): PlacedMember[] {
  return Object.entries<Option>(rows).map(([key, option]) => {
    const path = option.path?.replace(/^[^.]*\./, '') ?? key.replace(/(Ms|Bytes)$/, '')
    return { key, option, path: option.member ?? path }
  })
}

/** The structure of a whole file; its issues are read by structure-problems.ts. */
export function fileStructure(): z.ZodType {
  const tree = branch()
  for (const { path, option } of sharedOptions) {
    insert(tree, path, field(option))
    for (const alias of option.aliases ?? [])
      insert(tree, alias, field(option).meta({ ...jsonOf(option), description: `Another name of ${path}.` }))
  }
  const upstream = branch()
  for (const { path, key, option } of upstreamMembers)
    insert(upstream, path, option.kind === 'given' ? givenShape(key) : field(option))
  const endpoint = branch()
  for (const { path, option } of endpointMembers) insert(endpoint, path, field(option))
  const tenant = branch()
  for (const { path, key, option } of tenantMembers)
    insert(tenant, path, option.kind === 'given' ? tenantShape(key) : field(option))
  insert(
    tree,
    'version',
    z
      .literal('1')
      // In a file it is a number; the reader of files makes a text of each value.
      .meta({
        type: ['integer', 'string'],
        const: undefined,
        enum: [1, '1'],
        description: 'The version of the form of this file.',
      })
      .optional(),
  )
  const upstreams = z
    .record(z.string().regex(nameShape), objectOf(upstream))
    .meta({ description: 'The MCP servers, by name. Each is also served alone, at /mcp/NAME.' })
  insert(tree, 'upstreams', upstreams.optional())
  const endpoints = z
    .record(z.string().regex(nameShape), objectOf(endpoint))
    .meta({ description: 'Further endpoints at /mcp/NAME, each with a part of all tools.' })
  insert(tree, 'endpoints', endpoints.optional())
  const tenants = z.record(z.string().regex(nameShape), objectOf(tenant)).meta({
    description:
      'What each tenant may use, by the name of the tenant. Values of `default` hold for each tenant that has none of its own.',
  })
  insert(tree, 'tenants', tenants.optional())
  const aliases = z.record(z.string(), z.string()).meta({ description: aliasOptions.aliases.about })
  insert(tree, 'aliases', aliases.optional())
  return objectOf(tree)
}

interface Branch {
  readonly members: Map<string, Branch | z.ZodType>
}

function branch(): Branch {
  return { members: new Map() }
}

function insert(tree: Branch, path: string, leaf: z.ZodType): void {
  const parts = path.split('.')
  const last = parts.pop() ?? ''
  let at = tree
  for (const part of parts) {
    const found = at.members.get(part)
    const next = found && 'members' in found ? found : branch()
    at.members.set(part, next)
    at = next
  }
  at.members.set(last, leaf)
}

function objectOf({ members }: Branch): z.ZodType {
  const shape = [...members].map(([name, found]) => [name, 'members' in found ? objectOf(found).optional() : found])
  return z.strictObject(Object.fromEntries(shape))
}

/** One option as text, or as a list of texts. */
function field(option: Option): z.ZodType {
  return z
    .unknown()
    .superRefine((value, context) => {
      const fault = faultOf(option, value)
      if (fault) context.addIssue({ code: 'custom', params: { fault } })
    })
    .meta(jsonOf(option))
    .optional()
}

function faultOf(option: Option, value: unknown): ValueFault | undefined {
  const texts = textsOf(option, value)
  if (texts === undefined) {
    const accepted = option.kind === 'list' ? 'a list of texts' : 'one value'
    return {
      code: 'config_structure',
      fault: Array.isArray(value) ? 'is a list' : 'is a mapping',
      accepted,
      meant: undefined,
    }
  }
  const { reading } = readMarked(option, texts)
  if (!('fault' in reading)) return undefined
  return { ...reading, meant: suggestValue(option, texts.at(-1) ?? '') }
}

/** The members of a mapping of texts as `name=value`; undefined for anything else. */
function pairsOf(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  return members.every(([, one]) => typeof one === 'string')
    ? members.map(([name, one]) => `${name}=${one}`)
    : undefined
}

/** The texts of an option in a file; undefined if it has another form there. */
export function textsOf(option: Option, value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value]
  const pairs = (option.kind === 'text' || option.kind === 'list') && option.pairs ? pairsOf(value) : undefined
  if (pairs) return option.kind === 'text' ? [pairs.join(', ')] : pairs
  const isList = option.kind === 'list' && Array.isArray(value) && value.every((item) => typeof item === 'string')
  return isList ? value : undefined
}
