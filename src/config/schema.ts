/**
 * The whole configuration as one list of rows, composed of the tables of all modules: the single source of flags,
 * environment names, checks, defaults and documentation.
 */
import type { Option, OptionTable } from '../base/option.ts'
import { limitOptions } from '../admission/options.ts'
import { httpOptions } from '../transports/http/options.ts'
import { authOptions } from '../identity/options.ts'
import { policyOptions } from '../policy/options.ts'
import { sessionOptions } from '../sessions/options.ts'
import { upstreamOptions, type UpstreamSettings } from '../upstreams/options.ts'
import { stdioOptions, type StdioSettings } from '../upstreams/stdio/options.ts'
import { adminOptions, type AdminSettings } from './admin-options.ts'
import { clientOptions, type ClientSettings } from './client-options.ts'
import { type LogSettings, logOptions } from './log-options.ts'
import type { Settings } from './settings.ts'

/** An option with its names: `module.key` in the settings of a program, its path, and its environment variable. */
export interface Placed {
  readonly module: string
  readonly key: string
  readonly option: Option
  /** Its path: `limits.queue.max`. */
  readonly path: string
  /** Its own environment variable; undefined if no variable can hold its value. */
  readonly ownEnv: string | undefined
}

/** All that can be configured: the settings of a gateway, and what only the command has. */
export interface AllSettings extends Settings {
  readonly clients: ClientSettings
  readonly log: LogSettings
  readonly admin: AdminSettings
}

/** What the tables of options describe: `upstream` is the server of `serve`, and the default of each named upstream. */
export interface Slices extends Omit<AllSettings, 'upstreams' | 'endpoints' | 'aliases' | 'tenants'> {
  readonly upstream: UpstreamSettings & StdioSettings
}

export const tables: { readonly [Module in keyof Slices]: OptionTable<Slices[Module]> } = {
  clients: clientOptions,
  http: httpOptions,
  auth: authOptions,
  policy: policyOptions,
  upstream: { ...stdioOptions, ...upstreamOptions },
  limits: limitOptions,
  sessions: sessionOptions,
  log: logOptions,
  admin: adminOptions,
}

/** A heading for the options of each module. */
export const titles: { readonly [Module in keyof Slices]: string } = {
  clients: 'Transport to clients',
  http: 'Address, TLS and HTTP',
  auth: 'Authentication',
  policy: 'Policy of your own',
  upstream: 'Servers and their processes',
  limits: 'Limits, queues and overload',
  sessions: 'Sessions and streams',
  log: 'Log',
  admin: 'Administration',
}

/** Modules whose options only the command has: a program passes its own log and decides itself how it is reached. */
export const commandModules: readonly string[] = ['clients', 'log', 'admin']

export const schema: readonly Placed[] = Object.entries(tables).flatMap(([module, table]) =>
  Object.entries<Option>(table).map(([key, option]) => {
    // Without the unit in the name: in text the unit stands with the value.
    const path = option.path ?? `${module}.${key.replace(/(Ms|Bytes)$/, '')}`
    return { module, key, option, path, ownEnv: option.kind === 'given' ? undefined : ownEnvName(path) }
  }),
)

/** The options that a file has at their own path: those of `upstream` hold for all upstreams that say nothing else. */
export const sharedOptions: readonly Placed[] = schema.filter(
  ({ module, key, option }) =>
    module !== 'upstream' || (Object.hasOwn(upstreamOptions, key) && option.kind !== 'given'),
)

/** `limits.queue.maxWait` -> `MCPLEX_LIMITS__QUEUE__MAX_WAIT`. */
export function ownEnvName(path: string): string {
  const words = path
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .replaceAll('.', '__')
  return `MCPLEX_${words.toUpperCase()}`
}
