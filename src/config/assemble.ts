/**
 * Assembles settings: the values that were provided, defaults for the rest, and the checks that involve more than one
 * option. The result is complete and frozen.
 */
import type { Option } from '../base/option.ts'
import { autoMemory } from '../admission/options.ts'
import { isLoopback } from '../transports/http/options.ts'
import { autoPool, childEnvironment } from '../upstreams/options.ts'
import { checkOption } from './read-option.ts'
import type { Environment } from './environment.ts'
import { didYouMean } from './did-you-mean.ts'
import { ConfigError, type Problem } from './problem.ts'
import { commandModules, type AllSettings, type Placed, schema } from './schema.ts'
import type { PartialSettings, Settings } from './settings.ts'

/** A value with its place, as errors name it: `--pool 8`, `HOST=0.0.0.0`, `upstream.pool`. */
export interface ProvidedValue {
  readonly value: unknown
  readonly where: string
  readonly quote: string
}

/** The provided values by `module.key`. */
export type Provided = ReadonlyMap<string, ProvidedValue>

/** The value of each option by `module.key`, not checked against its row yet. */
type Values = Map<string, unknown>

/**
 * Settings from the provided values.
 * @throws ConfigError with `problems` and all problems found here
 */
export function assemble(provided: Provided, problems: readonly Problem[], machine: Environment): AllSettings {
  const values: Values = new Map()
  for (const { module, key, option } of schema) {
    const path = `${module}.${key}`
    values.set(path, provided.get(path)?.value ?? plainDefault(option))
  }
  derive(values, machine)
  const found = [...problems, ...checkCombinations(values, provided)]
  if (found.length > 0) throw new ConfigError(found)
  return freeze({
    http: sliceOf('http', values),
    upstream: sliceOf('upstream', values),
    limits: sliceOf('limits', values),
    sessions: sliceOf('sessions', values),
    log: sliceOf('log', values),
    clients: sliceOf('clients', values),
    admin: sliceOf('admin', values),
  })
}

/** Fills in the defaults that depend on the machine or on other options. */
function derive(values: Values, machine: Environment): void {
  const fallBack = (path: string, value: unknown): void => void values.set(path, values.get(path) ?? value)
  const env = values.get('upstream.env')
  values.set('upstream.env', childEnvironment(machine.env, isTexts(env) ? env : {}))
  fallBack('upstream.args', [])
  fallBack('upstream.pool', autoPool(machine.memoryBytes))
  fallBack('limits.memoryBytes', autoMemory(machine.memoryBytes, machine.heapLimitBytes))
  fallBack('upstream.processIdleMs', values.get('sessions.idleTimeoutMs'))
}

function sliceOf<Module extends keyof AllSettings>(module: Module, values: Values): AllSettings[Module] {
  const members = rowsOf(module).map(({ key }) => [key, values.get(`${module}.${key}`)])
  // A copy: freezing must not reach the objects of the caller.
  const found: object = structuredClone(Object.fromEntries(members))
  if (!isSlice(module, found)) throw new Error(`the settings of ${module} do not match its table`)
  return found
}

/**
 * Whether each value is accepted by its row. Then the object has the type of the module's settings, because a table has a
 * row for each member, of the kind that fits the member's type (base/option.ts). A value may be missing if the row's
 * default is derived.
 */
function isSlice<Module extends keyof AllSettings>(module: Module, found: object): found is AllSettings[Module] {
  const values = new Map<string, unknown>(Object.entries(found))
  return rowsOf(module).every(({ key, option }) => {
    const value = values.get(key)
    if (value === undefined) return isDerived(option)
    return (checkOption(option, value) ?? checkGiven(`${module}.${key}`, value)) === undefined
  })
}

function rowsOf(module: string): readonly Placed[] {
  return schema.filter((row) => row.module === module)
}

/**
 * Settings for a program that embeds mcplex: its values are checked, the rest are defaults.
 * @throws ConfigError that names each member that is unknown or not accepted
 */
