/** The servers of the clients on this machine, each under a name of its own. */
import { resolve } from 'node:path'
import { isClientName, clients, clientNames, type ClientName, pathOf } from '../../clients.ts'
import { type ClientServer, clientServers } from '../../../config/file/client-servers.ts'
import { syntaxProblems } from '../../../config/file/syntax-problems.ts'
import { ConfigError } from '../../../config/problem.ts'
import type { Environment } from '../../../config/environment.ts'
import { CommandFailed, type Failure } from '../../failures.ts'
import { NoTextFile, readText } from '../../replace-file.ts'
import { plainUrl, runningInstances } from '../../running-instances.ts'
import type { NamedServer } from './template.ts'

/** A file of a client that was read. */
export interface ReadClient {
  readonly title: string
  readonly path: string
  readonly servers: number
}

export interface FoundServers {
  readonly servers: readonly NamedServer[]
  readonly clients: readonly ReadClient[]
  /** What was left out, or is named in another way. */
  readonly notices: readonly string[]
  /** The files that were looked for. */
  readonly looked: readonly string[]
}

interface Place {
  readonly title: string
  readonly path: string
  /** Whether the user named it: then it must be readable. */
  readonly isNamed: boolean
}

/**
 * @param from a client, the path of a file, `none`, or undefined for all clients
 * @throws CommandFailed if a named file cannot be read, or holds no servers of a client
 */
export async function findServers(
  from: string | undefined,
  machine: Environment,
  folder: string,
): Promise<FoundServers> {
  const found = new Found()
  const endpoints = runningInstances(machine.env).flatMap(({ endpoint }) => endpoint ?? [])
  const isOwnUrl = (url: string): boolean =>
    URL.canParse(url) && endpoints.some((own) => `${plainUrl(url)}/`.startsWith(`${plainUrl(own)}/`))
  for (const place of from === 'none' ? [] : placesOf(from, machine, folder)) {
    found.looked.push(place.path)
    const text = await textOf(place)
    if (text === undefined) continue
    const read = clientServers(place.path, text, isOwnUrl)
    if (read) found.add(place, read.servers, read.notices)
    else found.notices.push(leftOut(place, text))
  }
  return found
}

/**
 * Why no server of a file can be taken, for a file that the user did not name.
 * @throws ConfigError or CommandFailed for one that the user named
 */
function leftOut({ path, isNamed }: Place, text: string): string {
  const problems = syntaxProblems(path, text)
  const [first] = problems
  if (isNamed) throw first ? new ConfigError(problems) : unusable(path, 'holds no servers of a client')
  return first ? `${first.where} is left out: ${first.message}` : `${path} is left out: it holds no servers`
}

class Found implements FoundServers {
  readonly servers: NamedServer[] = []
  readonly clients: ReadClient[] = []
  readonly notices: string[] = []
  readonly looked: string[] = []

  add({ title, path }: Place, servers: ReadonlyMap<string, ClientServer>, notices: readonly string[]): void {
    this.clients.push({ title, path, servers: servers.size })
    this.notices.push(...notices.map((notice) => `${title}: ${notice}`))
    for (const [name, server] of servers) {
      const text = JSON.stringify(server)
      // Many people give the same server to several clients.
      if (!this.servers.some((other) => JSON.stringify(other.server) === text))
        this.servers.push({ name: this.#free(name), server, from: title })
    }
  }

  #free(name: string): string {
    let free = name
    for (let count = 2; this.servers.some((other) => other.name === free); count++)
      free = `${name.slice(0, 60)}-${count}`
    return free
  }
}

function placesOf(from: string | undefined, { env }: Environment, folder: string): Place[] {
  if (from !== undefined && !isClientName(from)) return [{ title: from, path: from, isNamed: true }]
  const surroundings = { platform: process.platform, env, folder }
  const names: readonly ClientName[] = from === undefined ? clientNames : [from]
  return names.flatMap((name) =>
    clients[name].files.flatMap(([, place]) => {
      const path = pathOf(place, surroundings)
      return path === undefined ? [] : [{ title: clients[name].title, path, isNamed: false }]
    }),
  )
}

async function textOf({ path, isNamed }: Place): Promise<string | undefined> {
  try {
    const text = await readText(path)
    if (text === undefined && isNamed) throw looksLikePath(path) ? unusable(path, 'is not there') : unknownClient(path)
    return text
  } catch (error) {
    if (error instanceof CommandFailed || !isNamed) {
      if (error instanceof CommandFailed) throw error
      return undefined
    }
    const isExpected = error instanceof NoTextFile || (error instanceof Error && 'code' in error)
    if (!isExpected) throw error
    throw unusable(path, `cannot be read: ${error.message}`)
  }
}

/** The failure for a client or file of which no server can be taken. */
export function noServers(from: string, { looked, notices }: FoundServers): CommandFailed {
  const who = isClientName(from) ? clients[from].title : from
  return notTaken(`${who} starts no server on this machine that mcplex could serve`, [
    ['looked in', looked.join('\n')],
    ...(notices.length === 0 ? [] : [['note', notices.join('\n')] as const]),
  ])
}

function unknownClient(name: string): CommandFailed {
  return notTaken(`there is no client ${JSON.stringify(name)}, and no file of that name`, [
    ['looked in', resolve(name)],
  ])
}

function notTaken(message: string, why: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code: 'init_client', message, notes: [...why, ...waysOut] }])
}

function looksLikePath(text: string): boolean {
  return /[./\\]/.test(text)
}

const waysOut: Failure['notes'] = [
  ['try', `--from with one of ${clientNames.join(', ')}, or with the path of such a file`],
  ['or', 'mcplex init --from none, for an example'],
]

function unusable(path: string, why: string): CommandFailed {
  return new CommandFailed([
    {
      code: 'config_file',
      message: `${path} ${why}`,
      notes: waysOut,
    },
  ])
}
