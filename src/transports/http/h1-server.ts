/**
 * The listening server: HTTP/1.1 with limits of time and size, over TLS if there is a certificate. Protocol detection
 * takes each new connection, and gives those of HTTP/1.1 back to it.
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
  /** Uses another certificate from the next handshake on. */
  renew(certificate: Certificate): void
}

const maxHeaderBytes = 16_384

/** Makes clients reconnect now and then, so that they spread over new instances; too rare to cost anything. */
const maxRequestsPerSocket = 100_000

/** @param protocolDetect takes every connection, and passes those of HTTP/1.1 to `take` */
export function createH1Server(
  runner: ExchangeRunner,
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
    // The guard requires it instead, and then distrusts further input.
    requireHostHeader: false,
    noDelay: true,
    // TCP keep-alive finds vanished clients even when nothing is sent to them.
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
  // Node's own listeners for new connections: called once the client turns out to speak HTTP/1.1.
  const arrival = secure ? 'secureConnection' : 'connection'
  const nodeListeners = server.listeners(arrival)
  server.removeAllListeners(arrival)
  server.on(arrival, (socket) => {
    if (secure) protocolDetect().takeSecure(socket)
    else protocolDetect().take(socket)
  })
  if (secure) secure.prependListener('connection', (socket: Socket) => protocolDetect().await(socket))
  server.on('request', (request, response) => runner.serve(request, response, false))
  server.on('checkContinue', (request, response) => runner.serve(request, response, true))
  server.on('connect', (_request: IncomingMessage, socket: Socket) =>
    refuseConnection(runner, socket, 'method_not_allowed', limits),
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A client that ended its input in mid-request may still read the answer, but the refusal is not logged.
    refuseConnection(runner, socket, whyBroken(error.code), limits, error.code === 'HPE_INVALID_EOF_STATE')
  })
  return {
    server,
    take(socket) {
      runner.connectionOf(socket)
      for (const listener of nodeListeners) listener.call(server, socket)
    },
    renew: (fresh) => secure?.setSecureContext({ ...fresh }),
  }
}
