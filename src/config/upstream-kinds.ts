/** The kinds of upstream as the configuration sees them: their rows, the setting that shows the kind, and their checks. */
import { upstreamOptions, type UpstreamSettings, type UpstreamSetup } from '../upstreams/options.ts'
import { type ModuleSettings, moduleOptions, type ServerFactory } from '../upstreams/module/options.ts'
import { childEnvironment, stdioOptions, type StdioSettings } from '../upstreams/stdio/options.ts'
import type { Environment } from './environment.ts'
import { isJsonObject } from './json-object.ts'
import type { Fault } from './read-option.ts'
import { completeSlice, type Rows } from './slice.ts'

export type UpstreamKind = UpstreamSetup['kind']

export interface KindOfUpstream {
  /** The rows of what only this kind has. */
  readonly options: Rows
  /** The setting that each upstream of this kind has, and no other one. */
  readonly mark: string
  /** What is wrong if that setting is missing or empty. */
  readonly missing: string
  /** Defaults of this kind in place of those of all upstreams. */
  readonly standards: Readonly<Record<string, unknown>>
  /** Fills in the defaults that depend on the machine. */
  derive(values: Map<string, unknown>, machine: Environment): void
  /** The settings of an upstream from a value for each of its rows. @param what names the upstream in errors */
  complete(what: string, values: ReadonlyMap<string, unknown>): UpstreamSetup
  /** Why a value of a row of kind `given` is not accepted; undefined if it is. */
  checkGiven(key: string, value: unknown): Fault | undefined
}

export const upstreamKinds: Readonly<Record<UpstreamKind, KindOfUpstream>> = {
  stdio: {
    options: stdioOptions,
    mark: 'command',
    missing: 'there is no command: name the MCP server to serve',
    standards: {},
    derive(values, { env }) {
      const own = values.get('env')
      // What our environment says of our user does not hold for another one.
      const ours = values.get('limitUser') === undefined ? env : withoutUser(env)
      values.set('env', childEnvironment(ours, isTexts(own) ? own : {}))
      values.set('args', values.get('args') ?? [])
    },
    complete(what, values) {
      const table = { ...stdioOptions, ...upstreamOptions }
      return { kind: 'stdio', ...completeSlice<UpstreamSettings & StdioSettings>(what, table, values, checkStdio) }
    },
    checkGiven: checkStdio,
  },
  module: {
    options: moduleOptions,
    mark: 'module',
    missing: 'there is no module: name the file that exports the server factory, or give the function',
    // Server objects take some 40 KiB each, and are made in no time.
    standards: { pool: 10_000, spares: 0 },
    derive() {},
    complete(what, values) {
      const table = { ...moduleOptions, ...upstreamOptions }
      // A function can be neither copied nor frozen.
      const module = values.get('module')
      const plain = new Map([...values, ['module', typeof module === 'function' ? 'a function' : module]])
      const slice = completeSlice<UpstreamSettings & ModuleSettings>(what, table, plain, checkModule)
      return { kind: 'module', ...slice, ...(isFactory(module) && { module }) }
    },
    checkGiven: checkModule,
  },
}

/** All rows of an upstream of a kind: those of the kind first. */
export function upstreamRows(kind: UpstreamKind): Rows {
  return { ...upstreamKinds[kind].options, ...upstreamOptions }
}

const kinds: readonly UpstreamKind[] = ['stdio', 'module']

/** The kind of an upstream with these settings, shown by one that only this kind has; a stdio upstream if none shows it. */
export function kindOf(keys: readonly string[]): UpstreamKind {
  return kinds.find((kind) => keys.includes(upstreamKinds[kind].mark)) ?? 'stdio'
}

function withoutUser({
  HOME: _home,
  USER: _user,
  LOGNAME: _name,
  SHELL: _shell,
  ...rest
}: Environment['env']): Environment['env'] {
  return rest
}

function checkCommon(key: string, value: unknown): Fault | undefined {
  if (key !== 'boundArgs' || isJsonObject(value)) return undefined
  const accepted = 'names of arguments, each with a value that JSON can hold'
  return { code: 'config_value', fault: 'is not a mapping of arguments', accepted }
}

function checkStdio(key: string, value: unknown): Fault | undefined {
  if (key === 'args' && !(Array.isArray(value) && value.every(isText)))
    return { code: 'config_value', fault: 'is not a list of texts', accepted: 'a list of texts' }
  if (key === 'env' && !isTexts(value))
    return { code: 'config_variable', fault: 'holds something that is not a text', accepted: 'names with texts' }
  if (key === 'command' && !isText(value))
    return { code: 'config_command', fault: 'is not a text', accepted: 'the name or path of a program' }
  return checkCommon(key, value)
}

function checkModule(key: string, value: unknown): Fault | undefined {
  if (key !== 'module') return checkCommon(key, value)
  if (isText(value) || isFactory(value)) return undefined
  const accepted = 'the path of a module, or a function that makes an MCP server'
  return { code: 'config_command', fault: 'is neither a text nor a function', accepted }
}

function isFactory(value: unknown): value is ServerFactory {
  return typeof value === 'function'
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function isTexts(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isText)
}
