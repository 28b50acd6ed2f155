/** Who meets whom, and over what: every client with every server over every transport that it can use. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { capabilitiesOf } from './answers.ts'
import { isShared, type Lane } from './features/feature.ts'
import { meet, type Person } from './person.ts'
import type { JsonMap } from '../support/rpc.ts'
import { http1, http2 } from './wires/exchange.ts'
import { stdio } from './wires/stdio.ts'
import { streamable } from './wires/streamable.ts'
import { twoEndpoints } from './wires/two-endpoints.ts'
import type { Hear, Wire } from './wires/wire.ts'

export const clients = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
export const servers = ['old', 'new', 'dual'] as const
type Server = (typeof servers)[number]

interface Transport {
  readonly name: string
  /** Whether the mcplex that is reached over it serves several clients. */
  readonly isShared: boolean
  readonly hasSessionsOnly?: boolean
  open(houses: Houses, server: Server, hear: Hear): Wire | Promise<Wire>
}

/** What one mcplex serves at once: a port, with HTTP/1.1, HTTP/2 and HTTP+SSE on it; or a Unix socket. */
type Front = 'port' | 'socket'

const transports: readonly Transport[] = [
  {
    name: 'HTTP/1.1',
    isShared: true,
    open: async (houses, server, hear) => streamable(http1(await houses.of(server, 'port')), '/mcp', hear),
  },
  {
    name: 'HTTP/2',
    isShared: true,
    open: async (houses, server, hear) => streamable(http2(await houses.of(server, 'port')), '/mcp', hear),
  },
  {
    name: 'Unix socket',
    isShared: true,
    open: async (houses, server, hear) => streamable(http1(await houses.of(server, 'socket')), '/mcp', hear),
  },
  {
    name: 'HTTP+SSE',
    isShared: true,
    hasSessionsOnly: true,
    open: async (houses, server, hear) => twoEndpoints(http1(await houses.of(server, 'port')), '/sse', hear),
  },
  {
    name: 'stdio',
    isShared: false,
    open: (houses, server, hear) =>
      stdio(
        [
          main,
          'serve',
          '--transport',
          'stdio',
          '--log-level',
          'warn',
          '--',
          process.execPath,
          ...houses.behind(server),
        ],
        hear,
      ),
  },
  {
    name: 'stdio through `mcplex connect`',
    isShared: true,
    open: async (houses, server, hear) => {
      const { origin } = await houses.of(server, 'port')
      return stdio([main, 'connect', `${origin}/mcp`], hear)
    },
  },
]

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const program = join(import.meta.dirname, 'server', 'server.mjs')

/** Where a mcplex is found. */
interface House {
  readonly origin: string
  readonly socketPath?: string
}

/** The running mcplexes, one for each server and front, begun when first needed. */
export interface Houses {
  of(server: Server, front: Front): Promise<House>
  /** The server and its flags. */
  behind(server: Server): readonly string[]
  /** Does something before a mcplex where nobody else does anything meanwhile. */
  alone<Value>(work: (quiet: Houses) => Promise<Value>): Promise<Value>
  /** Ends them, and gives how each ended and what it complained of. */
  end(): Promise<ReadonlyArray<{ readonly code: number | null; readonly log: readonly unknown[] }>>
}

export function openHouses(): Houses {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-compatibility-'))
  const started = new Map<string, Promise<House & { readonly mcplex: Mcplex }>>()
  let quiet: Houses | undefined
  let turn: Promise<unknown> = Promise.resolve()

  const notes = mkdtempSync(join(folder, 'notes-'))
  const behind = (server: Server): readonly string[] => [program, `--speaks=${server}`, `--notes=${notes}`]

  const start = async (server: Server, front: Front): Promise<House & { readonly mcplex: Mcplex }> => {
    const socketPath = join(folder, `${server}.sock`)
    const options = front === 'socket' ? ['--socket', socketPath] : []
    const mcplex = await startMcplex({
      server: behind(server),
      options: ['--log-level', 'warn', '--stateless', 'principal', ...options],
    })
    return front === 'socket' ? { mcplex, origin: 'http://localhost', socketPath } : { mcplex, origin: mcplex.origin }
  }

  return {
    behind,
    alone(work) {
      const house = (quiet ??= openHouses())
      const done = turn.then(() => work(house))
      turn = done.catch(() => {})
      return done
    },
    of(server, front) {
      const key = `${server} ${front}`
      const house = started.get(key) ?? start(server, front)
      started.set(key, house)
      return house
    },
    async end() {
      const ended = [...started.values()].map(async (house) => {
        const { end, log } = (await house).mcplex
        return { code: (await end()).code, log }
      })
      const all = [...(await Promise.all(ended)), ...((await quiet?.end()) ?? [])]
      rmSync(folder, { recursive: true })
      return all
    },
  }
}

export const transportNames: readonly string[] = transports.map(({ name }) => name)

/** Every lane: who, before which server, over what. */
export function lanesOf(houses: Houses): readonly Lane[] {
  return transports.flatMap((transport) =>
    servers.flatMap((server) => clients.map((client) => laneOf(client, server, transport, houses))),
  )
}

function laneOf(client: string, server: Server, transport: Transport, houses: Houses): Lane {
  const own = client === '2026-07-28' ? 'new' : 'old'
  const spoken = server === 'dual' ? own : server
  const arriveAt = (at: Houses, capabilities: JsonMap): Promise<Person> =>
    meet({ version: client, capabilities, open: (hear) => transport.open(at, server, hear) })
  return {
    client,
    server,
    transport: transport.name,
    spoken,
    isOpen: !transport.hasSessionsOnly || client !== '2026-07-28',
    arrive: (capabilities = capabilitiesOf(client)) => arriveAt(houses, capabilities),
    async alone(person, work) {
      if (!transport.isShared || !isShared({ spoken, client })) return work(person)
      await houses.alone(async (quiet) => {
        const other = await arriveAt(quiet, capabilitiesOf(client))
        try {
          await work(other)
        } finally {
          await other.close()
        }
      })
    },
  }
}
