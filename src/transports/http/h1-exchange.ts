/**
 * An exchange on `node:http`, and the connection it came in on. The connection does for all of its exchanges what
 * would cost a listener each: it tells those in flight when the client is gone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { Holder, Transfer, Transfers } from '../../base/transfers.ts'
import { IncomingBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkAccept, checkContent, checkFraming, checkHeaders, declaredLength } from './guard.ts'
import { readTarget } from './routes.ts'
import { keepBody, noText } from './body-memory.ts'
import { prereadBody } from './preread-body.ts'

/** A body of this size that nobody wants is cheaper to read to its end than a new connection. */
const cheapToDropBytes = 65_536

/** Requests that may wait on a connection for the one before them. A client that pipelines more is cut. */
export const maxPipelined = 32

export class H1Connection implements Holder {
  readonly name: string
  readonly socket: Socket
  /** The first is being served, the others wait for it; several only if the client pipelines. */
  readonly inFlight: H1Exchange[] = []
  /** Set when what was sent cannot be trusted to mean what it seems; what still arrives means nothing. */
  refused = false
  readonly #transfers: Transfers
  readonly #waiting: Array<() => void> = []
  #memory: MemoryAccount | undefined

  constructor(name: string, socket: Socket, transfers: Transfers) {
    this.name = name
    this.socket = socket
    this.#transfers = transfers
  }

  /** Counts what is kept for it: most connections never keep anything. */
  get memory(): MemoryAccount {
    return (this.#memory ??= this.#transfers.account())
  }

  /** Counts what is kept because its client is slow. */
  transfer(cut: () => void): Transfer {
    return this.#transfers.begin(this.memory, cut)
  }

  /**
   * Takes an exchange in, to be served when those before it are answered. Served side by side, answers would be kept
   * for as long as the first one takes, which may be a stream without an end. [RFC 9112, 9.3.2: requests with side
   * effects are not processed in parallel]
   * @returns how many are before it
   */
  enter(exchange: H1Exchange): number {
    return this.inFlight.push(exchange) - 1
  }

  /** Serves an exchange in its turn. */
  serveLater(serve: () => void): void {
    this.#waiting.push(serve)
  }

  /** Tells every exchange in flight that nobody waits for it any more. */
  cancel(reason: string): void {
    this.#waiting.length = 0
    for (const exchange of this.inFlight.splice(0)) exchange.closed.cancel(reason)
  }

  /** Its socket is closed. */
  close(): void {
    this.cancel('client gone')
    this.#memory?.close()
  }

  /** Forgets an exchange that was answered, and serves the next. */
  settle(exchange: H1Exchange): void {
    const at = this.inFlight.indexOf(exchange)
    if (at < 0) return
    this.inFlight.splice(at, 1)
    // Behind a request whose end is in doubt nothing is what it seems.
    if (!this.refused) this.#waiting.shift()?.()
  }
}

export class H1Exchange implements Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly of: H1Connection
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly #maxBodyBytes: number
  #awaitsContinue: boolean
  #text: Promise<string> | undefined
  #keptBytes = 0

  constructor(
    of: H1Connection,
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

  get unsentBytes(): number {
    return this.response.writableLength
  }

  get isOver(): boolean {
    return this.response.writableFinished || this.response.destroyed
  }

  onOver(listener: () => void): void {
    this.response.once('close', listener)
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
    const text = await this.#textOf(length)
    this.#keptBytes = keepBody(text, this.of)
    return text
  }

  #textOf(length: number): Promise<string> | string {
    const { request, of } = this
    // Only behind a framework, which may have read it on the way.
    if (request.readableDidRead) return prereadBody(request, this.#maxBodyBytes)
    return new IncomingBody(request, length, Number.isNaN(length), this.#maxBodyBytes, this.closed, of).text
  }

  bodyServed(): void {
    if (this.#keptBytes > 0) this.of.memory.release(this.#keptBytes)
    this.#keptBytes = 0
    // The answer may be a stream without an end.
    if (this.#text) this.#text = noText
  }

  transfer(): Transfer {
    return this.of.transfer(() => this.cut())
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
