/** Every client with every server over every transport that it can use. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { capabilitiesOf } from './answers.ts'
import { isShared, type Lane } from './features/feature.ts'
import { connectTestClient, type TestClient } from './test-client.ts'
import type { JsonMap } from '../support/rpc.ts'
import { http1, http2 } from './transports/http-exchange.ts'
import { stdio } from './transports/stdio.ts'
import { streamable } from './transports/streamable-http.ts'
import { twoEndpoints } from './transports/http-sse.ts'
import type { OnMessage, Wire } from './transports/transport.ts'

const clients = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
const stateless = '2026-07-28'

/** A client, and the server that it reaches through a mcplex. */
export interface Column {
  readonly client: string
  /** The server by name, with a mark where the operator has said a word. */
  readonly server: string
  readonly speaks: 'old' | 'new' | 'dual'
  /** Options of `serve`. */
  readonly options: readonly string[]
}

/** Clients without a session come twice to servers before which an operator has to say what they share. */
export const columns: readonly Column[] = clients.flatMap((client): Column[] => {
  const plain = (['old', 'new', 'dual'] as const).map((speaks) => ({ client, server: speaks, speaks, options: [] }))
  if (client !== stateless) return plain
  const options = ['--stateless', 'principal']
  return [...plain, ...(['old', 'dual'] as const).map((speaks) => ({ client, server: `${speaks} †`, speaks, options }))]
})

interface Transport {
  readonly name: string
  /** Whether the mcplex that is reached over it serves several clients. */
  readonly isShared: boolean
  readonly hasSessionsOnly?: boolean
  open(instances: Instances, column: Column, onMessage: OnMessage): Wire | Promise<Wire>
}

/** What one mcplex serves at once: a port, with HTTP/1.1, HTTP/2 and HTTP+SSE on it; or a Unix socket. */
type Front = 'port' | 'socket'

const transports: readonly Transport[] = [
  {
    name: 'HTTP/1.1',
    isShared: true,
    open: async (instances, column, onMessage) =>
      streamable(http1(await instances.of(column, 'port')), '/mcp', onMessage),
  },
  {
    name: 'HTTP/2',
    isShared: true,
    open: async (instances, column, onMessage) =>
      streamable(http2(await instances.of(column, 'port')), '/mcp', onMessage),
  },
  {
    name: 'Unix socket',
    isShared: true,
    open: async (instances, column, onMessage) =>
      streamable(http1(await instances.of(column, 'socket')), '/mcp', onMessage),
  },
  {
    name: 'HTTP+SSE',
    isShared: true,
    hasSessionsOnly: true,
    open: async (instances, column, onMessage) =>
      twoEndpoints(http1(await instances.of(column, 'port')), '/sse', onMessage),
  },
  {
    name: 'stdio',
    isShared: false,
    open: (instances, column, onMessage) =>
      stdio(
        [
          main,
          'serve',
          '--transport',
          'stdio',
          '--log-level',
          'warn',
          ...column.options,
          '--',
          process.execPath,
          ...instances.behind(column),
        ],
        onMessage,
      ),
  },
  {
    name: 'stdio through `mcplex connect`',
    isShared: true,
    open: async (instances, column, onMessage) => {
      const { origin } = await instances.of(column, 'port')
      return stdio([main, 'connect', `${origin}/mcp`], onMessage)
    },
  },
]

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const program = join(import.meta.dirname, 'server', 'server.mjs')

/** Where a mcplex is found. */
interface Instance {
  readonly origin: string
  readonly socketPath?: string
}

/** The running mcplexes, one for each server and front, begun when first needed. */
export interface Instances {
  of(column: Column, front: Front): Promise<Instance>
  /** The server and its flags. */
  behind(column: Column): readonly string[]
  /** Runs `work` with a mcplex that has served and serves no other client. */
  alone<Value>(work: (quiet: Instances) => Promise<Value>): Promise<Value>
  /** Ends them, and gives how each ended and what it complained of. */
  end(): Promise<ReadonlyArray<{ readonly code: number | null; readonly log: readonly unknown[] }>>
}

export function createInstances(): Instances {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-compatibility-'))
  const started = new Map<string, Promise<Instance & { readonly mcplex: Mcplex }>>()
  const ends: Array<{ readonly code: number | null; readonly log: readonly unknown[] }> = []

  const notes = mkdtempSync(join(folder, 'notes-'))
  const behind = ({ speaks }: Column): readonly string[] => [program, `--speaks=${speaks}`, `--notes=${notes}`]

  const start = async (column: Column, front: Front): Promise<Instance & { readonly mcplex: Mcplex }> => {
    const socketPath = join(folder, `${column.speaks}-${column.options.length}.sock`)
    const options = front === 'socket' ? ['--socket', socketPath] : []
    const mcplex = await startMcplex({
      server: behind(column),
      options: ['--log-level', 'warn', ...column.options, ...options],
    })
    return front === 'socket' ? { mcplex, origin: 'http://localhost', socketPath } : { mcplex, origin: mcplex.origin }
  }

  return {
    behind,
    async alone(work) {
      const quiet = createInstances()
      try {
        return await work(quiet)
      } finally {
        ends.push(...(await quiet.end()))
      }
    },
    of(column, front) {
      const key = `${column.server} ${front}`
      const instance = started.get(key) ?? start(column, front)
      started.set(key, instance)
      return instance
    },
    async end() {
      const ended = [...started.values()].map(async (instance) => {
        const { end, log } = (await instance).mcplex
        return { code: (await end()).code, log }
      })
      const all = [...(await Promise.all(ended)), ...ends]
      rmSync(folder, { recursive: true })
      return all
    },
  }
}

export const transportNames: readonly string[] = transports.map(({ name }) => name)

/** Every lane: a client, a server, and the transport between them. */
export function lanesOf(instances: Instances): readonly Lane[] {
  return transports.flatMap((transport) => columns.map((column) => laneOf(column, transport, instances)))
}

function laneOf(column: Column, transport: Transport, instances: Instances): Lane {
  const { client, server, speaks } = column
  const own = client === stateless ? 'new' : 'old'
  const spoken = speaks === 'dual' ? own : speaks
  // One client alone is refused nothing; of several, those without a session would share a process.
  const wouldMeet = client === stateless && transport.isShared && speaks !== 'new' && column.options.length === 0
  const connectAt = (at: Instances, capabilities: JsonMap): Promise<TestClient> =>
    connectTestClient({ version: client, capabilities, open: (onMessage) => transport.open(at, column, onMessage) })
  return {
    client,
    server,
    transport: transport.name,
    spoken,
    closed: transport.hasSessionsOnly === true && client === stateless ? 'transport' : wouldMeet ? 'server' : undefined,
    connect: (capabilities = capabilitiesOf(client)) => connectAt(instances, capabilities),
    async alone(testClient, work) {
      if (!transport.isShared || !isShared({ spoken, client })) return work(testClient)
      await instances.alone(async (quiet) => {
        const other = await connectAt(quiet, capabilitiesOf(client))
        try {
          await work(other)
        } finally {
          await other.close()
        }
      })
    },
  }
}
