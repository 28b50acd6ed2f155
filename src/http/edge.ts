/**
 * The way of one exchange: guard, route, gateway, answer. Whatever is thrown on it ends this exchange and no other,
 * and becomes an answer without internals. [R02, R46]
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { noReport, renderHealth, type HealthReport, type Probe } from '../protocol/health.ts'
import type { Log, LogFields } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { answerable, refusalOutbound } from '../protocol/refusal-answer.ts'
import { Connection, Exchange } from './exchange.ts'
import { checkAccept, checkFraming, checkHeaders, hostRules, isAllowedOrigin } from './guard.ts'
import type { HttpSettings } from './options.ts'
import { createRefusalLog, type RefusalLog, shown } from './refusal-log.ts'
import { respond, type Pace } from './respond.ts'
import { answerOptions, isVerbose, readTarget, route, type Target } from './routes.ts'

/** What is served here: the gateway, as far as HTTP knows it. */
export interface Served {
  handle(inbound: Inbound): Promise<Outbound>
  health(): Promise<HealthReport>
}

export type EdgeSettings = Pick<HttpSettings, 'host' | 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'>

export interface Edge {
  /** Where refusals are told that never reach the gateway. */
  readonly refusals: RefusalLog
  /** The connection of a socket, which is watched from here on. */
  connectionOf(socket: Socket): Connection
  /**
   * Answers one request.
   * @param awaitsContinue whether the client waits for permission to send the body
   */
  serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void
  /** From now on a connection ends with its last answer in flight, or at once if there is none. */
  drain(): void
}

export function createEdge(
  gateway: Served,
  settings: EdgeSettings,
  log: Log,
  limits: Pick<Pace, 'clock' | 'slowReaderMs' | 'lingerMs'>,
): Edge {
  const connections = new Set<Connection>()
  const bySocket = new WeakMap<Socket, Connection>()
  const hosts = hostRules(settings)
  const { clock, slowReaderMs, lingerMs } = limits
  let pace: Pace = { clock, slowReaderMs, lingerMs, draining: false }
  const refusals = createRefusalLog(log, clock)
  let count = 0

  function connectionOf(socket: Socket): Connection {
    const known = bySocket.get(socket)
    if (known) return known
    const connection = new Connection(`c${++count}`, socket)
    bySocket.set(socket, connection)
    connections.add(connection)
    socket.once('close', () => {
      connections.delete(connection)
      connection.cancel('client gone')
    })
    return connection
  }

  async function run(exchange: Exchange, target: Target): Promise<void> {
    let outbound: Outbound
    try {
      outbound = await answer(exchange, target)
    } catch (error) {
      const refusal = answerable(error, log)
      if (refusal.code === 'bad_header' || refusal.code === 'headers_too_large') exchange.of.refused = true
      // A fault of ours was logged with what is behind it.
      // A client that went away is no news, and a fault of our own is logged as one.
      if (refusal.code !== 'internal' && refusal.code !== 'cancelled') refusals.refused(refusal.code, offender(refusal))
      outbound = refusalOutbound(refusal)
    }
    try {
      await respond(exchange, outbound, pace)
    } catch (error) {
      // The answer has begun: cutting it off is the only way left to say that it is not whole.
      answerable(error, log)
      const { socket } = exchange.request
      socket.destroySoon()
      clock.after(slowReaderMs, () => socket.destroy())
    }
    exchange.of.settle(exchange)
    if (pace.draining) part(exchange)
  }

  function answer(exchange: Exchange, target: Target): Promise<Outbound> | Outbound {
    const { method, request } = exchange
    const { headers } = request
    checkHeaders(request.rawHeaders)
    checkFraming(request.httpVersion, headers.host, headers['transfer-encoding'])
    hosts.check(headers.host, request.socket.localAddress)
    // The target's own host counts more than the header. [RFC 9112, 3.2.2]
    if (target.authority !== undefined) hosts.check(target.authority, request.socket.localAddress)
    const { origin } = headers
    if (origin !== undefined) {
      if (!isAllowedOrigin(origin, settings.allowOrigins)) throw new Refusal('forbidden_origin', { cause: origin })
      exchange.origin = origin
    }
    const where = route(method, target.path)
    if (where.kind === 'mcp') {
      // Without a session there is no stream to open, and the gateway says so whatever the client accepts.
      if (method === 'GET' && headers['mcp-session-id'] !== undefined) checkAccept(method, headers.accept)
      return gateway.handle(exchange)
    }
    if (where.kind === 'probe') return probe(where.probe, target.query)
    const isPreflight = origin !== undefined && headers['access-control-request-method'] !== undefined
    return answerOptions(where.allow, isPreflight, headers['access-control-request-headers'])
  }

  async function probe(which: Probe, query: string): Promise<Outbound> {
    let report = noReport
    try {
      report = await gateway.health()
    } catch (error) {
      log.error({ err: error }, 'health report failed')
    }
    return renderHealth(which, report, isVerbose(query))
  }

  return {
    refusals,
    connectionOf,
    serve(request, response, awaitsContinue) {
      const connection = connectionOf(request.socket)
      if (connection.refused) {
        // Where the last request ended is in doubt, and so is whether this is one. [R06]
        request.socket.pause()
        return
      }
      const target = readTarget(request.url ?? '')
      const exchange = new Exchange(connection, request, response, target.path, settings.maxBodyBytes, awaitsContinue)
      connection.inFlight.push(exchange)
      void run(exchange, target)
    },
    drain() {
      pace = { ...pace, draining: true }
      for (const connection of connections) if (connection.inFlight.length === 0) connection.socket.destroySoon()
    },
  }
}

/** The host or origin that was refused: what an operator has to allow, or to set right in a proxy. */
function offender({ code, cause }: Refusal): LogFields {
  if (typeof cause !== 'string') return {}
  // Before an @ there may be a password.
  const named = shown(cause.slice(cause.lastIndexOf('@') + 1))
  return code === 'forbidden_origin' ? { origin: named } : { host: named }
}

/** Ends a connection that was promised to go on before the drain began, once its last answer is out. */
function part({ of, response }: Exchange): void {
  if (of.inFlight.length > 0) return
  if (response.writableFinished || response.destroyed) of.socket.destroySoon()
  else response.once('finish', () => of.socket.destroySoon())
}
