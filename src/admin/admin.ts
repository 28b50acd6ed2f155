/**
 * The door for operators: what they see of a running mcplex and do to it, at a Unix socket that only their user can connect
 * to, and at an address where each request carries a token, with
 * the rights that the token has. Never at the endpoint of clients.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { EventSource } from '../base/events.ts'
import { LineLimit } from '../base/line-limit.ts'
import type { Log } from '../base/log.ts'
import type { SecretValues } from '../base/secret-values.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { hostRules } from '../transports/http/guard.ts'
import { listenAtSocketFile } from '../transports/http/socket-file.ts'
import { untilListening } from '../transports/http/until-listening.ts'
import type { AdminToken } from './admin-tokens.ts'
import { ClosedSessions } from './closed-sessions.ts'
import { answerExchange } from './exchange.ts'
import { EndedWorkers } from './ended-workers.ts'
import { createHandlers, type OperatedProcess } from './handlers.ts'
import { createMetrics } from './metrics/scrape.ts'
import { RecentErrors } from './recent-errors.ts'

export interface AdminNeeds {
  readonly gateway: Pick<
    Gateway,
    'health' | 'upstreamStates' | 'operations' | 'callsInFlight' | 'overview' | 'acceptDefinitions'
  > & {
    readonly events: EventSource
  }
  readonly process: OperatedProcess
  /** Values that no answer shows. */
  readonly secretValues: SecretValues
  readonly clock: Clock
  readonly log: Log
}

export interface AdminAddress {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** One of them each request must carry: those of the moment. */
  readonly tokens: () => readonly AdminToken[]
  /** Further host names under which requests are accepted. */
  readonly allowHosts: readonly string[]
}

export interface Admin {
  /** Listens at a Unix socket of mode 600. Throws node's error. */
  openSocket(path: string): Promise<void>
  /** Listens at an address. @returns the port. Throws node's error */
  openPort(address: AdminAddress): Promise<number>
  /** Stops listening, and cuts all connections. */
  close(): void
}

/** Operators are few; a program that opens connections without end harms itself alone. */
const maxConnections = 100

const timeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 5_000,
}
/** A connection on which nothing moves for so long is cut, also in the middle of an answer. */
const silentMs = 60_000

const backlog = 100

/** Counts what it tells from now on; listens to nothing yet. */
export function createAdmin({ gateway, process: operated, secretValues, clock, log }: AdminNeeds): Admin {
  const { events } = gateway
  const closedSessions = new ClosedSessions(events)
  const recentErrors = new RecentErrors(events, clock)
  const handlers = createHandlers({
    gateway,
    process: operated,
    closedSessions,
    recentErrors,
    endedWorkers: new EndedWorkers(events),
    log,
  })
  const metrics = createMetrics(gateway, clock)
  const limit = new LineLimit<string>(clock, 1, (what, skipped) => log.info({ what, skipped }, 'lines skipped'))
  const refusals = {
    refused: (reason: string): void => {
      if (limit.allows(reason)) log.warn({ reason }, 'a request to the address for operators was refused')
    },
  }
  const closes: Array<() => void> = []

  const serverFor = (
    host: string,
    allowHosts: readonly string[],
    tokens: (() => readonly AdminToken[]) | undefined,
  ): Server => {
    const hosts = hostRules({ host, allowHosts })
    const server = createServer(
      { ...timeouts, maxHeaderSize: 16_384, requireHostHeader: false },
      (request, response) => {
        void answerExchange(request, response, {
          handlers,
          hosts,
          tokens,
          secretValues,
          metrics,
          openapi,
          refusals,
          log,
        })
      },
    )
    server.maxConnections = maxConnections
    server.setTimeout(silentMs)
    return server
  }

  const opened = (server: Server, remove = (): void => {}): void => {
    server.on('error', (error) => log.error({ err: error }, 'the listener for operators failed'))
    closes.push(() => {
      remove()
      server.close()
      server.closeAllConnections()
    })
  }

  return {
    async openSocket(path) {
      const server = serverFor('localhost', [], undefined)
      const file = await listenAtSocketFile(server, path, 0o600, backlog, clock)
      opened(server, () => file.remove())
    },
    async openPort({ host, port, tokens, allowHosts }) {
      // A program will ask for figures: the first time, too, nothing else waits for what is loaded for that.
      await metrics.prepare()
      const server = serverFor(host, allowHosts, tokens)
      const bare = host.replace(/^\[(.*)\]$/, '$1')
      await untilListening(server, () => server.listen({ host: bare, port, backlog }))
      opened(server)
      const address = server.address()
      return typeof address === 'object' && address ? address.port : port
    },
    close() {
      for (const close of closes.splice(0)) close()
    },
  }
}

/** The printed document: what makes it is not loaded while mcplex serves. */
function openapi(): Promise<string> {
  return readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
}
