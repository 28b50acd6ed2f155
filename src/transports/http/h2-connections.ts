/**
 * HTTP/2: many exchanges on one connection. nghttp2 (in node) implements the protocol and schedules the streams of a
 * connection; this file bounds what a connection may cost: concurrent streams, resets, pings, settings, idle and
 * stalled connections. A connection that exceeds a bound is ended with ENHANCE_YOUR_CALM. [RFC 9113, 10.5]
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { Transfer } from '../../base/transfers.ts'
import { TokenBucket } from '../../base/token-bucket.ts'
import { unixPeer } from '../../protocol/inbound.ts'
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
  /** Tells every client that no further stream is accepted; each connection ends with its last stream. */
  drain(): void
  /** Cuts all connections. */
  cut(): void
  /** Stops the periodic checks; to be called when all connections have ended. */
  close(): void
}

/** The guard refuses requests with too many headers; a stream beyond these bounds is ended before that. */
const maxHeaderPairs = 256
const maxHeaderBytes = 16_384

/** Makes clients reconnect now and then, so that they spread over new instances; too rare to cost anything. */
const maxRequests = 100_000

/** How much memory node may use for one connection before it accepts no further stream, in units of a million bytes. */
const maxMemory = 64

/**
 * How many streams a client may reset before their answers begin: many calls may be cancelled at once, but not on and
 * on. Node 20 itself ends connections beyond 1,000 resets of any kind and 33 a second. [CVE-2023-44487]
 */
const resets = { burst: 500, perSecond: 30 }

/** Pings and changes of settings, each of which must be acknowledged. [CVE-2019-9512, CVE-2019-9515] */
const controlFrames = { burst: 1_000, perSecond: 50 }

