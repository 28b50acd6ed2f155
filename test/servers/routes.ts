/** The ways from a client to a server through mcplex: what mcplex is started as, and what the client connects to. */
import { tmpdir } from 'node:os'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { http1, http2 } from '../compatibility/transports/http-exchange.ts'
import { startMcplex } from '../support/mcplex.ts'
import { fetchBy } from './fetch-over.ts'
import type { Command, Place } from './test-client.ts'

export interface Route {
  readonly name: string
  readonly hasSessionsOnly?: boolean
  /** What the mcplex that the client is to meet listens on; undefined if the client starts it itself. */
  readonly front?: 'port' | 'socket'
  /** What the client connects to. */
  place(server: Command, way: Way): Place
}

/** A running mcplex. */
export interface Way {
  readonly url: string
  readonly socketPath: string
  /** Throws if it complained of anything. */
  end(): Promise<void>
}

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

export const routes: readonly Route[] = [
  { name: 'HTTP/1.1', front: 'port', place: (_, { url }) => ({ url }) },
  { name: 'HTTP/2', front: 'port', place: (_, { url }) => ({ url, fetch: fetchBy(http2(new URL(url))) }) },
  {
    name: 'Unix socket',
    front: 'socket',
    place: (_, { url, socketPath }) => ({ url, fetch: fetchBy(http1({ origin: new URL(url).origin, socketPath })) }),
  },
  { name: 'HTTP+SSE', hasSessionsOnly: true, front: 'port', place: (_, { url }) => ({ url, bySse: true }) },
  {
    name: 'stdio',
    place: (server) => ({
      args: [main, 'serve', '--transport', 'stdio', ...variables(server), '--', process.execPath, ...server.args],
      env: {},
    }),
  },
  { name: 'mcplex connect', front: 'port', place: (_, { url }) => ({ args: [main, 'connect', url], env: {} }) },
]

/** The variables of the server, as `serve` takes them from the command line. */
const variables = ({ env }: Command): string[] =>
  Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])

const nowhere: Way = { url: '', socketPath: '', end: () => Promise.resolve() }

/** Starts what the client is to meet. Its end is the caller's. */
export async function openWay({ front }: Route, server: Command): Promise<Way> {
  if (!front) return nowhere
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-way-'))
  const socketPath = join(folder, 'mcplex.sock')
  const listening = front === 'socket' ? ['--socket', socketPath] : []
  const mcplex = await startMcplex({
    server: server.args,
    options: ['--log-level', 'warn', '--stateless', 'principal', ...listening, ...variables(server)],
  })
  return {
    url: mcplex.url,
    socketPath,
    async end() {
      const { code } = await mcplex.end()
      await rm(folder, { recursive: true })
      if (code !== 0 || mcplex.log.length > 0) throw new Error(`mcplex: ${code} ${JSON.stringify(mcplex.log)}`)
    },
  }
}
