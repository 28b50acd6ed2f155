/** The ways from a client to a server through mcplex: what mcplex is started as, and what the client connects to. */
import { tmpdir } from 'node:os'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { http1, http2 } from '../compatibility/wires/exchange.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { fetchBy } from './fetch-by.ts'
import type { Command, Place } from './person.ts'

export interface Route {
  readonly name: string
  readonly hasSessionsOnly?: boolean
  /** Options of the mcplex that the client is to meet; undefined if the client starts it itself. */
  readonly options?: (folder: string) => readonly string[]
  /** What the client connects to. */
  place(server: Command, url: string, folder: string): Place
}

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

const socketIn = (folder: string): string => join(folder, 'mcplex.sock')
const onPort = (): readonly string[] => []

export const routes: readonly Route[] = [
  { name: 'HTTP/1.1', options: onPort, place: (_, url) => ({ url }) },
  {
    name: 'HTTP/2',
    options: onPort,
    place: (_, url) => ({ url, fetch: fetchBy(http2(new URL(url))) }),
  },
  {
    name: 'Unix socket',
    options: (folder) => ['--socket', socketIn(folder)],
    place: (_, url, folder) => ({
      url,
      fetch: fetchBy(http1({ origin: new URL(url).origin, socketPath: socketIn(folder) })),
    }),
  },
  { name: 'HTTP+SSE', hasSessionsOnly: true, options: onPort, place: (_, url) => ({ url, bySse: true }) },
  {
    name: 'stdio',
    place: ({ args, env }) => ({ args: [main, 'serve', '--transport', 'stdio', ...behind({ args, env })], env: {} }),
  },
  {
    name: 'mcplex connect',
    options: onPort,
    place: (_, url) => ({ args: [main, 'connect', url], env: {} }),
  },
]

/** The server and its variables, as `serve` takes them from the command line. */
function behind({ args, env }: Command): string[] {
  const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  return [...variables, '--', process.execPath, ...args]
}

export interface Way {
  readonly place: Place
  end(): Promise<void>
}

/** Opens a way to the server. Its end is the caller's; throws then if mcplex complained of anything. */
export async function openWay(route: Route, server: Command): Promise<Way> {
  if (!route.options) return { place: route.place(server, '', ''), end: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-way-'))
  const mcplex: Mcplex = await startMcplex({
    server: server.args,
    options: [
      '--log-level',
      'warn',
      ...route.options(folder),
      ...Object.entries(server.env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ],
  })
  return {
    place: route.place(server, mcplex.url, folder),
    async end() {
      const { code } = await mcplex.end()
      await rm(folder, { recursive: true })
      if (code !== 0 || mcplex.log.length > 0) throw new Error(`mcplex: ${code} ${JSON.stringify(mcplex.log)}`)
    },
  }
}
