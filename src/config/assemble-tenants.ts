/** Assembles the settings of each tenant: its own, those of the tenant `default` for the rest, and the checks of both. */
import { idlePatterns, strayPatterns } from '../router/options.ts'
import { tenantOptions, type TenantSettings } from '../tenants/options.ts'
import { badName } from './assemble-upstreams.ts'
import { nameShape } from './name-shape.ts'
import type { Problem } from './problem.ts'
import { type Provided, type ProvidedSettings, type ProvidedValue, spotOf } from './provided.ts'
import { completeSlice, plainDefault } from './slice.ts'
import { limitsProblems } from './tenant-limits.ts'
import { byUpstream, checkByUpstream, mergedByUpstream, ownProblems } from './tenant-own.ts'

type Tenants = NonNullable<ProvidedSettings['tenants']>

/** The tenant whose values hold for every other one that has no value of its own. */
const standard = 'default'

/** What the tenant `default` says for tenants without a name alone. */
const ownOnly: ReadonlySet<string> = new Set(['limitsOf'])

/** The complete settings of each tenant. */
export function assembleTenants(tenants: Tenants = new Map()): Record<string, TenantSettings> {
  return Object.fromEntries(
    [...tenants.keys()].map((name) => {
      const values = Object.entries(tenantOptions).map(
        ([key, option]) => [key, valueOf(tenants, name, key) ?? plainDefault(option)] as const,
      )
      return [name, completeSlice<TenantSettings>(`tenant ${name}`, tenantOptions, new Map(values), checkByUpstream)]
    }),
  )
}

function valueOf(tenants: Tenants, name: string, key: string): unknown {
  return byUpstream.has(key)
    ? mergedByUpstream(tenants.get(name)?.get(key), tenants.get(standard)?.get(key))
    : providedOf(tenants, name, key)?.value
}

/** Where a value of a tenant is from: its own section, or that of the tenant `default`; undefined if neither has one. */
export function providedOf(tenants: Tenants, name: string, key: string): ProvidedValue | undefined {
  const own = tenants.get(name)?.get(key)
  return own ?? (ownOnly.has(key) ? undefined : tenants.get(standard)?.get(key))
}

/** What is wrong with the tenants. */
export function checkTenants(provided: ProvidedSettings): Problem[] {
  const { tenants = new Map<string, Provided>() } = provided
  return [...tenants].flatMap(([name, own]) => [
    ...ownProblems(name, own, provided),
    ...limitsProblems(name, own, tenants),
    ...(nameShape.test(name) ? [] : [badName(`tenants.${name}`, name)]),
    // An empty list would read as nothing, and mean everything.
    ...[...own].flatMap(([key, value]): Problem[] => {
      if (!Array.isArray(value.value) || value.value.length > 0) return []
      const message = `tenants.${name}.${key} is an empty list, which does not say what is meant`
      const notes: Problem['notes'] = [['try', `${key}: ["!*"] for nothing, or leave ${key} out`]]
      return [{ code: 'config_value', ...spotOf(value), message, notes }]
    }),
  ])
}

/** Tenants that may use nothing, and patterns that match nothing there is: both are probably not meant. */
export function tenantWarnings({ tenants = new Map(), upstreams, endpoints, aliases }: ProvidedSettings): Problem[] {
  const all = [...upstreams.keys()]
  const paths = [['/mcp'], ...[...all, ...endpoints.keys()].map((name) => [name, `/mcp/${name}`])]
  const holders = new Set([...tenants.values()].map((own) => own.get('limitsOf')?.value))
  const nothing = [...tenants.keys()].filter(
    (name) =>
      !holders.has(name) &&
      (['upstreams', 'tools', 'prompts', 'resources'] as const).every(
        (key) => patternsIn(providedOf(tenants, name, key)).length === 0,
      ),
  )
  return [
    ...nothing.map((name): Problem => {
      const message = `tenants.${name} may use nothing: it names neither upstreams nor tools, and nothing is allowed by default`
      const notes: Problem['notes'] = [['try', `upstreams: [${all[0] ?? 'NAME'}], or upstreams: ["*"] for all of them`]]
      return { code: 'config_value', where: `tenants.${name}`, message, notes }
    }),
    ...[...tenants].flatMap(([name, own]) => {
      const idle: Readonly<Record<string, (patterns: readonly string[]) => readonly string[]>> = {
        upstreams: (patterns) =>
          idlePatterns(
            patterns,
            all.map((one) => [one]),
          ),
        endpoints: (patterns) => idlePatterns(patterns, paths),
        tools: (patterns) => strayPatterns({ tools: patterns }, all, Object.fromEntries(aliases ?? [])),
        prompts: (patterns) => strayPatterns({ tools: patterns }, all, Object.fromEntries(aliases ?? [])),
      }
      return Object.entries(idle).flatMap(([key, idleIn]) => {
        const value = own.get(key)
        return idleIn(patternsIn(value)).map((pattern): Problem => {
          const what = key === 'endpoints' ? 'is of no endpoint' : 'is of no upstream'
          return {
            code: 'config_value',
            ...spotOf(value),
            message: `tenants.${name}.${key}: the pattern "${pattern}" ${what}`,
            notes: [['accepted', key === 'endpoints' ? paths.flat().join(', ') : all.join(', ')]],
          }
        })
      })
    }),
  ]
}

function patternsIn(value: ProvidedValue | undefined): readonly string[] {
  const found: readonly unknown[] = Array.isArray(value?.value) ? value.value : []
  return found.filter((pattern) => typeof pattern === 'string')
}
