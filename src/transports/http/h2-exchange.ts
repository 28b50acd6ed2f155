/**
 * An exchange on a stream of an HTTP/2 connection. The end of a stream cancels this exchange and no other of the
 * connection. [RFC 9113]
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Cancel } from '../../base/cancel.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import { IncomingBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkAccept, checkContent, checkHeaders, declaredLength } from './guard.ts'
import { noText, smallBytes } from './body-memory.ts'
import { readTarget } from './routes.ts'

/** Headers about the connection, which only HTTP/1.1 has. [RFC 9113, 8.2.2] */
const connectionHeaders = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** The connection, as its exchanges see it. */
export interface H2Connection extends Holder {
  readonly name: string
  readonly localAddress: string | undefined
  readonly remoteAddress: string | undefined
  readonly maxBodyBytes: number
  now(): number
  /** Called when an answer was cut because its reader takes nothing: the whole connection may have stalled. */
  checkAlive(): void
}

export class H2Exchange implements Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly isAlone = false
  /** A stream can be ended alone, without its connection. */
  readonly leavesTooMuch = false
  /** The connection itself watches for readers that take nothing. */
  readonly isFlushed = true
  readonly isBehindAnother = false
  readonly #owner: H2Connection
  readonly #stream: ServerHttp2Stream
  readonly #given: IncomingHttpHeaders
  #raw: readonly string[]
  #head: Record<string, string | number> | undefined
  #text: Promise<string> | undefined
  #body: IncomingBody | undefined
  /** Since when the body is awaited; undefined if it is not. In milliseconds of the clock. */
  #readingSinceMs: number | undefined
  /** Counts the end of the answer while the reader has not taken it. */
  #sending: Transfer | undefined
  #endedMs: number | undefined

  constructor(
    owner: H2Connection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    path: string,
  ) {
    this.#owner = owner
    this.#stream = stream
    this.#given = headers
    this.#raw = raw
    this.method = headers[':method'] ?? ''
    this.path = path
    this.headers = headers
  }

  get query(): string {
    return readTarget(this.#given[':path'] ?? '').query
  }

  get connection(): string {
    return this.#owner.name
  }

  /** The host is `:authority`. A Host header beside it must be equal, or two programs could read two hosts. */
  get host(): string | undefined {
    return this.#given[':authority'] ?? this.#given.host
  }

  get remoteAddress(): string | undefined {
    return this.#owner.remoteAddress
  }

  get localAddress(): string | undefined {
    return this.#owner.localAddress
  }

  get unsentBytes(): number {
    return this.#stream.writableLength
  }

  get isOver(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  check(): void {
    const { ':authority': authority, host } = this.#given
    checkHeaders(this.#raw)
    // A stream may last for days, so the raw headers are released.
    this.#raw = []
    if (authority === undefined && host === undefined) throw new Refusal('bad_header')
    if (authority !== undefined && host !== undefined && authority !== host) throw new Refusal('bad_header')
    if (this.method === 'CONNECT') throw new Refusal('method_not_allowed')
  }

  /** Does nothing: the end of a stream is never in doubt. */
  distrust(): void {}

  /** @throws Refusal as `Inbound` says; Content-Type and Accept are checked here, so after authentication */
  body(): Promise<string> {
    return (this.#text ??= this.#read())
  }

  async #read(): Promise<string> {
    const given = this.#given
    const { maxBodyBytes } = this.#owner
    const hasBody = !this.#stream.endAfterHeaders
    const length = declaredLength(given['content-length'], undefined, maxBodyBytes)
    if (hasBody) checkContent(given['content-type'], given['content-encoding'])
    checkAccept(this.method, given.accept, this.path)
    // nghttp2 refuses a stream whose length contradicts its end. [RFC 9113, 8.1.1]
    if (!hasBody) return ''
    if (length !== undefined && given.expect?.toLowerCase() === '100-continue') {
      this.#stream.additionalHeaders({ [constants.HTTP2_HEADER_STATUS]: constants.HTTP_STATUS_CONTINUE })
    }
    this.#readingSinceMs = this.#owner.now()
    // Read to the end of the stream, whatever the declared length: only then it is known to be complete.
    this.#body = new IncomingBody(this.#stream, length ?? Number.NaN, true, maxBodyBytes, this.closed, this.#owner)
    return this.#body.text.finally(() => (this.#readingSinceMs = undefined))
  }

  bodyServed(): void {
    // The answer may be an endless stream, during which the text must not stay in memory.
    this.#body?.release()
    this.#body = undefined
    if (this.#text) this.#text = noText
  }

  transfer(): Transfer {
    return this.#owner.transfer(() => this.cut())
  }

  begin(status: number, lines: string[]): void {
    const head: Record<string, string | number> = { ':status': status }
    for (let i = 0; i < lines.length; i += 2) {
      const name = (lines[i] ?? '').toLowerCase()
      if (!connectionHeaders.has(name)) head[name] = lines[i + 1] ?? ''
    }
    this.#head = head
  }

  flush(): void {
    this.#sendHead(false)
  }

  write(text: string): boolean {
    if (!this.#sendHead(false)) return false
    return this.#stream.write(text)
  }

  end(text = ''): void {
    const isBare = text === '' || this.method === 'HEAD'
    if (!this.#sendHead(isBare)) return
    this.#endedMs = this.#owner.now()
    const stream = this.#stream
    if (isBare) stream.end()
    else {
      stream.end(text)
      if (text.length > smallBytes && !this.#keepSending(text.length)) return this.cut()
    }
    if (stream.readableEnded || stream.endAfterHeaders) return
    // Ends the rest of the request without an error. [RFC 9113, 8.1]
    stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  }

  /** Counts the end of the answer until the stream closes; false if there is no memory for it. */
  #keepSending(bytes: number): boolean {
    this.#sending = this.transfer()
    return this.#sending.take(bytes) === 'reserved'
  }

  /** Sends the headers, if they are not sent yet; false if the stream has closed. */
  #sendHead(isAll: boolean): boolean {
    const stream = this.#stream
    if (stream.destroyed || stream.closed) return false
    const head = this.#head
    if (head === undefined) return true
    this.#head = undefined
    stream.respond(head, { endStream: isAll })
    return true
  }

  onDrain(listener: () => void): () => void {
    const stream = this.#stream
    stream.on('drain', listener)
    return () => void stream.off('drain', listener)
  }

  onOver(listener: () => void): void {
    this.#stream.once('close', listener)
  }

  drop(listener: () => void): void {
    this.#stream.once('end', listener)
    this.#stream.resume()
  }

  cut(): void {
    this.closed.cancel('client too slow')
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    this.#owner.checkAlive()
  }

  breakOff(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  settle(): void {}

  /** Called by the connection when the client has ended the stream before the answer was complete. */
  abandon(): void {
    this.closed.cancel('client gone')
    // Unread input would keep the stream in memory.
    this.#stream.resume()
  }

  /** Called by the connection when the stream has closed. */
  onClosed(): void {
    this.#sending?.end()
  }

  /** Called by the connection now and then: refuses a body, and cuts an answer, that takes too long. */
  checkTimeouts(requestMs: number, slowReaderMs: number): void {
    const now = this.#owner.now()
    if (this.#readingSinceMs !== undefined && now - this.#readingSinceMs > requestMs)
      this.#body?.refuse(new Refusal('request_timeout'))
    if (this.#endedMs !== undefined && now - this.#endedMs > slowReaderMs && !this.#stream.destroyed) {
      this.#endedMs = undefined
      this.cut()
    }
  }
}
