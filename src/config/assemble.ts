/**
 * Assembles settings: the values that were provided, defaults for the rest, and the checks that involve more than one
 * option. The result is complete and frozen.
 */
import { autoMemory } from '../admission/options.ts'
import { isLoopback } from '../transports/http/options.ts'
import { autoPool, autoSpares } from '../upstreams/options.ts'
import { authProblems } from './auth-problems.ts'
import { assembleTenants, checkTenants } from './assemble-tenants.ts'
import { assembleEndpoints, assembleUpstreams, checkUpstreams } from './assemble-upstreams.ts'
import type { Environment } from './environment.ts'
import { policyProblems } from './policy-problems.ts'
import { ConfigError, type Problem } from './problem.ts'
import { programAliases, programEndpoints, programTenants, programUpstreams, readSlice } from './program-upstreams.ts'
import type { Provided, ProvidedSettings, ProvidedValue } from './provided.ts'
import { commandModules, type AllSettings, schema, type Slices, tables } from './schema.ts'
import type { PartialSettings, Settings } from './settings.ts'
import { completeSlice, plainDefault, type Rows } from './slice.ts'
import { unknownKey } from './unknown-key.ts'

/** The value of each option by `module.key`, not checked against its row yet. */
type Values = Map<string, unknown>

/**
 * Settings from what was provided.
 * @throws ConfigError with `problems` and all problems found here
 */
export function assemble(provided: ProvidedSettings, problems: readonly Problem[], machine: Environment): AllSettings {
  const values: Values = new Map()
  for (const { module, key, option } of schema) {
    const path = `${module}.${key}`
    values.set(path, provided.values.get(path)?.value ?? plainDefault(option))
  }
  derive(values, machine, provided.upstreams.size)
  const found = [
    ...problems,
    ...checkUpstreams(provided),
    ...checkTenants(provided),
    ...checkCombinations(values, provided.values),
  ]
  if (found.length > 0) throw new ConfigError(found)
  return freeze({
    http: sliceOf('http', values),
    auth: sliceOf('auth', values),
    policy: sliceOf('policy', values),
    upstreams: assembleUpstreams(provided.upstreams, membersOf('upstream', values), machine),
    endpoints: assembleEndpoints(provided.endpoints),
    aliases: Object.fromEntries(provided.aliases ?? []),
    tenants: assembleTenants(provided.tenants),
    limits: sliceOf('limits', values),
    sessions: sliceOf('sessions', values),
    log: sliceOf('log', values),
    clients: sliceOf('clients', values),
    admin: sliceOf('admin', values),
  })
}

/** Fills in the defaults that depend on the machine or on other options. */
function derive(values: Values, machine: Environment, upstreams: number): void {
  const fallBack = (path: string, value: unknown): void => void values.set(path, values.get(path) ?? value)
  fallBack('upstream.pool', autoPool(machine.memoryBytes, upstreams))
  fallBack('upstream.spares', autoSpares(upstreams))
  fallBack('limits.memoryBytes', autoMemory(machine.memoryBytes, machine.heapLimitBytes))
  fallBack('upstream.processIdleMs', values.get('sessions.idleTimeoutMs'))
}

function sliceOf<Module extends Exclude<keyof Slices, 'upstream'>>(module: Module, values: Values): Slices[Module] {
  return completeSlice<Slices[Module]>(module, tables[module], membersOf(module, values))
}

/** The values of a module by key. */
function membersOf(module: string, values: Values): Map<string, unknown> {
  return new Map(Object.keys(rowsOf(module)).map((key) => [key, values.get(`${module}.${key}`)]))
}

function rowsOf(module: string): Rows {
  return Object.fromEntries(schema.filter((row) => row.module === module).map(({ key, option }) => [key, option]))
}

/**
 * Settings for a program that embeds mcplex: its values are checked, the rest are defaults.
 * @throws ConfigError that names each member that is unknown or not accepted
 */
export function fillSettings(partial: PartialSettings, machine: Environment): Settings {
  const problems: Problem[] = []
  const provided = new Map<string, ProvidedValue>()
  const { upstream, upstreams, endpoints, aliases, tenants, ...modules } = partial
  for (const [module, slice] of Object.entries<unknown>(modules)) {
    const rows = commandModules.includes(module) ? {} : rowsOf(module)
    const known = schema.find(({ option }) => option.aliases?.includes(module))
    if (known) {
      const [value] = readSlice('', { [module]: slice }, { [module]: known.option }, problems).values()
      if (value) provided.set(`${known.module}.${known.key}`, value)
    } else if (Object.keys(rows).length === 0) problems.push(unknownKey(module, programModules))
    else for (const [key, value] of readSlice(module, slice, rows, problems)) provided.set(`${module}.${key}`, value)
  }
  const named = {
    upstreams: programUpstreams(upstream, upstreams, problems),
    endpoints: programEndpoints(endpoints, problems),
    aliases: programAliases(aliases, problems),
    tenants: programTenants(tenants, problems),
  }
  const all = assemble({ values: provided, ...named }, problems, machine)
  const { log: _log, clients: _clients, admin: _admin, ...settings } = all
  return Object.freeze(settings)
}

const programModules = [
  'limits',
  'sessions',
  'upstream',
  'upstreams',
  'endpoints',
  'aliases',
  'tenants',
  'http',
  'auth',
  'policy',
]

/** Problems of options that are each valid alone but not in combination. */
function checkCombinations(values: Values, provided: Provided): Problem[] {
  const problems: Problem[] = []
  const host = provided.get('http.host')
  if (
    host &&
    typeof host.value === 'string' &&
    !isLoopback(host.value) &&
    values.get('http.insecure') !== true &&
    isOpen(values) &&
    values.get('http.socket') === undefined &&
    values.get('clients.transport') === 'http'
  )
    problems.push({
      code: 'config_exposed',
      where: host.where,
      ...(host.place && { place: host.place }),
      message: `${host.quote} would open this server to the network without authentication`,
      notes: [
        ['why', 'anyone who can reach the port could run the tools of the server with your rights'],
        [
          'try',
          '--auth keys (auth.methods), with a key for each client (mcplex keys create); or host 127.0.0.1 behind a reverse proxy that authenticates',
        ],
        ['or', '--insecure (http.insecure in a program), if only trusted clients can reach this network'],
      ],
    })
  problems.push(...authProblems(values, provided), ...policyProblems(provided))
  const [tlsCert, tlsKey] = [values.get('http.tlsCert'), values.get('http.tlsKey')]
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [there, missing] = tlsKey === undefined ? ['http.tlsCert', '--tls-key'] : ['http.tlsKey', '--tls-cert']
    const lone = provided.get(there)
    problems.push({
      code: 'config_tls',
      where: lone?.where ?? there,
      ...(lone?.place && { place: lone.place }),
      message: `${lone?.quote ?? there} does nothing without ${missing}`,
      notes: [['try', `${missing} FILE (${there === 'http.tlsKey' ? 'http.tlsCert' : 'http.tlsKey'} in a program)`]],
    })
  }
  return problems
}

/** Whether requests need no credentials. */
function isOpen(values: Values): boolean {
  const methods = values.get('auth.methods')
  return !Array.isArray(methods) || methods.length === 0 || methods.includes('none')
}

function freeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member)
  return Object.freeze(value)
}
