/**
 * HTTP/1.1 with limits of time and size, over TLS if there is a certificate: the server that listens. Which connections
 * it serves itself is said by whoever takes them at the front. [R11, R13]
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { refuseConnection, whyBroken, type LingerOptions } from './bad-connections.ts'
import type { Certificate } from './certificate.ts'
import type { ExchangeRunner } from './exchange-runner.ts'
import type { ProtocolDetect } from './protocol-detect.ts'

export interface H1Limits extends LingerOptions {
  readonly headersMs: number
  readonly requestMs: number
  readonly checkEveryMs: number
  readonly keepAliveMs: number
}

export interface H1Server {
  readonly server: Server | SecureServer
  /** Serves a connection whose client speaks HTTP/1.1. */
  take(socket: Socket): void
  /** From the next handshake on. */
  renew(certificate: Certificate): void
}

const maxHeaderBytes = 16_384

/** Makes clients reconnect now and then, so that they spread over new instances; too rare to cost anything. */
const maxRequestsPerSocket = 100_000

/** @param protocolDetect takes every connection, and gives back to `take` what is HTTP/1.1 */
export function createH1Server(
  edge: ExchangeRunner,
  limits: H1Limits,
  certificate: Certificate | undefined,
  protocolDetect: () => ProtocolDetect,
): H1Server {
  const options = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    keepAliveTimeout: limits.keepAliveMs,
    // The guard does, and stops reading what follows.
    requireHostHeader: false,
    noDelay: true,
    // Finds clients that vanished without a word even when nothing is sent to them.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  }
  const secure =
    certificate &&
    createSecureServer({
      ...options,
      ...certificate,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: limits.headersMs,
    })
  const server = secure ?? createServer(options)
  server.maxRequestsPerSocket = maxRequestsPerSocket
  // Node would drop the headers above its limit silently; the guard refuses the request instead.
  server.maxHeadersCount = 0
  // Node's own way of taking a connection, to be gone when the client turns out to speak HTTP/1.1.
  const arrival = secure ? 'secureConnection' : 'connection'
  const own = server.listeners(arrival)
  server.removeAllListeners(arrival)
  server.on(arrival, (socket) => {
    if (secure) protocolDetect().takeSecure(socket)
    else protocolDetect().take(socket)
  })
  if (secure) secure.prependListener('connection', (socket: Socket) => protocolDetect().await(socket))
  server.on('request', (request, response) => edge.serve(request, response, false))
  server.on('checkContinue', (request, response) => edge.serve(request, response, true))
  server.on('connect', (_request: IncomingMessage, socket: Socket) =>
    refuseConnection(edge, socket, 'method_not_allowed', limits),
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A client that went away in the middle of its request is answered, for it may listen still, but is no news.
    refuseConnection(edge, socket, whyBroken(error.code), limits, error.code === 'HPE_INVALID_EOF_STATE')
  })
  return {
    server,
    take(socket) {
      edge.connectionOf(socket)
      for (const listener of own) listener.call(server, socket)
    },
    renew: (fresh) => secure?.setSecureContext({ ...fresh }),
  }
}
