/**
 * What a tenant has of its own at upstreams: variables (`env`) and arguments of tools (`args`), by the name of the
 * upstream. Those of the tenant `default` hold for each upstream at which a tenant says nothing itself. Pure.
 */
import { isObject } from '../base/json.ts'
import { didYouMean } from '../base/did-you-mean.ts'
import { isJsonObject } from './json-object.ts'
import type { Problem } from './problem.ts'
import { type ProvidedSettings, type ProvidedUpstream, type ProvidedValue, spotOf } from './provided.ts'
import type { Fault } from './read-option.ts'

/** The settings of a tenant that are by upstream. */
export const byUpstream: ReadonlySet<string> = new Set(['env', 'args'])

/** The values of a tenant for its upstreams, and those of `default` for the others. */
export function mergedByUpstream(own: ProvidedValue | undefined, standard: ProvidedValue | undefined): unknown {
  if (!isObject(own?.value)) return own?.value ?? standard?.value
  return isObject(standard?.value) ? { ...standard.value, ...own.value } : own.value
}

/** Why a value of a tenant by upstream is not accepted; undefined if it is. */
export function checkByUpstream(key: string, value: unknown): Fault | undefined {
  if (key === 'env' && !(isObject(value) && Object.values(value).every(areVariables)))
    return {
      code: 'config_variable',
      fault: 'is no mapping of servers to variables',
      accepted: 'names of servers, each with names of variables and their texts',
    }
  if (key === 'args' && !(isObject(value) && Object.values(value).every(isJsonObject)))
    return {
      code: 'config_value',
      fault: 'is no mapping of servers to arguments',
      accepted: 'names of servers, each with names of arguments and values that JSON can hold',
    }
  return undefined
}

function areVariables(value: unknown): boolean {
  if (!isObject(value)) return false
  return Object.entries(value).every(
    ([name, text]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && typeof text === 'string' && !text.includes('\0'),
  )
}

/** What cannot be given to the upstreams that are named: unknown ones, modules, and those whose workers all callers share. */
export function ownProblems(name: string, own: ReadonlyMap<string, ProvidedValue>, all: ProvidedSettings): Problem[] {
  return [...byUpstream].flatMap((key) => {
    const value = own.get(key)
    if (!isObject(value?.value)) return []
    return Object.keys(value.value).flatMap((upstream): Problem[] => {
      const where = `tenants.${name}.${key}.${upstream}`
      const found = all.upstreams.get(upstream)
      if (!found) return [unknown(where, value, upstream, [...all.upstreams.keys()])]
      if (key === 'args') return []
      if (found.kind === 'module') return [ofModule(where, value)]
      const shared = sharedBy(found, all)
      return shared ? [ofAll(where, value, upstream, shared)] : []
    })
  })
}

function unknown(where: string, value: ProvidedValue, upstream: string, known: readonly string[]): Problem {
  const meant = didYouMean(upstream, known)
  return {
    code: 'config_value',
    ...spotOf(value),
    message: `${where} is of no upstream${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    notes: [['accepted', known.join(', ')]],
  }
}

function ofModule(where: string, value: ProvidedValue): Problem {
  return {
    code: 'config_value',
    ...spotOf(value),
    message: `${where} is for a module, which runs in mcplex itself and has no variables of its own`,
    notes: [
      ['try', 'useCall().tenant in its tools, and a secret for each tenant that the module reads itself'],
      ['or', 'a server with a command'],
    ],
  }
}

function ofAll(where: string, value: ProvidedValue, upstream: string, setting: string): Problem {
  const isMode = setting === 'mode'
  return {
    code: 'config_value',
    ...spotOf(value),
    message: `${where} is for one tenant, and upstreams.${upstream}.${setting} is shared: one process works for all tenants`,
    notes: [
      ['try', `upstreams.${upstream}.${setting}: ${isMode ? 'tenant' : 'principal'}`],
      ['or', `the variables in upstreams.${upstream}.env, if each tenant may use them`],
    ],
  }
}

/** The setting that says that all callers share workers of the upstream, if one does. */
function sharedBy({ values }: ProvidedUpstream, all: ProvidedSettings): 'mode' | 'stateless' | undefined {
  return (['mode', 'stateless'] as const).find(
    (key) => (values.get(key) ?? all.values.get(`upstream.${key}`))?.value === 'shared',
  )
}
