/**
 * mcplex on a server of its own: one port, or one Unix socket, for HTTP/1.1 and HTTP/2, in cleartext or over TLS, with
 * time limits.
 */
import type { Server } from 'node:http'
import { systemClock, type Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../../base/memory-budget.ts'
import { refuseConnection } from './bad-connections.ts'
import { certificateFiles, readCertificate, stampCertificate, watchCertificate } from './certificate.ts'
import type { Served } from './entry.ts'
import { createExchangeRunner } from './exchange-runner.ts'
import { createProtocolDetect, type ProtocolDetect } from './protocol-detect.ts'
import { createH1Server } from './h1-server.ts'
import { untilListening } from './until-listening.ts'
import type { HttpSettings } from './options.ts'
import { lingerMs as usualLingerMs } from './respond.ts'
import { listenAtSocketFile, type SocketFile } from './socket-file.ts'
import { createH2Connections } from './h2-connections.ts'

export { CertificateError } from './certificate.ts'
export type { Mountable, Served } from './entry.ts'
export type { HandlerOptions } from './mount.ts'
export { nodeHandler } from './node-handler.ts'
export { fastifyPlugin, type FastifyPluginOptions, type FastifyScope } from './fastify.ts'

/** Time limits, in milliseconds; only tests use other values than the defaults below. */
export interface ConnectionLimits {
  readonly headersMs: number
  readonly requestMs: number
  /** How often the two limits above are checked. */
  readonly checkEveryMs: number
  readonly keepAliveMs: number
  readonly slowReaderMs: number
  readonly lingerMs: number
  readonly clock: Clock
}

/** What a listener needs besides its settings. */
export interface ListenNeeds extends ConnectionLimits {
  /** Counts the memory of connections; without a limit by default. */
  readonly memory: MemoryBudget
}

const limits: ConnectionLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  checkEveryMs: 2_000,
  // Longer than load balancers keep idle connections (nginx and AWS: 60 s), so that the balancer closes them first: if
  // mcplex closed a connection on which a request is on its way, a client would get a 502.
  keepAliveMs: 75_000,
  slowReaderMs: 30_000,
  lingerMs: usualLingerMs,
  clock: systemClock,
}

/** Bursts of new connections wait here; the kernel may allow less. */
const backlog = 2_048

/** The settings of `listen`; defaults are in `docs/configuration.md`. */
export type ListenSettings = Pick<HttpSettings, 'host' | 'port' | 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'> &
  Partial<Pick<HttpSettings, 'socket' | 'socketMode' | 'tlsCert' | 'tlsKey' | 'maxStreams'>>

export interface HttpListener {
  /** The IP address, or the path of the Unix socket. */
  readonly address: string
  /** 0 at a Unix socket. */
  readonly port: number
  /** The URL for clients on this machine: loopback if it listens on all addresses, `localhost` at a Unix socket. */
  readonly url: string
  /** The path of the Unix socket, if it is one. */
  readonly socket: string | undefined
  /**
   * Stops accepting, ends idle connections, then each other one as it becomes idle. Never cuts an answer off. Resolves
   * when all have ended.
   */
  close(): Promise<void>
  /** Stops accepting, and cuts all connections. */
  cut(): void
}

/**
 * Listens as the settings say.
 * @returns rejects with node's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`; at a Unix socket also
 * `ENOENT` without its directory, and `EEXIST` if another file is at the path), or with a CertificateError
 */
export async function listen(
  gateway: Served,
  settings: ListenSettings,
  log: Log,
  tuning: Partial<ListenNeeds> = {},
): Promise<HttpListener> {
  const tuned = { ...limits, ...tuning, memory: tuning.memory ?? createMemoryBudget(Infinity) }
  const { clock } = tuned
  const { socket: path, maxBodyBytes, maxStreams = 2_000 } = settings
  const files = certificateFiles(settings)
  const since = files && stampCertificate(files)
  const certificate = files && (await readCertificate(files))
  const runner = createExchangeRunner(gateway, settings, log, tuned, path !== undefined)
  const h2Connections = createH2Connections(runner, { maxStreams, maxBodyBytes }, tuned, log)
  const h1Server = createH1Server(runner, tuned, certificate, () => protocolDetect)
  const protocolDetect: ProtocolDetect = createProtocolDetect(
    {
      http1: (socket) => h1Server.take(socket),
      http2: (socket) => h2Connections.take(socket),
      silent: (socket) => refuseConnection(runner, socket, 'request_timeout', tuned),
    },
    tuned,
  )
  const { server } = h1Server
  const release: Array<() => void> = [h2Connections.close, protocolDetect.close, () => runner.transfers.close()]
  if (files && since) release.push(watchCertificate(files, since, h1Server.renew, clock, log))
  const end = (): void => {
    for (const stop of release.splice(0)) stop()
  }
  let file: SocketFile | undefined
  try {
    file = await open(server, settings, clock)
  } catch (error) {
    end()
    throw error
  }
  server.on('error', (error) => log.error({ err: error }, 'http server failed'))
  return {
    ...addressOf(server, path, files !== undefined),
    close: () =>
      new Promise((resolve) => {
        // Removed while the server still listens: afterwards another server may have put its own file at the path.
        file?.remove()
        server.close(() => {
          end()
          resolve()
        })
        protocolDetect.drain()
        runner.drain()
        h2Connections.drain()
      }),
    cut() {
      file?.remove()
      server.close()
      protocolDetect.cut()
      h2Connections.cut()
      server.closeAllConnections()
    },
  }
}

/** Makes the server listen. @returns the socket file, if it is a Unix socket */
async function open(
  server: Server,
  { socket, socketMode = '600', host, port }: ListenSettings,
  clock: Clock,
): Promise<SocketFile | undefined> {
  if (socket !== undefined) return listenAtSocketFile(server, socket, Number.parseInt(socketMode, 8), backlog, clock)
  const address = host.replace(/^\[(.*)\]$/, '$1')
  await untilListening(server, () => server.listen({ host: address, port, backlog }))
  return undefined
}

/** The address of a server that listens. */
function addressOf(
  server: Server,
  path: string | undefined,
  isSecure: boolean,
): Pick<HttpListener, 'address' | 'port' | 'url' | 'socket'> {
  const scheme = isSecure ? 'https' : 'http'
  // A client at a Unix socket must name some host; localhost is always allowed.
  if (path !== undefined) return { address: path, port: 0, url: `${scheme}://localhost`, socket: path }
  const found = server.address()
  if (found === null || typeof found === 'string') throw new Error('the server has no address')
  const { address, port } = found
  return { address, port, url: `${scheme}://${urlHost(address)}:${port}`, socket: undefined }
}

function urlHost(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}
