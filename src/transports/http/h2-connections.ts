/**
 * HTTP/2: many exchanges on one connection. nghttp2 (in node) keeps the protocol and gives the streams of a connection
 * turns; what is here keeps a connection from costing more than it is worth: streams at once, resets, pings, settings,
 * idle and stalled connections. A connection that oversteps is told ENHANCE_YOUR_CALM and ended. [RFC 9113, 10.5]
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { Transfer } from '../../base/transfers.ts'
import { TokenBucket } from '../../base/token-bucket.ts'
import type { ExchangeRunner } from './exchange-runner.ts'
import { H2Exchange, type H2Connection } from './h2-exchange.ts'
import { type RequestTarget, readTarget } from './routes.ts'

export interface H2Limits {
  readonly headersMs: number
  readonly requestMs: number
  readonly checkEveryMs: number
  readonly keepAliveMs: number
  readonly slowReaderMs: number
  readonly clock: Clock
}

export interface H2Settings {
  readonly maxStreams: number
  readonly maxBodyBytes: number
}

export interface H2Connections {
  /** Serves a connection whose client speaks HTTP/2. */
  take(socket: Socket): void
  /** Tells every client that no further stream is served; connections end with their last one. */
  drain(): void
  /** Cuts all connections. */
  cut(): void
  /** Stops looking after connections; to be called when all have ended. */
  close(): void
}

/** Names are few, values may be long: the guard refuses what is beyond, and this ends what is beyond all reason. */
const maxHeaderPairs = 256
const maxHeaderBytes = 16_384

/** Makes clients reconnect now and then, so that they spread over new instances; too rare to cost anything. */
const maxRequests = 100_000

/** What node may hold for one connection before it takes no further stream, in its unit of a million bytes. */
const maxMemory = 64

/**
 * Streams that a client ended before it got an answer: a crowd of calls may be cancelled at once, but not for ever.
 * Node 20 ends connections beyond 1,000 and 33 a second by itself, whatever was reset. [CVE-2023-44487]
 */
const resets = { burst: 500, perSecond: 30 }

/** Pings and changes of settings, each of which has to be answered. [CVE-2019-9512, CVE-2019-9515] */
const nuisances = { burst: 1_000, perSecond: 50 }

export function createH2Connections(
  edge: Pick<ExchangeRunner, 'name' | 'answer' | 'transfers'>,
  settings: H2Settings,
  limits: H2Limits,
  log: Log,
): H2Connections {
  const { clock } = limits
  const connections = new Set<StreamConnection>()
  let isDraining = false
  const lookout = clock.every(limits.checkEveryMs, () => {
    for (const connection of connections) connection.look()
  })
  const options = {
    maxHeaderListPairs: maxHeaderPairs,
    maxSessionMemory: maxMemory,
    maxSessionInvalidFrames: 100,
    // Unknown to Node 20, which keeps to its own numbers.
    streamResetBurst: Math.max(1_000, 2 * settings.maxStreams),
    streamResetRate: 100,
    settings: { maxConcurrentStreams: settings.maxStreams, maxHeaderListSize: maxHeaderBytes },
  }
  return {
    take(socket) {
      // Node's HTTP/1.1 server leaves its half open when a client has sent all; here the end of one is the end of both.
      socket.allowHalfOpen = false
      const session = performServerHandshake(socket, options)
      const connection = new StreamConnection(session, socket, edge, settings.maxBodyBytes, limits)
      connections.add(connection)
      session.once('close', () => {
        connections.delete(connection)
        connection.close()
        log.debug({ protocol: 'h2', connection: connection.name, streams: connection.served }, 'connection ends')
      })
      if (isDraining) connection.end()
    },
    drain() {
      isDraining = true
      for (const connection of connections) connection.end()
    },
    cut() {
      for (const connection of connections) connection.cut()
    },
    close: () => lookout.stop(),
  }
}

