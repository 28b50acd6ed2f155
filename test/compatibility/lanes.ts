/** Every client with every server over every transport that it can use. */
import { join } from 'node:path'
import { capabilitiesOf } from './answers.ts'
import { type Column, columns, moduleColumns, stateless } from './columns.ts'
import { endsWithCall, isShared, type Lane } from './features/feature.ts'
import type { Instances } from './instances.ts'
import { connectTestClient, type TestClient } from './test-client.ts'
import type { JsonMap } from '../support/rpc.ts'
import { http1, http2 } from './transports/http-exchange.ts'
import { stdio } from './transports/stdio.ts'
import { streamable } from './transports/streamable-http.ts'
import { twoEndpoints } from './transports/http-sse.ts'
import type { OnMessage, Wire } from './transports/transport.ts'

/** What a client needs to know of the running mcplexes. */
type Places = Pick<Instances, 'of' | 'behind'>

interface Transport {
  readonly name: string
  /** Whether the mcplex that is reached over it serves several clients. */
  readonly isShared: boolean
  readonly hasSessionsOnly?: boolean
  open(instances: Places, column: Column, onMessage: OnMessage): Wire | Promise<Wire>
}

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
    open(instances, column, onMessage) {
      const { server = [], file, env } = instances.behind(column)
      const [verb, behind] =
        file === undefined ? ['serve', ['--', process.execPath, ...server]] : ['up', ['--config', file]]
      const options = ['--transport', 'stdio', '--log-level', 'warn', ...column.options]
      return stdio([main, verb, ...options, ...behind], onMessage, env)
    },
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
export const transportNames: readonly string[] = transports.map(({ name }) => name)

/** The transports over which modules are tried: what a transport does does not depend on the kind of a server. */
export const moduleTransportNames: readonly string[] = ['HTTP/1.1', 'stdio']

/** Every lane: a client, a server, and the transport between them. */
export function lanesOf(instances: Instances): readonly Lane[] {
  return transports.flatMap((transport) => {
    const modules = moduleTransportNames.includes(transport.name) ? moduleColumns : []
    return [...columns, ...modules].map((column) => laneOf(column, transport, instances))
  })
}

function laneOf(column: Column, transport: Transport, instances: Instances): Lane {
  const { client, server, speaks, sdk } = column
  const own = client === stateless ? 'new' : 'old'
  const spoken = speaks === 'dual' ? own : speaks
  // One client alone is refused nothing; of several, those without a session would share a process.
  const wouldMeet = client === stateless && transport.isShared && speaks !== 'new' && column.options.length === 0
  const connectAt = (at: Places, capabilities: JsonMap): Promise<TestClient> =>
    connectTestClient({ version: client, capabilities, open: (onMessage) => transport.open(at, column, onMessage) })
  // What asks late could be of any client: its process ends with its call, and meets no other.
  const isAlone =
    !transport.isShared || !isShared({ spoken, client }) || endsWithCall({ spoken, client, transport: transport.name })
  return {
    client,
    server,
    transport: transport.name,
    spoken,
    sdk,
    closed: transport.hasSessionsOnly === true && client === stateless ? 'transport' : wouldMeet ? 'server' : undefined,
    connect: (capabilities = capabilitiesOf(client)) => connectAt(instances, capabilities),
    async alone(testClient, work) {
      if (isAlone) return work(testClient)
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
