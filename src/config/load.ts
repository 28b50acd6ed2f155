/**
 * The configuration of the command: flags over environment over defaults. Reports every problem at once, each with
 * the flag or variable that caused it. Of two environment names of one option, `MCPLEX_...` wins.
 */
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { keysFileName } from '../identity/options.ts'
import { memoryLimit } from '../base/process-memory.ts'
import { readMarked, writeValue } from './read-option.ts'
import { tokenFileProblems } from './admin-token.ts'
import { assemble } from './assemble.ts'
import type { AdminSettings } from './admin-options.ts'
import type { ClientSettings } from './client-options.ts'
import type { LogSettings } from './log-options.ts'
import type { Environment } from './environment.ts'
import { meantUnit, suggestValue } from './suggest-value.ts'
import type { Problem } from './problem.ts'
import type { ProvidedUpstream, ProvidedValue } from './provided.ts'
import { type Placed, schema } from './schema.ts'
import { secretsOfSettings, withoutSecretOf } from './secret-options.ts'
import type { Settings } from './settings.ts'
import { unknownVariables } from './unknown-variables.ts'

/** The command line: the values of each flag by its name without dashes, and the command of the server with its arguments. */
export interface Typed {
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly command: readonly string[]
}

export interface Loaded {
  readonly settings: Settings
  readonly log: LogSettings
  readonly clients: ClientSettings
  readonly admin: AdminSettings
  /**
   * How the value of `module.key` was provided, such as `--port 80` or `PORT=80`, and of `upstreams.NAME.key` of a file;
   * undefined for a default.
   */
  quote(path: string): string | undefined
  /** What may not be shown: values that a file takes from variables and other files, and secrets of options. */
  readonly secretValues: readonly string[]
  /** What is probably not meant as it was given. */
  readonly warnings: readonly Problem[]
  /** What a file names and is not there now: programs, folders, modules and packages of upstreams, the file of a token. */
  readonly missing: readonly Problem[]
}

/** @throws ConfigError with all problems */
export function load(typed: Typed, machine: Environment): Loaded {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const provided = readProvided(schema, typed, machine, problems, warnings)
  const [command, ...args] = typed.command
  if (command !== undefined) provided.set('upstream.command', { value: command, where: 'command', quote: command })
  provided.set('upstream.args', { value: args, where: 'command', quote: args.join(' ') })
  const env = variables(typed.flags.get('env') ?? [], machine, problems)
  provided.set('upstream.env', { value: env, where: '--env', quote: '--env' })
  problems.push(...unknownVariables(machine.env, Object.keys(env)))

  setKeysFile(provided, process.cwd())
  const all = { values: provided, upstreams: oneServer(provided), endpoints: new Map() }
  const { log, clients, admin, ...settings } = assemble(all, problems, machine)
  const quote = (path: string): string | undefined => provided.get(path)?.quote
  // A file that cannot be read ends the command when it opens the address.
  warnings.push(...tokenFileProblems(admin, provided).warnings)
  const secretValues = secretsOfSettings(settings, admin)
  return { settings: Object.freeze(settings), log, clients, admin, quote, secretValues, warnings, missing: [] }
}

/** The command has a keys file, unless another one is named: that beside the configuration. */
export function setKeysFile(provided: Map<string, ProvidedValue>, folder: string): void {
  if (provided.has('auth.keysFile')) return
  provided.set('auth.keysFile', { value: join(folder, keysFileName), where: 'default', quote: keysFileName })
}

/** The server of the command line as the only upstream, named `server`. */
function oneServer(provided: ReadonlyMap<string, ProvidedValue>): ReadonlyMap<string, ProvidedUpstream> {
  const prefix = 'upstream.'
  const values = [...provided].filter(([path]) => path.startsWith(prefix))
  const own = new Map(values.map(([path, value]) => [path.slice(prefix.length), value]))
  return new Map([['server', { kind: 'stdio', where: 'upstream', values: own }]])
}

/** The settings of a verb that serves no requests itself, such as `connect`. */
export interface BridgeSettings {
  readonly log: LogSettings
  /** The memory budget: bytes that may be kept on behalf of the client and the server. */
  readonly memoryBytes: number
}

/**
 * The settings of the log and of memory alone, for verbs that serve no requests.
 * @param flags the values of each flag by its name without dashes
 * @throws ConfigError
 */