class StreamConnection implements H2Connection {
  readonly name: string
  readonly localAddress: string | undefined
  readonly maxBodyBytes: number
  /** Streams that were begun. */
  served = 0
  readonly #session: ServerHttp2Session
  readonly #edge: Pick<ExchangeRunner, 'answer' | 'transfers'>
  readonly #limits: H2Limits
  readonly #streams = new Map<ServerHttp2Stream, H2Exchange>()
  /** Listeners that all streams share: there may be thousands, most of which wait. */
  readonly #onAborted: (this: ServerHttp2Stream) => void
  readonly #onClose: (this: ServerHttp2Stream) => void
  readonly #resets: TokenBucket
  readonly #nuisances: TokenBucket
  /** Since when no stream is open. */
  #idleSinceMs: number
  /** Since when it owes us a sign of life. */
  #suspectSinceMs: number | undefined
  #memory: MemoryAccount | undefined

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    edge: Pick<ExchangeRunner, 'name' | 'answer' | 'transfers'>,
    maxBodyBytes: number,
    limits: H2Limits,
  ) {
    const { clock } = limits
    this.name = edge.name()
    this.localAddress = socket.localAddress
    this.maxBodyBytes = maxBodyBytes
    this.#session = session
    this.#edge = edge
    this.#limits = limits
    this.#resets = new TokenBucket(clock, resets.burst, resets.perSecond)
    this.#nuisances = new TokenBucket(clock, nuisances.burst, nuisances.perSecond)
    this.#idleSinceMs = clock.now()
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags, ...rest: unknown[]) =>
      this.#begin(stream, headers, rest[0]),
    )
    // What went wrong is told to the peer; its streams are told one by one.
    session.on('error', ignore)
    const abort = (stream: ServerHttp2Stream): void => this.#abort(stream)
    const leave = (stream: ServerHttp2Stream): void => this.#leave(stream)
    this.#onAborted = function onAborted() {
      abort(this)
    }
    this.#onClose = function onClose() {
      leave(this)
    }
    const nuisance = (): void => {
      if (!this.#nuisances.take()) this.#calm()
    }
    session.on('ping', nuisance)
    session.on('remoteSettings', nuisance)
  }

  now(): number {
    return this.#limits.clock.now()
  }

  get memory(): MemoryAccount {
    return (this.#memory ??= this.#edge.transfers.account())
  }

  transfer(cut: () => void): Transfer {
    return this.#edge.transfers.begin(this.memory, cut)
  }

  /** It has ended. */
  close(): void {
    this.#memory?.close()
  }

  #begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: unknown): void {
    this.served++
    // Errors of a stream are ends of it, which are told below.
    stream.on('error', ignore)
    if (stream.aborted || stream.destroyed) return this.#countReset()
    const target = targetOf(headers)
    // Names and values in turn, of which the types of node do not know.
    const rawHeaders: readonly string[] = Array.isArray(raw) ? raw : []
    const exchange = new H2Exchange(this, stream, headers, rawHeaders, target.path)
    this.#streams.set(stream, exchange)
    stream.on('aborted', this.#onAborted)
    stream.on('close', this.#onClose)
    this.#edge.answer(exchange, target)
    if (this.served === maxRequests) this.end()
  }

  /** The client has ended a stream before its answer was complete. */
  #abort(stream: ServerHttp2Stream): void {
    if (!stream.headersSent) this.#countReset()
    this.#streams.get(stream)?.abandon()
  }

  #leave(stream: ServerHttp2Stream): void {
    this.#streams.get(stream)?.leave()
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#idleSinceMs = this.now()
  }

  #countReset(): void {
    if (!this.#session.destroyed && !this.#resets.take()) this.#calm()
  }

  #calm(): void {
    this.#session.destroy(new Error('too much of it'), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  /** Asks for a sign of life: a connection that takes nothing at all is no better than a closed one. */
  suspect(): void {
    const session = this.#session
    if (this.#suspectSinceMs !== undefined || session.destroyed) return
    this.#suspectSinceMs = this.now()
    const isAsked = session.ping((error) => {
      if (error === null) this.#suspectSinceMs = undefined
    })
    if (!isAsked) session.destroy()
  }

  look(): void {
    const { headersMs, requestMs, keepAliveMs, slowReaderMs } = this.#limits
    const now = this.now()
    if (this.#suspectSinceMs !== undefined && now - this.#suspectSinceMs > slowReaderMs) return this.cut()
    for (const exchange of this.#streams.values()) exchange.look(requestMs, slowReaderMs)
    if (this.#streams.size === 0) {
      // As on HTTP/1.1: the first request has to come soon, and the pause between two is longer.
      const idleMs = this.served === 0 ? headersMs : keepAliveMs
      if (now - this.#idleSinceMs <= idleMs) return
      // One that was told and is still there has left a head unfinished.
      if (this.#session.closed) this.cut()
      else this.end()
    }
  }

  /** Takes no further stream, and ends with the last of those that are open. [RFC 9113, 6.8] */
  end(): void {
    this.#session.close()
  }

  cut(): void {
    this.#session.destroy()
  }
}

function ignore(): void {}

/** A path that begins with a slash is one; anything else is nothing that is served. [RFC 9113, 8.3.1] */
function targetOf(headers: IncomingHttpHeaders): RequestTarget {
  const path = headers[':path'] ?? ''
  return path.startsWith('/') ? readTarget(path) : { path, query: '' }
}
