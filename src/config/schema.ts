/**
 * The whole configuration as one list of rows, composed of the rooms' tables: the single source of flags, environment
 * names, checks, defaults and documentation.
 */
import type { Option, OptionTable } from '../base/option.ts'
import { gateOptions } from '../gates/options.ts'
import { httpOptions } from '../transports/http/options.ts'
import { sessionOptions } from '../sessions/options.ts'
import { upstreamOptions } from '../upstreams/options.ts'
import { clientOptions, type ClientSettings } from './client-options.ts'
import { type LogSettings, logOptions } from './log-options.ts'
import type { Settings } from './settings.ts'

/** An option with its place: `room.key` in the settings of a program. */
export interface Placed {
  readonly room: string
  readonly key: string
  readonly option: Option
  /** Its place in a file of settings: `limits.queue.max`. */
  readonly path: string
  /** Its own environment name; undefined if one variable cannot hold it. */
  readonly ownEnv: string | undefined
}

/** All that can be configured: the settings of a gateway, and what only the command has. */
export interface Everything extends Settings {
  readonly clients: ClientSettings
  readonly log: LogSettings
}

const tables: { readonly [Room in keyof Everything]: OptionTable<Everything[Room]> } = {
  clients: clientOptions,
  http: httpOptions,
  upstream: upstreamOptions,
  gates: gateOptions,
  sessions: sessionOptions,
  log: logOptions,
}

/** What the options of a room are about, as a heading. */
export const titles: { readonly [Room in keyof Everything]: string } = {
  clients: 'How clients reach it',
  http: 'Where it listens, and to whom',
  upstream: 'The server behind it',
  gates: 'How much at once',
  sessions: 'Sessions and their streams',
  log: 'The log',
}

/** Rooms that a program says nothing about: it hands in a log of its own, and clients come as it likes. */
export const commandRooms: readonly string[] = ['clients', 'log']

export const schema: readonly Placed[] = Object.entries(tables).flatMap(([room, table]) =>
  Object.entries<Option>(table).map(([key, option]) => {
    // The unit is written with the value.
    const path = option.path ?? `${room}.${key.replace(/(Ms|Bytes)$/, '')}`
    return { room, key, option, path, ownEnv: option.kind === 'given' ? undefined : ownEnvName(path) }
  }),
)

/** `limits.queue.maxWait` -> `MCPLEX_LIMITS__QUEUE__MAX_WAIT`. */
function ownEnvName(path: string): string {
  const words = path.replaceAll(/([a-z])([A-Z])/g, '$1_$2').replaceAll('.', '__')
  return `MCPLEX_${words.toUpperCase()}`
}