export function loadBridge(flags: Typed['flags'], machine: Environment): BridgeSettings {
  const problems: Problem[] = []
  const rows = schema.filter(({ module, key }) => module === 'log' || (module === 'limits' && key === 'memoryBytes'))
  const provided = readProvided(rows, { flags }, machine, problems, [])
  // `assemble` requires a command, even though nothing is started here.
  provided.set('upstream.command', { value: 'none', where: '', quote: '' })
  const all = { values: provided, upstreams: oneServer(provided), endpoints: new Map() }
  const { log, limits } = assemble(all, problems, machine)
  return { log, memoryBytes: limits.memoryBytes }
}

/**
 * The values of flags and variables for the options in `rows`. A value that is not accepted is added to `problems`, a bare
 * number of milliseconds that is surely not meant to `warnings`.
 */
export function readProvided(
  rows: readonly Placed[],
  typed: Pick<Typed, 'flags'>,
  machine: Environment,
  problems: Problem[],
  warnings: Problem[],
): Map<string, ProvidedValue> {
  const provided = new Map<string, ProvidedValue>()
  for (const row of rows) {
    const source = find(row, typed, machine)
    if (!source) continue
    const { reading, marked } = readMarked(row.option, source.texts)
    if (marked !== undefined) provided.set(`${row.module}.${marked}`, { value: true, ...source })
    const blank = source.where.startsWith('--') ? ' ' : '='
    if (!('fault' in reading)) {
      provided.set(`${row.module}.${row.key}`, { value: reading.value, ...source })
      const meant = meantUnit(row.option, source.texts.at(-1) ?? '')
      if (meant === undefined) continue
      const fault = `is ${writeValue(row.option, reading.value)}: a bare number is milliseconds`
      warnings.push({
        code: 'config_duration',
        where: source.where,
        message: `${source.quote} ${fault}; did you mean ${meant}?`,
        notes: [['try', `${source.where}${blank}${meant}`]],
      })
    } else {
      const meant = suggestValue(row.option, source.texts.at(-1) ?? '')
      problems.push({
        code: reading.code,
        where: source.where,
        message: `${source.quote} ${reading.fault}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
        notes: [
          ['accepted', reading.accepted],
          ...(meant === undefined ? [] : [['try', `${source.where}${blank}${meant}`] as const]),
        ],
      })
    }
  }
  return provided
}

interface Source {
  readonly where: string
  readonly quote: string
  readonly texts: readonly string[]
}

function find({ option, ownEnv }: Placed, typed: Pick<Typed, 'flags'>, machine: Environment): Source | undefined {
  if (option.kind === 'given') return undefined
  const flagged = option.flag === undefined ? undefined : typed.flags.get(option.flag)
  if (option.flag !== undefined && flagged !== undefined)
    return {
      where: `--${option.flag}`,
      quote: `--${option.flag} ${option.kind === 'list' ? flagged.join(`, --${option.flag} `) : (flagged.at(-1) ?? '')}`,
      texts: flagged,
    }
  for (const name of [ownEnv, option.env]) {
    const text = name === undefined ? undefined : machine.env[name]
    // Shells and compose files write an empty variable for one that is not set.
    if (name === undefined || text === undefined || text === '') continue
    const texts = option.kind === 'list' ? text.split(',').map((item) => item.trim()) : [text]
    return { where: name, quote: `${name}=${withoutSecretOf(option, text)}`, texts }
  }
  return undefined
}

/** The variables of `--env NAME=VALUE` and `--env NAME`. Values may be secrets: no problem quotes one. */
function variables(texts: readonly string[], machine: Environment, problems: Problem[]): Record<string, string> {
  const named: Record<string, string> = {}
  for (const text of texts) {
    const [name = '', ...rest] = text.split('=')
    const value = rest.length > 0 ? rest.join('=') : machine.env[name]
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      problems.push({
        code: 'config_variable',
        where: '--env',
        message: `--env ${name} does not begin with the name of a variable`,
        notes: [
          ['accepted', 'NAME=VALUE, or NAME to pass on its current value: letters, digits and _, no digit first'],
        ],
      })
    else if (value === undefined)
      problems.push({
        code: 'config_variable',
        where: '--env',
        message: `--env ${name} passes on a variable that is not set`,
        notes: [['try', `${name}=... mcplex serve --env ${name} ...`]],
      })
    else named[name] = value
  }
  return named
}

/** The machine that this process runs on. */
export function thisMachine(): Environment {
  return {
    env: process.env,
    memoryBytes: memoryLimit(),
    heapLimitBytes: getHeapStatistics().heap_size_limit,
  }
}
