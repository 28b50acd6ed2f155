/**
 * An exchange on `node:http`, and the connection it came in on. The connection does for all of its exchanges what
 * would cost a listener each: it tells those in flight when the client is gone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkAccept, checkContent, checkFraming, checkHeaders, declaredLength } from './guard.ts'
import { readTarget } from './routes.ts'
import { takenBody } from './taken-body.ts'

/** A body of this size that nobody wants is cheaper to read to its end than a new connection. */
const cheapToDropBytes = 65_536

export class Connection {
  readonly name: string
  readonly socket: Socket
  /** Several only if the client pipelines. */
  readonly inFlight: MessageExchange[] = []
  /** Set when what was sent cannot be trusted to mean what it seems; what still arrives means nothing. */
  refused = false

  constructor(name: string, socket: Socket) {
    this.name = name
    this.socket = socket
  }

  /** Tells every exchange in flight that nobody waits for it any more. */
  cancel(reason: string): void {
    for (const exchange of this.inFlight.splice(0)) exchange.closed.cancel(reason)
  }

  /** Forgets an exchange that was answered. */
  settle(exchange: MessageExchange): void {
    const at = this.inFlight.indexOf(exchange)
    if (at >= 0) this.inFlight.splice(at, 1)
  }
}

export class MessageExchange implements Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly of: Connection
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly #maxBodyBytes: number
  #awaitsContinue: boolean
  #text: Promise<string> | undefined

  constructor(
    of: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    maxBodyBytes: number,
    awaitsContinue: boolean,
  ) {
    this.of = of
    this.request = request
    this.response = response
    this.method = request.method ?? ''
    this.path = path
    this.headers = request.headers
    this.#maxBodyBytes = maxBodyBytes
    this.#awaitsContinue = awaitsContinue
  }

  get query(): string {
    return readTarget(this.request.url ?? '').query
  }

  get connection(): string {
    return this.of.name
  }

  get host(): string | undefined {
    return this.request.headers.host
  }

  get localAddress(): string | undefined {
    return this.request.socket.localAddress
  }

  /** Node ends a connection with the first answer that says so, even if others are owed on it. */
  get isAlone(): boolean {
    return this.of.inFlight.length === 1
  }

  /** A client that waits for permission to send will not send what was refused. */
  get leavesTooMuch(): boolean {
    const { request } = this
    if (this.of.refused || this.#awaitsContinue) return true
    if (request.complete) return false
    if (request.headers['transfer-encoding'] !== undefined) return true
    return !(Number(request.headers['content-length'] ?? 0) <= cheapToDropBytes)
  }

  get isFlushed(): boolean {
    const { socket } = this.response
    return socket !== null && socket.writableLength === 0
  }

  get isOver(): boolean {
    return this.response.writableFinished || this.response.destroyed
  }

  get isBehindAnother(): boolean {
    return this.response.socket === null
  }

  check(): void {
    const { rawHeaders, httpVersion, headers } = this.request
    checkHeaders(rawHeaders)
    checkFraming(httpVersion, headers.host, headers['transfer-encoding'])
  }

  distrust(): void {
    this.of.refused = true
  }

  /** @throws Refusal see `Inbound`, and those of a wrong type or Accept: they come after authentication. */
  body(): Promise<string> {
    return (this.#text ??= this.#read())
  }

  async #read(): Promise<string> {
    const { request } = this
    const headers = request.headers
    const length = declaredLength(headers['content-length'], headers['transfer-encoding'], this.#maxBodyBytes)
    if (length !== undefined) checkContent(headers['content-type'], headers['content-encoding'])
    checkAccept(this.method, headers.accept, this.path)
    if (length === undefined) return ''
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false
      this.response.writeContinue()
    }
    // Only behind a framework, which may have read it on the way.
    if (request.readableDidRead) return takenBody(request, this.#maxBodyBytes)
    return readBody(request, length, this.#maxBodyBytes, this.closed)
  }

  begin(status: number, lines: string[]): void {
    this.response.writeHead(status, lines)
  }

  flush(): void {
    this.response.flushHeaders()
  }

  write(text: string): boolean {
    return this.response.write(text)
  }

  end(text?: string): void {
    this.response.end(text)
  }

  onDrain(listener: () => void): () => void {
    const { response } = this
    response.on('drain', listener)
    return () => void response.off('drain', listener)
  }

  drop(listener: () => void): void {
    const { request } = this
    // What follows a request that cannot be trusted has no end that anybody could name.
    if (!this.of.refused) request.once('end', listener)
    request.resume()
  }

  cut(): void {
    this.request.socket.destroy()
  }

  breakOff(clock: Clock, patienceMs: number): void {
    const { socket } = this.request
    socket.destroySoon()
    clock.after(patienceMs, () => socket.destroy())
  }

  settle(isDraining: boolean): void {
    this.of.settle(this)
    if (isDraining) this.#part()
  }

  /** Ends a connection that was promised to go on before the drain began, once its last answer is out. */
  #part(): void {
    const { of, response } = this
    if (of.inFlight.length > 0) return
    if (this.isOver) of.socket.destroySoon()
    else response.once('finish', () => of.socket.destroySoon())
  }
}
