/** The ways from a client to a server through mcplex: what mcplex is started as, and what the client connects to. */
import { tmpdir } from 'node:os'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { http1, http2 } from '../compatibility/transports/http-exchange.ts'
import { allReady } from '../support/all-ready.ts'
import { type LogLine, type Started, startMcplex } from '../support/mcplex.ts'
import { isOfSlowMachine } from '../support/slow-machine.ts'
import { fixture } from '../support/typed-command.ts'
import { fetchBy } from './fetch-over.ts'
import { ownNames } from './own-names.ts'
import type { Command, Fixture, Place } from './test-client.ts'

type Front = 'port' | 'socket' | 'module' | 'merged'

export interface Route {
  readonly name: string
  readonly hasSessionsOnly?: boolean
  /** The steps that differ by nature. */
  readonly leavesOut?: ReadonlySet<string>
  /** The mcplex that the client is to meet: what it listens on, or how it serves; undefined if the client starts it. */
  readonly front?: Front
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

/** What the server is called where it is one of two. */
const one = 'one'
const socket = 'mcplex.sock'
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
  { name: 'HTTP/1.1 from a module', front: 'module', place: (_, { url }) => ({ url }) },
  {
    name: 'HTTP/1.1 beside another server',
    front: 'merged',
    leavesOut: new Set(['gets the server description']),
    place: (_, { url }) => ({ url, fetch: ownNames(one) }),
  },
]

/** A slow machine needs longer than usual to list for the first time what a server has for such a client. */
const limits = { upstreamWait: '60s' }

/** A slow machine needs long to end a server with many processes. */
const endsWithinMs = 60_000

/** The variables of the server, as `serve` takes them from the command line. */
const variables = ({ env }: Command): string[] =>
  Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])

const nowhere: Way = { url: '', socketPath: '', end: () => Promise.resolve() }

/** What mcplex is started as, with a folder for its files. */
async function startedAs(front: Front, server: Fixture, folder: string): Promise<Started> {
  const { args, env, module } = server
  if (front === 'port') return { server: args, options: variables(server) }
  if (front === 'socket') return { server: args, options: ['--socket', join(folder, socket), ...variables(server)] }
  const merged = {
    [one]: { command: [process.execPath, ...args], env },
    other: { command: fixture('echo-legacy.mjs') },
  }
  const file = join(folder, 'mcplex.json')
  const upstreams = front === 'module' ? { [one]: { module } } : merged
  await writeFile(file, JSON.stringify({ version: 1, upstreams, limits }))
  return { file }
}

/** Starts what the client is to meet. Its end is the caller's. */
export async function openWay({ front }: Route, server: Fixture): Promise<Way> {
  if (!front) return nowhere
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-way-'))
  const { options = [], ...started } = await startedAs(front, server, folder)
  const mcplex = await startMcplex({
    ...started,
    options: ['--log-level', 'warn', '--stateless', 'principal', ...options],
  })
  if (front === 'merged') await allReady(mcplex.url)
  return {
    url: mcplex.url,
    socketPath: join(folder, socket),
    async end() {
      const { code } = await mcplex.end(endsWithinMs)
      await rm(folder, { recursive: true })
      const complaints = mcplex.log.filter((line) => !isAllowed(front, line))
      if (code !== 0 || complaints.length > 0) throw new Error(`mcplex: ${code} ${JSON.stringify(complaints)}`)
    },
  }
}

/** What a slow machine makes of two servers: one is late. */
const late = ['some servers take long to start', 'the lists of an upstream are old']

/** A module writes to the same stderr, without a level. */
function isAllowed(front: Front, line: LogLine): boolean {
  const { level, msg } = line
  return (
    isOfSlowMachine(line) ||
    (front === 'module' && level === undefined) ||
    (front === 'merged' && late.includes(String(msg)))
  )
}
