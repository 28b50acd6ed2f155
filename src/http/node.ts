/**
 * mcplex on a server of its own, with time limits, and with an answer for what is not even HTTP. [R11, R13]
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock, type Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Refusal, type RefusalCode } from '../base/refusal.ts'
import { refusalOutbound } from '../protocol/refusal-answer.ts'
import type { Served } from './door.ts'
import { createEdge, type Edge } from './edge.ts'
import type { HttpSettings } from './options.ts'
import { lingerMs as usualLingerMs } from './respond.ts'

export type { Served } from './door.ts'
export { nodeHandler, type HandlerOptions, type Mountable } from './node-handler.ts'

/** The limits of time, in milliseconds; other values than these are for tests. */
export interface Limits {
  readonly headersMs: number
  readonly requestMs: number
  /** How often the two above are checked. */
  readonly checkEveryMs: number
  readonly keepAliveMs: number
  readonly slowReaderMs: number
  readonly lingerMs: number
  readonly clock: Clock
}

const limits: Limits = {
  headersMs: 10_000,
  requestMs: 30_000,
  checkEveryMs: 2_000,
  // Longer than balancers keep idle connections (nginx and AWS: 60 s), so that it is they who close them: a
  // connection closed under a request that is on its way is a 502 for somebody.
  keepAliveMs: 75_000,
  slowReaderMs: 30_000,
  lingerMs: usualLingerMs,
  clock: systemClock,
}

const maxHeaderBytes = 16_384

/** Makes clients reconnect now and then, so that they spread over new instances; too rare to cost anything. */
const maxRequestsPerSocket = 100_000

/** Bursts of new connections wait here; the kernel may allow less. */
const backlog = 2_048

export interface Listener {
  readonly address: string
  readonly port: number
  /** Where clients reach it; loopback if it listens on all addresses. */
  readonly url: string
  /**
   * Stops accepting, ends the connections that are idle, then the others as they become idle.
   * @returns when all have ended; never cuts an answer off
   */
  close(): Promise<void>
  /** Cuts all connections. */
  cut(): void
}

/**
 * Listens as the settings say.
 * @returns rejects with node's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`)
 */
export async function listen(
  gateway: Served,
  settings: HttpSettings,
  log: Log,
  tuning: Partial<Limits> = {},
): Promise<Listener> {
  const tuned = { ...limits, ...tuning }
  const edge = createEdge(gateway, settings, log, tuned)
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: tuned.headersMs,
    requestTimeout: tuned.requestMs,
    connectionsCheckingInterval: tuned.checkEveryMs,
    keepAliveTimeout: tuned.keepAliveMs,
    // The guard does, and stops reading what follows.
    requireHostHeader: false,
    noDelay: true,
    // Finds clients that vanished without a word even when nothing is sent to them.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  })
  server.maxRequestsPerSocket = maxRequestsPerSocket
  // Node would drop the headers above its limit silently; the guard refuses the request instead.
  server.maxHeadersCount = 0
  server.on('connection', (socket: Socket) => void edge.connectionOf(socket))
  server.on('request', (request, response) => edge.serve(request, response, false))
  server.on('checkContinue', (request, response) => edge.serve(request, response, true))
  server.on('connect', (_request: IncomingMessage, socket: Socket) =>
    refuseConnection(edge, socket, 'method_not_allowed', tuned),
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A client that went away in the middle of its request is answered, for it may listen still, but is no news.
    refuseConnection(edge, socket, whyBroken(error.code), tuned, error.code === 'HPE_INVALID_EOF_STATE')
  })
  const { address, port } = await open(server, settings)
  server.on('error', (error) => log.error({ err: error }, 'http server failed'))
  return {
    address,
    port,
    url: `http://${urlHost(address)}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        edge.drain()
      }),
    cut: () => server.closeAllConnections(),
  }
}

function open(server: Server, settings: HttpSettings): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: settings.host.replace(/^\[(.*)\]$/, '$1'), port: settings.port, backlog }, () => {
      server.off('error', reject)
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('the server has no address'))
      else resolve(address)
    })
  })
}

function urlHost(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}

/** What is wrong with a connection that the parser or the clock gave up. */
function whyBroken(code: string | undefined): RefusalCode | undefined {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'request_too_large'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout'
    default:
      return 'bad_header'
  }
}

/**
 * Answers what never became a request, and closes. If an answer may be under way on that connection, or is owed for
 * an earlier request, it is only closed: what we wrote would be read as that answer. [R06]
 */
function refuseConnection(
  edge: Edge,
  socket: Socket,
  code: RefusalCode | undefined,
  { clock, lingerMs }: Limits,
  quiet = false,
): void {
  const connection = edge.connectionOf(socket)
  if (connection.refused) return
  connection.refused = true
  if (code !== undefined && !quiet) edge.refusals.refused(code)
  const [current, ...others] = connection.inFlight
  const isOwed =
    current !== undefined && (others.length > 0 || current.request.complete || current.response.headersSent)
  connection.cancel('connection refused')
  if (code === undefined || isOwed || !socket.writable) {
    socket.destroy()
    return
  }
  const notHttp = code === 'bad_header' ? { message: 'This is not a valid HTTP/1.1 request.' } : {}
  const { status, headers, body } = refusalOutbound(new Refusal(code, notHttp))
  const text = typeof body === 'string' ? body : ''
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n`
  for (const name of Object.keys(headers)) head += `${name}: ${headers[name] ?? ''}\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  // What still arrives is read and dropped meanwhile: closing on unread input would reset the answer away.
  clock.after(lingerMs, () => socket.destroy())
}
