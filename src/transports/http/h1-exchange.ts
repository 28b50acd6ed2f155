/**
 * An exchange on `node:http`, and its connection. The connection tells all its exchanges in flight when the client
 * disconnects, otherwise each exchange needs a listener of its own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { Holder, Transfer, Transfers } from '../../base/transfers.ts'
import { unixPeer } from '../../protocol/inbound.ts'
import { IncomingBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkAccept, checkContent, checkFraming, checkHeaders, declaredLength } from './guard.ts'
import { readTarget } from './routes.ts'
import { keepBody, noText } from './body-memory.ts'
import { prereadBody } from './preread-body.ts'

/** Reading an unwanted body up to this size is cheaper than a new connection. */
const cheapToDropBytes = 65_536

/** How many requests may wait on a connection for the one before them. A client that pipelines more is cut. */
export const maxPipelined = 32

export class H1Connection implements Holder {
  readonly name: string
  readonly socket: Socket
  /** The first is being answered, the others wait; there are several only if the client pipelines. */
  readonly inFlight: H1Exchange[] = []
  /** Set when the end of a request is in doubt: further input is not read as requests. */
  refused = false
  readonly #transfers: Transfers
  readonly #isAtUnixSocket: boolean
  readonly #waiting: Array<() => void> = []
  #memory: MemoryAccount | undefined

  /** @param isAtUnixSocket told by who listens: a socket whose client has gone looks the same */
  constructor(name: string, socket: Socket, transfers: Transfers, isAtUnixSocket: boolean) {
    this.name = name
    this.socket = socket
    this.#transfers = transfers
    this.#isAtUnixSocket = isAtUnixSocket
  }

  get remoteAddress(): string | undefined {
    return this.#isAtUnixSocket ? unixPeer : this.socket.remoteAddress
  }

  /** Counts the memory of the connection; opened on first use, because most connections need none. */
  get memory(): MemoryAccount {
    return (this.#memory ??= this.#transfers.account())
  }

  /** Counts the memory that is held because its client is slow. */
  transfer(cut: () => void): Transfer {
    return this.#transfers.begin(this.memory, cut)
  }

  /**
   * Adds an exchange, to be run when those before it are answered. If they ran in parallel, answers would be kept until
   * the first one ends, which may be an endless stream. [RFC 9112, 9.3.2: requests with side effects are not processed
   * in parallel]
   * @returns how many exchanges are before it
   */
  enter(exchange: H1Exchange): number {
    return this.inFlight.push(exchange) - 1
  }

  /** Runs an exchange once those before it are answered. */
  serveLater(serve: () => void): void {
    this.#waiting.push(serve)
  }

  /** Cancels all exchanges in flight. */
  cancel(reason: string): void {
    this.#waiting.length = 0
    for (const exchange of this.inFlight.splice(0)) exchange.closed.cancel(reason)
  }

  /** Called when its socket has closed. */
  close(): void {
    this.cancel('client gone')
    this.#memory?.close()
  }

  /** Removes an answered exchange, and runs the next. */
  settle(exchange: H1Exchange): void {
    const at = this.inFlight.indexOf(exchange)
    if (at < 0) return
    this.inFlight.splice(at, 1)
    // If the end of a request is in doubt, what follows it may not be a request.
    if (!this.refused) this.#waiting.shift()?.()
  }
}

export class H1Exchange implements Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly owner: H1Connection
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly #maxBodyBytes: number
  #awaitsContinue: boolean
  #body: IncomingBody | undefined
  #isBodyRead = false
  #text: Promise<string> | undefined
  /** Bytes counted for a body that a framework had read. */
  #prereadBytes = 0

  constructor(
    owner: H1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    maxBodyBytes: number,
    awaitsContinue: boolean,
  ) {
    this.owner = owner
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
    return this.owner.name
  }

  get remoteAddress(): string | undefined {
    return this.owner.remoteAddress
  }

  get host(): string | undefined {
    return this.request.headers.host
  }

  get localAddress(): string | undefined {
    return this.request.socket.localAddress
  }

  /**
   * Node ends a connection after the first answer with `Connection: close`, even if other answers are still to come.
   */
  get isAlone(): boolean {
    return this.owner.inFlight.length === 1
  }

  /** A client that waits for `100 Continue` will not send a refused body. */
  get leavesTooMuch(): boolean {
    const { request } = this
    if (this.owner.refused || this.#awaitsContinue) return true
    // Node says so only some turns after the last byte of the body was read.
    if (request.complete || this.#isBodyRead || this.#body?.isWhole === true) return false
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
    this.owner.refused = true
  }

  /** @throws Refusal as `Inbound` says; Content-Type and Accept are checked here, so after authentication */
  body(): Promise<string> {
    return (this.#text ??= this.#read())
  }

  #read(): Promise<string> {
    try {
      return this.#begin()
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #begin(): Promise<string> {
    const { request, owner } = this
    const headers = request.headers
    const length = declaredLength(headers['content-length'], headers['transfer-encoding'], this.#maxBodyBytes)
    if (length !== undefined) checkContent(headers['content-type'], headers['content-encoding'])
    checkAccept(this.method, headers.accept, this.path)
    if (length === undefined) return noText
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false
      this.response.writeContinue()
    }
    // Behind a framework, a body parser may have read the body already.
    if (request.readableDidRead) {
      const text = prereadBody(request, this.#maxBodyBytes)
      this.#prereadBytes = keepBody(text, owner)
      return Promise.resolve(text)
    }
    this.#body = new IncomingBody(request, length, Number.isNaN(length), this.#maxBodyBytes, this.closed, owner)
    return this.#body.text
  }

  bodyServed(): void {
    if (this.#prereadBytes > 0) this.owner.memory.release(this.#prereadBytes)
    this.#prereadBytes = 0
    // The answer may be an endless stream, during which the text must not stay in memory.
    this.#isBodyRead ||= this.#body?.isWhole === true
    this.#body?.release()
    this.#body = undefined
    if (this.#text) this.#text = noText
  }

  transfer(): Transfer {
    return this.owner.transfer(() => this.cut())
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
    // If the end of the request is in doubt, it cannot be waited for.
    if (!this.owner.refused) request.once('end', listener)
    request.resume()
  }

  cut(): void {
    this.request.socket.destroy()
  }

  breakOff(clock: Clock, lingerMs: number): void {
    const { socket } = this.request
    socket.destroySoon()
    clock.after(lingerMs, () => socket.destroy())
  }

  settle(isDraining: boolean): void {
    this.owner.settle(this)
    if (isDraining) this.#endConnection()
  }

  /** Ends the connection once its last answer is sent, for answers that began before the drain as keep-alive. */
  #endConnection(): void {
    const { owner, response } = this
    if (owner.inFlight.length > 0) return
    if (this.isOver) owner.socket.destroySoon()
    else response.once('finish', () => owner.socket.destroySoon())
  }
}
