/**
 * Runs exchanges: checks the framing, passes the request to the entry, writes the answer. An error ends its own
 * exchange and no other, and becomes an answer without internals. Keeps the connections of `node:http`;
 * h2-connections.ts keeps those of HTTP/2.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isPending } from '../../base/awaitable.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import { shareFor, Transfers } from '../../base/transfers.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { answerable, errorResponse, refusalText } from '../../protocol/error-response.ts'
import { createEntry, type EntrySettings, type Served } from './entry.ts'
import type { Exchange } from './exchange.ts'
import { slowClient } from './body-memory.ts'
import { H1Connection, maxPipelined, H1Exchange } from './h1-exchange.ts'
import type { HttpSettings } from './options.ts'
import type { RefusalLog } from './refusal-log.ts'
import { respond, type WriteLimits } from './respond.ts'
import { readTarget, type RequestTarget } from './routes.ts'

export type ExchangeRunnerSettings = EntrySettings & Pick<HttpSettings, 'maxBodyBytes'>

export interface ExchangeRunner {
  /** Logs refusals of requests that never reach the gateway. */
  readonly refusals: RefusalLog
  /** Counts the memory that slow clients hold. */
  readonly transfers: Transfers
  /** Whether all its connections are at a Unix socket. */
  readonly isAtUnixSocket: boolean
  /** A unique name for a connection. */
  name(): string
  /** The connection of a socket; a new one is kept until the socket closes. */
  connectionOf(socket: Socket): H1Connection
  /**
   * Answers one request.
   * @param awaitsContinue whether the client waits for `100 Continue` before it sends the body
   * @param target the target seen through a mount; by default that of the request line
   */
  serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean, target?: RequestTarget): void
  /** Answers an exchange of any version of HTTP. */
  answer(exchange: Exchange, target: RequestTarget): void
  /** From now on, each connection ends with its last answer in flight, or at once if there is none. */
  drain(): void
}

export function createExchangeRunner(
  gateway: Served,
  settings: ExchangeRunnerSettings,
  log: Log,
  limits: Pick<WriteLimits, 'clock' | 'slowReaderMs' | 'lingerMs'> & { readonly memory: MemoryBudget },
  isAtUnixSocket = false,
): ExchangeRunner {
  const connections = new Set<H1Connection>()
  const bySocket = new WeakMap<Socket, H1Connection>()
  const { clock, slowReaderMs, lingerMs } = limits
  let writeLimits: WriteLimits = { clock, slowReaderMs, lingerMs, draining: false }
  const entry = createEntry(gateway, settings, log, clock)
  const { refusals } = entry
  const transfers = new Transfers(limits.memory, clock, shareFor(limits.memory, settings.maxBodyBytes), () =>
    refusals.refused('overloaded', { cause: slowClient }),
  )
  let count = 0

  const name = (): string => `c${++count}`

  function connectionOf(socket: Socket): H1Connection {
    const known = bySocket.get(socket)
    if (known) return known
    const connection = new H1Connection(name(), socket, transfers, isAtUnixSocket)
    bySocket.set(socket, connection)
    connections.add(connection)
    socket.once('close', () => {
      connections.delete(connection)
      connection.close()
    })
    return connection
  }

  /**
   * Runs an exchange; an error in writing its answer ends this exchange and no other. Not an async function: every
   * request passes here, and most answers are written at once.
   */
  function begin(exchange: Exchange, target: RequestTarget): void {
    const write = (outbound: Outbound): Promise<void> | void => writeAnswer(exchange, outbound)
    const refuse = (error: unknown): Promise<void> | void => writeAnswer(exchange, refusalTo(exchange, error))
    const fail = (error: unknown): void => {
      answerable(error, log)
      exchange.cut()
    }
    try {
      const answer = answerOrRefusal(exchange, target)
      const written = isPending(answer) ? Promise.resolve(answer).then(write, refuse) : write(answer)
      if (written) written.catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  /** A refusal comes at once: after input that is in doubt, the parser may end the connection in the same turn. */
  function answerOrRefusal(exchange: Exchange, target: RequestTarget): Promise<Outbound> | Outbound {
    try {
      exchange.check()
      return entry.answer(exchange, target, exchange.host, exchange.localAddress)
    } catch (error) {
      return refusalTo(exchange, error)
    }
  }

  function refusalTo(exchange: Exchange, error: unknown): Outbound {
    const refusal = entry.refusalOf(error)
    if (refusal.code === 'bad_header' || refusal.code === 'headers_too_large') exchange.distrust()
    return exchange.method === 'POST' ? refusalText(refusal) : errorResponse(refusal)
  }

  function writeAnswer(exchange: Exchange, outbound: Outbound): Promise<void> | void {
    exchange.bodyServed()
    const settle = (): void => exchange.settle(writeLimits.draining)
    const breakOff = (error: unknown): void => {
      answerable(error, log)
      exchange.breakOff(clock, slowReaderMs)
      settle()
    }
    try {
      const writing = respond(exchange, outbound, writeLimits)
      if (writing) return writing.then(settle, breakOff)
      settle()
    } catch (error) {
      breakOff(error)
    }
  }

  return {
    refusals,
    transfers,
    isAtUnixSocket,
    name,
    connectionOf,
    answer: begin,
    serve(request, response, awaitsContinue, target = readTarget(request.url ?? '')) {
      const connection = connectionOf(request.socket)
      if (connection.refused) {
        // The end of the last request is in doubt, so this input may not be a request at all.
        request.socket.pause()
        return
      }
      const { maxBodyBytes } = settings
      const exchange = new H1Exchange(connection, request, response, target.path, maxBodyBytes, awaitsContinue)
      const before = connection.enter(exchange)
      if (before === 0) begin(exchange, target)
      else if (before <= maxPipelined) connection.serveLater(() => begin(exchange, target))
      else {
        refusals.refused('overloaded', { cause: 'too many requests in a pipeline' })
        request.socket.destroy()
      }
    },
    drain() {
      writeLimits = { ...writeLimits, draining: true }
      for (const connection of connections) if (connection.inFlight.length === 0) connection.socket.destroySoon()
    },
  }
}