export function createH2Connections(
  runner: Pick<ExchangeRunner, 'name' | 'answer' | 'transfers' | 'isAtUnixSocket'>,
  settings: H2Settings,
  limits: H2Limits,
  log: Log,
): H2Connections {
  const { clock } = limits
  const connections = new Set<H2ServerConnection>()
  let isDraining = false
  const checks = clock.every(limits.checkEveryMs, () => {
    for (const connection of connections) connection.checkTimeouts()
  })
  const options = {
    maxHeaderListPairs: maxHeaderPairs,
    maxSessionMemory: maxMemory,
    maxSessionInvalidFrames: 100,
    // Node 20 does not know these two options and uses its own numbers.
    streamResetBurst: Math.max(1_000, 2 * settings.maxStreams),
    streamResetRate: 100,
    settings: { maxConcurrentStreams: settings.maxStreams, maxHeaderListSize: maxHeaderBytes },
  }
  return {
    take(socket) {
      // Node's HTTP/1.1 server allows half-open connections; here the client's end ends the connection.
      socket.allowHalfOpen = false
      const session = performServerHandshake(socket, options)
      const connection = new H2ServerConnection(session, socket, runner, settings.maxBodyBytes, limits)
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
    close: () => checks.stop(),
  }
}

class H2ServerConnection implements H2Connection {
  readonly name: string
  readonly localAddress: string | undefined
  readonly remoteAddress: string | undefined
  readonly maxBodyBytes: number
  /** How many streams have begun. */
  served = 0
  readonly #session: ServerHttp2Session
  readonly #runner: Pick<ExchangeRunner, 'answer' | 'transfers'>
  readonly #limits: H2Limits
  readonly #streams = new Map<ServerHttp2Stream, H2Exchange>()
  /** Listeners that all streams share, since there may be thousands of streams. */
  readonly #onAborted: (this: ServerHttp2Stream) => void
  readonly #onClose: (this: ServerHttp2Stream) => void
  readonly #resets: TokenBucket
  readonly #controlFrames: TokenBucket
  /** Since when no stream is open. */
  #idleSinceMs: number
  /** Since when a ping to the client is unanswered. */
  #pingedSinceMs: number | undefined
  #memory: MemoryAccount | undefined

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    runner: Pick<ExchangeRunner, 'name' | 'answer' | 'transfers' | 'isAtUnixSocket'>,
    maxBodyBytes: number,
    limits: H2Limits,
  ) {
    const { clock } = limits
    this.name = runner.name()
    this.localAddress = socket.localAddress
    this.remoteAddress = runner.isAtUnixSocket ? unixPeer : socket.remoteAddress
    this.maxBodyBytes = maxBodyBytes
    this.#session = session
    this.#runner = runner
    this.#limits = limits
    this.#resets = new TokenBucket(clock, resets.burst, resets.perSecond)
    this.#controlFrames = new TokenBucket(clock, controlFrames.burst, controlFrames.perSecond)
    this.#idleSinceMs = clock.now()
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags, ...rest: unknown[]) =>
      this.#begin(stream, headers, rest[0]),
    )
    // Node reports the error to the peer, and ends each stream with an event of its own.
    session.on('error', ignore)
    const abort = (stream: ServerHttp2Stream): void => this.#abort(stream)
    const remove = (stream: ServerHttp2Stream): void => this.#remove(stream)
    this.#onAborted = function onAborted() {
      abort(this)
    }
    this.#onClose = function onClose() {
      remove(this)
    }
    const countControlFrame = (): void => {
      if (!this.#controlFrames.take()) this.#closeAbusive()
    }
    session.on('ping', countControlFrame)
    session.on('remoteSettings', countControlFrame)
  }

  now(): number {
    return this.#limits.clock.now()
  }

  get memory(): MemoryAccount {
    return (this.#memory ??= this.#runner.transfers.account())
  }

  transfer(cut: () => void): Transfer {
    return this.#runner.transfers.begin(this.memory, cut)
  }

  /** Called when the connection has ended. */
  close(): void {
    this.#memory?.close()
  }

  #begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: unknown): void {
    this.served++
    // An error of a stream also ends it, which the listeners below handle.
    stream.on('error', ignore)
    if (stream.aborted || stream.destroyed) return this.#countReset()
    const target = targetOf(headers)
    // Names and values, alternating; the types of node leave this argument out.
    const rawHeaders: readonly string[] = Array.isArray(raw) ? raw : []
    const exchange = new H2Exchange(this, stream, headers, rawHeaders, target.path)
    this.#streams.set(stream, exchange)
    stream.on('aborted', this.#onAborted)
    stream.on('close', this.#onClose)
    this.#runner.answer(exchange, target)
    if (this.served === maxRequests) this.end()
  }

  /** The client has ended a stream before its answer was complete. */
  #abort(stream: ServerHttp2Stream): void {
    if (!stream.headersSent) this.#countReset()
    this.#streams.get(stream)?.abandon()
  }

  #remove(stream: ServerHttp2Stream): void {
    this.#streams.get(stream)?.onClosed()
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#idleSinceMs = this.now()
  }

  #countReset(): void {
    if (!this.#session.destroyed && !this.#resets.take()) this.#closeAbusive()
  }

  #closeAbusive(): void {
    this.#session.destroy(new Error('too many resets or control frames'), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  /** Pings the client: a connection that does not answer for a while has stalled and is cut. */
  checkAlive(): void {
    const session = this.#session
    if (this.#pingedSinceMs !== undefined || session.destroyed) return
    this.#pingedSinceMs = this.now()
    const isPinged = session.ping((error) => {
      if (error === null) this.#pingedSinceMs = undefined
    })
    if (!isPinged) session.destroy()
  }

  /** Cuts streams that take too long, and the connection if it is stalled or idle. */
  checkTimeouts(): void {
    const { headersMs, requestMs, keepAliveMs, slowReaderMs } = this.#limits
    const now = this.now()
    if (this.#pingedSinceMs !== undefined && now - this.#pingedSinceMs > slowReaderMs) return this.cut()
    for (const exchange of this.#streams.values()) exchange.checkTimeouts(requestMs, slowReaderMs)
    if (this.#streams.size === 0) {
      // As on HTTP/1.1: the first request must come soon, the pause between two may be longer.
      const idleMs = this.served === 0 ? headersMs : keepAliveMs
      if (now - this.#idleSinceMs <= idleMs) return
      // A connection that was told to end and is still open has sent incomplete headers.
      if (this.#session.closed) this.cut()
      else this.end()
    }
  }

  /** Accepts no further stream, and ends with the last open one. [RFC 9113, 6.8] */
  end(): void {
    this.#session.close()
  }

  cut(): void {
    this.#session.destroy()
  }
}

function ignore(): void {}

/**
 * The target of a request. A path without a leading slash is kept as it is, and no route matches it. [RFC 9113, 8.3.1]
 */
function targetOf(headers: IncomingHttpHeaders): RequestTarget {
  const path = headers[':path'] ?? ''
  return path.startsWith('/') ? readTarget(path) : { path, query: '' }
}
