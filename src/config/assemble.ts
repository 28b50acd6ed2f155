/**
 * Puts settings together: values that somebody said, defaults for the rest, and the checks that need more than one
 * option. The result is complete and frozen.
 */
import type { Option } from '../base/option.ts'
import { isLoopback } from '../http/options.ts'
import { autoPool, childEnvironment } from '../upstreams/options.ts'
import { checkOption } from './accept.ts'
import type { Machine } from './machine.ts'
import { nearest } from './nearest.ts'
import { ConfigError, type Problem } from './problem.ts'
import { commandRooms, type Everything, schema, tables } from './schema.ts'
import type { PartialSettings, Settings } from './settings.ts'

/** A value with the place where it was said, as errors name it: `--pool 8`, `HOST=0.0.0.0`, `upstream.pool`. */
export interface Said {
  readonly value: unknown
  readonly where: string
  readonly quote: string
}

/** What was said, by `room.key`. */
export type Sayings = ReadonlyMap<string, Said>

/**
 * Settings out of what was said.
 * @throws ConfigError with `problems` and all that is found here
 */
export function assemble(said: Sayings, problems: readonly Problem[], machine: Machine): Everything {
  const rooms = Object.fromEntries(Object.keys(tables).map((room): [string, Record<string, unknown>] => [room, {}]))
  for (const { room, key, option } of schema) {
    const slice = rooms[room]
    if (slice) slice[key] = said.get(`${room}.${key}`)?.value ?? plainDefault(option)
  }
  // The tables have a row for each member of the settings (the compiler checks it), and each value was checked
  // against its row; what is derived from more than one row follows.
  const all = rooms as unknown as Mutable<Everything>
  all.upstream.args ??= []
  all.upstream.env = childEnvironment(machine.env, all.upstream.env ?? {})
  all.upstream.pool ??= autoPool(machine.memoryBytes)
  all.upstream.processIdleMs ??= all.sessions.idleTimeoutMs

  const found = [...problems, ...together(all, said)]
  if (found.length > 0) throw new ConfigError(found)
  // A copy, as freezing must not reach the objects of whoever called.
  return freeze(structuredClone(all))
}

/**
 * Settings of a program: its own words checked, defaults for the rest.
 * @throws ConfigError naming each member that is unknown or not accepted
 */
export function fillSettings(partial: PartialSettings, machine: Machine): Settings {
  const said = new Map<string, Said>()
  const problems: Problem[] = []
  for (const [room, slice] of Object.entries<object | undefined>({ ...partial })) {
    const known = schema.filter((row) => row.room === room && !commandRooms.includes(room))
    if (known.length === 0) problems.push(unknownKey(room, ['gates', 'sessions', 'upstream', 'http']))
    else
      for (const [key, value] of Object.entries(slice ?? {})) {
        const path = `${room}.${key}`
        const option = known.find((row) => row.key === key)?.option
        if (!option)
          problems.push(
            unknownKey(
              path,
              known.map((row) => `${room}.${row.key}`),
            ),
          )
        else if (value !== undefined) {
          const fault = checkOption(option, value) ?? checkGiven(path, value)
          said.set(path, { value, where: path, quote: `${path} ${JSON.stringify(value)}` })
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
  const { log: _log, clients: _clients, ...settings } = assemble(said, problems, machine)
  return Object.freeze(settings)
}

/** The problem of a name that nothing answers to. */
export function unknownKey(
  where: string,
  known: readonly string[],
  meant: string | undefined = nearest(where, known),
): Problem {
  return {
    code: 'MCPX_CONFIG_UNKNOWN_KEY',
    where,
    message: `${where} is not known here${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    notes: meant === undefined && known.length < 12 ? [['known', known.join(', ')]] : [],
  }
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] extends object ? Mutable<Value[Key]> : Value[Key] }

function plainDefault(option: Option): unknown {
  return typeof option.default === 'object' && 'derived' in option.default ? undefined : option.default
}

function checkGiven(
  path: string,
  value: unknown,
): { code: Problem['code']; fault: string; accepted: string } | undefined {
  const texts = (list: readonly unknown[]): boolean =>
    list.every((item) => typeof item === 'string' && !item.includes('\0'))
  if (path === 'upstream.args' && !(Array.isArray(value) && texts(value)))
    return { code: 'MCPX_CONFIG_VALUE', fault: 'is not a list of texts', accepted: 'a list of texts' }
  if (path === 'upstream.env' && !(typeof value === 'object' && value !== null && texts(Object.values(value))))
    return { code: 'MCPX_CONFIG_VARIABLE', fault: 'holds something that is not a text', accepted: 'names with texts' }
  if (path === 'upstream.command' && !texts([value]))
    return { code: 'MCPX_CONFIG_COMMAND', fault: 'is not a text', accepted: 'the name or path of a program' }
  return undefined
}

/** What is wrong with options that are right one by one. */
function together(all: Everything, said: Sayings): Problem[] {
  const problems: Problem[] = []
  if (typeof all.upstream.command !== 'string' || all.upstream.command.trim() === '')
    problems.push({
      code: 'MCPX_CONFIG_COMMAND',
      where: said.get('upstream.command')?.where ?? 'upstream.command',
      message: 'there is no command: the MCP server to serve must be said',
      notes: [],
    })
  const host = said.get('http.host')
  if (
    host &&
    typeof host.value === 'string' &&
    !isLoopback(host.value) &&
    !all.http.insecure &&
    all.http.socket === undefined &&
    all.clients.transport === 'http'
  )
    problems.push({
      code: 'MCPX_CONFIG_EXPOSED',
      where: host.where,
      message: `${host.quote} would open this server to the network, and nobody is authenticated`,
      notes: [
        ['why', 'whoever reaches the port could run the tools of the server with your rights'],
        ['try', 'host 127.0.0.1 (the default) with a reverse proxy in front that authenticates'],
        ['or', '--insecure (http.insecure in a program), if the network itself keeps strangers out'],
      ],
    })
  const { tlsCert, tlsKey } = all.http
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [there, missing] = tlsKey === undefined ? ['http.tlsCert', '--tls-key'] : ['http.tlsKey', '--tls-cert']
    const lone = said.get(there)
    problems.push({
      code: 'MCPX_CONFIG_TLS',
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