export function fillSettings(partial: PartialSettings, machine: Environment): Settings {
  const provided = new Map<string, ProvidedValue>()
  const problems: Problem[] = []
  for (const [module, slice] of Object.entries<object | undefined>({ ...partial })) {
    const known = commandModules.includes(module) ? [] : rowsOf(module)
    if (known.length === 0) problems.push(unknownKey(module, ['limits', 'sessions', 'upstream', 'http']))
    else
      for (const [key, value] of Object.entries(slice ?? {})) {
        const path = `${module}.${key}`
        const option = known.find((row) => row.key === key)?.option
        if (!option)
          problems.push(
            unknownKey(
              path,
              known.map((row) => `${module}.${row.key}`),
            ),
          )
        else if (value !== undefined) {
          const fault = checkOption(option, value) ?? checkGiven(path, value)
          provided.set(path, { value, where: path, quote: `${path} ${JSON.stringify(value)}` })
          if (fault)
            problems.push({
              code: fault.code,
              where: path,
              message: `${path} ${path === 'upstream.env' ? '' : `${JSON.stringify(value)} `}${fault.fault}`,
              notes: [['accepted', fault.accepted]],
            })
        }
      }
  }
  const { log: _log, clients: _clients, admin: _admin, ...settings } = assemble(provided, problems, machine)
  return Object.freeze(settings)
}

/** The problem of a name that is no option. */
export function unknownKey(
  where: string,
  known: readonly string[],
  meant: string | undefined = didYouMean(where, known),
): Problem {
  return {
    code: 'config_unknown_key',
    where,
    message: `${where} is not known here${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    notes: meant === undefined && known.length < 12 ? [['known', known.join(', ')]] : [],
  }
}

function isDerived({ default: standard }: Option): boolean {
  return typeof standard === 'object' && 'derived' in standard
}

function plainDefault(option: Option): unknown {
  return isDerived(option) ? undefined : option.default
}

function checkGiven(
  path: string,
  value: unknown,
): { code: Problem['code']; fault: string; accepted: string } | undefined {
  if (path === 'upstream.args' && !(Array.isArray(value) && value.every(isText)))
    return { code: 'config_value', fault: 'is not a list of texts', accepted: 'a list of texts' }
  if (path === 'upstream.env' && !isTexts(value))
    return { code: 'config_variable', fault: 'holds something that is not a text', accepted: 'names with texts' }
  if (path === 'upstream.command' && !isText(value))
    return { code: 'config_command', fault: 'is not a text', accepted: 'the name or path of a program' }
  return undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function isTexts(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isText)
}

/** Problems of options that are each valid alone but not in combination. */
function checkCombinations(values: Values, provided: Provided): Problem[] {
  const problems: Problem[] = []
  const command = values.get('upstream.command')
  if (typeof command !== 'string' || command.trim() === '')
    problems.push({
      code: 'config_command',
      where: provided.get('upstream.command')?.where ?? 'upstream.command',
      message: 'there is no command: name the MCP server to serve',
      notes: [],
    })
  const host = provided.get('http.host')
  if (
    host &&
    typeof host.value === 'string' &&
    !isLoopback(host.value) &&
    values.get('http.insecure') !== true &&
    values.get('http.socket') === undefined &&
    values.get('clients.transport') === 'http'
  )
    problems.push({
      code: 'config_exposed',
      where: host.where,
      message: `${host.quote} would open this server to the network without authentication`,
      notes: [
        ['why', 'anyone who can reach the port could run the tools of the server with your rights'],
        ['try', 'host 127.0.0.1 (the default) with a reverse proxy in front that authenticates'],
        ['or', '--insecure (http.insecure in a program), if only trusted clients can reach this network'],
      ],
    })
  const [tlsCert, tlsKey] = [values.get('http.tlsCert'), values.get('http.tlsKey')]
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [there, missing] = tlsKey === undefined ? ['http.tlsCert', '--tls-key'] : ['http.tlsKey', '--tls-cert']
    const lone = provided.get(there)
    problems.push({
      code: 'config_tls',
      where: lone?.where ?? there,
      message: `${lone?.quote ?? there} does nothing without ${missing}`,
      notes: [['try', `${missing} FILE (${there === 'http.tlsKey' ? 'http.tlsCert' : 'http.tlsKey'} in a program)`]],
    })
  }
  return problems
}

function freeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member)
  return Object.freeze(value)
}
