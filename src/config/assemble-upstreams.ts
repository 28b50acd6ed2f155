/** Assembles the settings of each upstream and of each named endpoint. */
import { membersInView, namesProblems, strayPatterns } from '../router/options.ts'
import { endpointOptions, type EndpointSettings } from '../gateway/options.ts'
import { upstreamOptions, type UpstreamSetup } from '../upstreams/options.ts'
import type { Environment } from './environment.ts'
import { idleSettings } from './idle-settings.ts'
import { nameShape } from './name-shape.ts'
import { type Problem, whereOf } from './problem.ts'
import { type Provided, type ProvidedSettings, type ProvidedUpstream, spotOf } from './provided.ts'
import { completeSlice, plainDefault } from './slice.ts'
import { upstreamKinds, upstreamRows } from './upstream-kinds.ts'

/**
 * The complete settings of each upstream.
 * @param standards the values of all upstreams that do not have their own, by key
 */
export function assembleUpstreams(
  provided: ReadonlyMap<string, ProvidedUpstream>,
  standards: ReadonlyMap<string, unknown>,
  machine: Environment,
): Record<string, UpstreamSetup> {
  const setups = [...provided].map(([name, one]): [string, UpstreamSetup] => {
    const values = new Map(
      Object.entries(upstreamRows(one.kind)).map(([key, option]) => {
        const ofKind = upstreamKinds[one.kind].standards[key]
        const common = Object.hasOwn(upstreamOptions, key) ? standards.get(key) : plainDefault(option)
        const standard = ofKind ?? common
        return [key, one.values.get(key)?.value ?? standard]
      }),
    )
    upstreamKinds[one.kind].derive(values, machine)
    return [name, upstreamKinds[one.kind].complete(`upstream ${name}`, values)]
  })
  return Object.fromEntries(setups)
}

/** The complete settings of each named endpoint. */
export function assembleEndpoints(provided: ReadonlyMap<string, Provided>): Record<string, EndpointSettings> {
  return Object.fromEntries(
    [...provided].map(([name, own]) => {
      const values = Object.entries(endpointOptions).map(
        ([key, option]) => [key, own.get(key)?.value ?? plainDefault(option)] as const,
      )
      return [name, completeSlice<EndpointSettings>(`endpoint ${name}`, endpointOptions, new Map(values))]
    }),
  )
}

/** What is wrong with the upstreams and endpoints as a whole. */
export function checkUpstreams(provided: ProvidedSettings): Problem[] {
  const { upstreams, endpoints, aliases, aliasPlaces } = provided
  const problems: Problem[] = []
  if (upstreams.size === 0)
    problems.push({ code: 'config_command', where: 'upstreams', message: 'there is no server to serve', notes: [] })
  for (const [name, { kind, where, values }] of upstreams) {
    const { mark, missing } = upstreamKinds[kind]
    const value = values.get(mark)
    if (!nameShape.test(name)) problems.push(badName(where, name))
    if (value === undefined || (typeof value.value === 'string' && value.value.trim() === ''))
      problems.push({ code: 'config_command', ...spotOf(value, `${where}.${mark}`), message: missing, notes: [] })
    const isolate = values.get('isolate')
    if (isolate?.value === true && typeof value?.value === 'function')
      problems.push({
        code: 'config_value',
        ...spotOf(isolate),
        message: `${isolate.quote} needs the path of a module: a function cannot run in another thread`,
        notes: [['try', 'the function in a file of its own, and the path of that file as the module']],
      })
  }
  for (const [name, own] of endpoints) {
    const where = `endpoints.${name}`
    const tools = own.get('tools')
    const patterns: unknown = tools?.value
    if (Array.isArray(patterns) && !showsAnything(patterns, [...upstreams.keys()], aliases))
      problems.push({
        code: 'config_value',
        ...spotOf(tools, where),
        message: `${tools?.quote ?? where} shows no tool: its patterns begin with the name of no upstream, or take away all that they show`,
        notes: [['accepted', `patterns such as ${[...upstreams.keys()][0] ?? 'NAME'}__*`]],
      })
    if (!nameShape.test(name)) problems.push(badName(where, name))
    if (upstreams.has(name))
      problems.push({
        code: 'config_name',
        where,
        message: `${where} has the name of an upstream, and /mcp/${name} is the endpoint of that upstream`,
        notes: [['try', `another name for the endpoint, such as ${name}-view`]],
      })
  }
  problems.push(...idleSettings(provided))
  const names = [...upstreams.keys()].filter((name) => nameShape.test(name))
  for (const { of, message } of namesProblems(names, Object.fromEntries(aliases ?? []))) {
    const place = 'upstream' in of ? upstreams.get(of.upstream)?.place : aliasPlaces?.get(of.alias)
    const where = 'upstream' in of ? 'upstreams' : `aliases.${of.alias}`
    problems.push({
      code: 'config_name',
      ...spotOf(place && { where: whereOf(place), place }, where),
      message,
      notes: [],
    })
  }
  return problems
}

/** Patterns of endpoints that are probably misspelt, or meant for an upstream that is gone. */
export function strayPatternProblems({ upstreams, endpoints, aliases }: ProvidedSettings): Problem[] {
  return [...endpoints].flatMap(([name, own]) => {
    const tools = own.get('tools')
    const written: readonly unknown[] = Array.isArray(tools?.value) ? tools.value : []
    const patterns = written.filter((pattern) => typeof pattern === 'string')
    return strayPatterns({ tools: patterns }, [...upstreams.keys()], Object.fromEntries(aliases ?? [])).map(
      (pattern): Problem => ({
        code: 'config_value',
        ...spotOf(tools, `endpoints.${name}`),
        message: `endpoints.${name}.tools: the pattern "${pattern}" begins with the name of no upstream`,
        notes: [['accepted', `patterns such as ${[...upstreams.keys()][0] ?? 'NAME'}__*`]],
      }),
    )
  })
}

function showsAnything(
  patterns: readonly unknown[],
  upstreams: readonly string[],
  aliases: ReadonlyMap<string, string> = new Map(),
): boolean {
  const tools = patterns.filter((pattern) => typeof pattern === 'string')
  return upstreams.length === 0 || membersInView({ tools }, upstreams, Object.fromEntries(aliases)).length > 0
}

export function badName(where: string, name: string): Problem {
  return {
    code: 'config_name',
    where,
    message: `${where}: ${JSON.stringify(name)} cannot be a name`,
    notes: [
      ['accepted', 'letters, digits, _ and -, at most 64: the name is a part of paths and of the names of tools'],
    ],
  }
}
