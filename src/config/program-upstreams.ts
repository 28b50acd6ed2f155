/** Reads the settings that a program gives: each value is checked by its row. */
import { endpointOptions } from '../gateway/options.ts'
import { tenantOptions } from '../tenants/options.ts'
import type { Problem } from './problem.ts'
import type { Provided, ProvidedUpstream, ProvidedValue } from './provided.ts'
import { checkOption } from './read-option.ts'
import { shownValue } from './secret-options.ts'
import type { CheckGiven, Rows } from './slice.ts'
import { checkByUpstream } from './tenant-own.ts'
import { unknownKey } from './unknown-key.ts'
import { kindOf, upstreamKinds, upstreamRows } from './upstream-kinds.ts'

/** Settings whose values may be secrets: no problem quotes one. */
const secrets = new Set(['env', 'boundArgs', 'args'])

/**
 * The values of one slice of settings by key. A member that is unknown or not accepted is added to `problems`.
 * @param where the place of the slice, such as `http`
 */
export function readSlice(
  where: string,
  slice: unknown,
  rows: Rows,
  problems: Problem[],
  checkGiven: CheckGiven = () => undefined,
): Provided {
  const provided = new Map<string, ProvidedValue>()
  if (slice === undefined) return provided
  if (!isMembers(slice)) {
    problems.push({ code: 'config_value', where, message: `${where} is not an object of settings`, notes: [] })
    return provided
  }
  for (const [key, value] of Object.entries(slice)) {
    const path = where === '' ? key : `${where}.${key}`
    const option = Object.hasOwn(rows, key) ? rows[key] : undefined
    if (!option) {
      const known = Object.keys(rows).map((name) => `${where}.${name}`)
      problems.push(unknownKey(path, known))
    } else if (value !== undefined) {
      const shown = secrets.has(key) ? '' : `${shownValue(option, value)} `
      const fault = checkOption(option, value) ?? checkGiven(key, value)
      provided.set(key, { value, where: path, quote: `${path} ${shown}`.trimEnd() })
      if (fault)
        problems.push({
          code: fault.code,
          where: path,
          message: `${path} ${shown}${fault.fault}`,
          notes: [['accepted', fault.accepted]],
        })
    }
  }
  return provided
}

/** The upstreams of a program: `upstream` is the short form for one, which is named `server`. */
export function programUpstreams(
  upstream: unknown,
  upstreams: unknown,
  problems: Problem[],
): ReadonlyMap<string, ProvidedUpstream> {
  if (upstreams === undefined) return new Map([['server', programUpstream('upstream', upstream ?? {}, problems)]])
  if (upstream !== undefined)
    problems.push({
      code: 'config_unknown_key',
      where: 'upstream',
      message: 'upstream is not known beside upstreams',
      notes: [['try', 'its settings under a name in upstreams']],
    })
  return new Map(
    membersOf('upstreams', upstreams, problems).map(([name, one]) => [
      name,
      programUpstream(`upstreams.${name}`, one, problems),
    ]),
  )
}

function programUpstream(where: string, given: unknown, problems: Problem[]): ProvidedUpstream {
  const kind = kindOf(isMembers(given) ? Object.keys(given) : [])
  const { checkGiven } = upstreamKinds[kind]
  return { kind, where, values: readSlice(where, given, upstreamRows(kind), problems, checkGiven) }
}

/** The named endpoints of a program. */
export function programEndpoints(endpoints: unknown, problems: Problem[]): ReadonlyMap<string, Provided> {
  return new Map(
    membersOf('endpoints', endpoints ?? {}, problems).map(([name, one]) => [
      name,
      readSlice(`endpoints.${name}`, one, endpointOptions, problems),
    ]),
  )
}

/** The tenants of a program. */
export function programTenants(tenants: unknown, problems: Problem[]): ReadonlyMap<string, Provided> {
  return new Map(
    membersOf('tenants', tenants ?? {}, problems).map(([name, one]) => [
      name,
      readSlice(`tenants.${name}`, one, tenantOptions, problems, checkByUpstream),
    ]),
  )
}

/** The aliases of a program. */
export function programAliases(aliases: unknown, problems: Problem[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [alias, name] of membersOf('aliases', aliases ?? {}, problems)) {
    const where = `aliases.${alias}`
    if (typeof name === 'string') found.set(alias, name)
    else problems.push({ code: 'config_value', where, message: `${where} is not the name of a tool`, notes: [] })
  }
  return found
}

function membersOf(where: string, value: unknown, problems: Problem[]): ReadonlyArray<[string, unknown]> {
  if (isMembers(value)) return Object.entries(value)
  problems.push({ code: 'config_value', where, message: `${where} is not an object of settings by name`, notes: [] })
  return []
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
