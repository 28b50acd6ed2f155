/**
 * One request and its answer as the core sees it, and the connection it came in on. The connection does for all of
 * its exchanges what would cost a listener each: it tells those in flight when the client is gone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Cancel } from '../base/cancel.ts'
import type { Inbound } from '../protocol/inbound.ts'
import { readBody } from './body.ts'
import { checkAccept, checkContent, declaredLength } from './guard.ts'
import { readTarget } from './routes.ts'
import { takenBody } from './taken-body.ts'

/** A body of this size that nobody wants is cheaper to read to its end than a new connection. */
const cheapToDropBytes = 65_536

export class Connection {
  readonly name: string
  readonly socket: Socket
  /** Several only if the client pipelines. */
  readonly inFlight: Exchange[] = []
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
  settle(exchange: Exchange): void {
    const at = this.inFlight.indexOf(exchange)
    if (at >= 0) this.inFlight.splice(at, 1)
  }
}

export class Exchange implements Inbound {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly of: Connection
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly closed: Cancel = new Cancel()
  /** The origin of the page that asks, once it was let in. */
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

  get connection(): string {
    return this.of.name
  }

  get query(): string {
    return readTarget(this.request.url ?? '').query
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

  /**
   * Whether too much of the request is still to come for another one to follow it on this connection: the answer
   * must end the connection. A client that waits for permission to send will not send what was refused.
   */
  get leavesTooMuch(): boolean {
    const { request } = this
    if (this.#awaitsContinue) return true
    if (request.complete) return false
    if (request.headers['transfer-encoding'] !== undefined) return true
    return !(Number(request.headers['content-length'] ?? 0) <= cheapToDropBytes)
  }
}
