/**
 * An exchange on a stream of an HTTP/2 connection. A stream that ends is a client that is gone for this exchange, and
 * for no other of its connection. [RFC 9113]
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Cancel } from '../../base/cancel.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import { IncomingBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkAccept, checkContent, checkHeaders, declaredLength } from './guard.ts'
import { keepBody, noText, smallBytes } from './body-memory.ts'
import { readTarget } from './routes.ts'

/** What belongs to the connection and is said of HTTP/1.1 only. [RFC 9113, 8.2.2] */
const ofTheConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** What a stream knows of the connection that it shares. */
export interface H2Connection extends Holder {
  readonly name: string
  readonly localAddress: string | undefined
  readonly maxBodyBytes: number
  now(): number
  /** Told when a reader was cut for taking nothing: the whole connection may have stalled. */
  suspect(): void
}

export class H2Exchange implements Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly isAlone = false
  /** What still comes of a request is stopped by itself, and harms no other. */
  readonly leavesTooMuch = false
  /** Its connection watches for answers that nobody takes. */
  readonly isFlushed = true
  readonly isBehindAnother = false
  readonly #of: H2Connection
  readonly #stream: ServerHttp2Stream
  readonly #given: IncomingHttpHeaders
  #raw: readonly string[]
  #head: Record<string, string | number> | undefined
  #text: Promise<string> | undefined
  #body: IncomingBody | undefined
  #bodyBeganMs = 0
  #keptBytes = 0
  /** What was written to the end of the stream and was not taken. */
  #sending: Transfer | undefined
  #endedMs: number | undefined

  constructor(
    of: H2Connection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    path: string,
  ) {
    this.#of = of
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
    return this.#of.name
  }

  /** `:authority` is the host; a header beside it must say the same, or two readers would read two hosts. */
  get host(): string | undefined {
    return this.#given[':authority'] ?? this.#given.host
  }

  get localAddress(): string | undefined {
    return this.#of.localAddress
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
    // A stream may stand for days.
    this.#raw = []
    if (authority === undefined && host === undefined) throw new Refusal('bad_header')
    if (authority !== undefined && host !== undefined && authority !== host) throw new Refusal('bad_header')
    if (this.method === 'CONNECT') throw new Refusal('method_not_allowed')
  }

  /** Where a stream ends is never in doubt. */
  distrust(): void {}

  /** @throws Refusal see `Inbound`, and those of a wrong type or Accept: they come after authentication. */
  body(): Promise<string> {
    return (this.#text ??= this.#read())
  }

  async #read(): Promise<string> {
    const given = this.#given
    const { maxBodyBytes } = this.#of
    const hasBody = !this.#stream.endAfterHeaders
    const length = declaredLength(given['content-length'], undefined, maxBodyBytes)
    if (hasBody) checkContent(given['content-type'], given['content-encoding'])
    checkAccept(this.method, given.accept, this.path)
    // A length beside an end of the stream that denies it never gets here. [RFC 9113, 8.1.1]
    if (!hasBody) return ''
    if (length !== undefined && given.expect?.toLowerCase() === '100-continue') {
      this.#stream.additionalHeaders({ [constants.HTTP2_HEADER_STATUS]: constants.HTTP_STATUS_CONTINUE })
    }
    this.#bodyBeganMs = this.#of.now()
    // Its end is waited for, however long it was said to be: only there it is known to be whole.
    this.#body = new IncomingBody(this.#stream, length ?? Number.NaN, true, maxBodyBytes, this.closed, this.#of)
    const text = await this.#body.text.finally(() => (this.#body = undefined))
    this.#keptBytes = keepBody(text, this.#of)
    return text
  }

  bodyServed(): void {
    if (this.#keptBytes > 0) this.#of.memory.release(this.#keptBytes)
    this.#keptBytes = 0
    // The answer may be a stream without an end.
    if (this.#text) this.#text = noText
  }

  transfer(): Transfer {
    return this.#of.transfer(() => this.cut())
  }

  begin(status: number, lines: string[]): void {
    const head: Record<string, string | number> = { ':status': status }
    for (let i = 0; i < lines.length; i += 2) {
      const name = (lines[i] ?? '').toLowerCase()
      if (!ofTheConnection.has(name)) head[name] = lines[i + 1] ?? ''
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
    this.#endedMs = this.#of.now()
    const stream = this.#stream
    if (isBare) stream.end()
    else {
      stream.end(text)
      if (text.length > smallBytes && !this.#keepSending(text.length)) return this.cut()
    }
    if (stream.readableEnded || stream.endAfterHeaders) return
    // The rest of the request is wanted no more: that is no fault. [RFC 9113, 8.1]
    stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  }

  /** Counts the end of the answer until the stream is closed; false if it may not be kept. */
  #keepSending(bytes: number): boolean {
    this.#sending = this.transfer()
    return this.#sending.take(bytes) === 'kept'
  }

  /** Sends the head, if it was not yet; false if there is nobody to send it to. */
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
    this.#of.suspect()
  }

  breakOff(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  settle(): void {}

  /** What its connection calls when the client has ended the stream before the answer was complete. */
  abandon(): void {
    this.closed.cancel('client gone')
    // Whatever nobody reads would keep the stream.
    this.#stream.resume()
  }

  /** What its connection calls when the stream is no more. */
  leave(): void {
    this.#sending?.end()
  }

  /** What its connection calls now and then: cuts what takes too long. */
  look(requestMs: number, slowReaderMs: number): void {
    const now = this.#of.now()
    if (this.#body !== undefined && now - this.#bodyBeganMs > requestMs)
      this.#body.refuse(new Refusal('request_timeout'))
    if (this.#endedMs !== undefined && now - this.#endedMs > slowReaderMs && !this.#stream.destroyed) {
      this.#endedMs = undefined
      this.cut()
    }
  }
}
