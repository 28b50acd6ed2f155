/** A message of the client on its way, the requests in it that await a response, and the states of both. */
import { Cancel } from '../base/cancel.ts'
import { idKey, type RequestMessage } from '../protocol/jsonrpc.ts'

/** Methods that may run twice without harm. */
const idempotent = new Set([
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

/**
 * A request of the client that needs a response.
 * - `awaited`: the client waits for it;
 * - `cancelled`: the client does not wait any more, but gets a response that comes all the same;
 * - `answered`: the client has got it.
 */
export class ExpectedResponse {
  readonly request: RequestMessage
  /** The id of the request, as a key. */
  readonly key: string
  #state: 'awaited' | 'cancelled' | 'answered' = 'awaited'
  /** The state before the response. */
  #before: 'awaited' | 'cancelled' = 'awaited'

  constructor(request: RequestMessage) {
    this.request = request
    this.key = idKey(request.id)
  }

  get state(): 'awaited' | 'cancelled' | 'answered' {
    return this.#state
  }

  get isAnswered(): boolean {
    return this.#state === 'answered'
  }

  /** The client wants no response any more. */
  cancel(): void {
    if (this.#state === 'awaited') this.#state = 'cancelled'
  }

  /** The response is given to the client. */
  answer(): void {
    if (this.#state !== 'answered') this.#before = this.#state
    this.#state = 'answered'
  }

  /** The response could not be given to the client: the request is as it was before. */
  notDelivered(): void {
    if (this.#state === 'answered') this.#state = this.#before
  }
}

/**
 * A message of the client that is sent in one POST.
 * - `unsent`: nothing of it can have reached the server;
 * - `sent`: it may have reached the server;
 * - `closed`: its responses are not wanted any more.
 */
export class ClientMessage {
  readonly text: string
  /** The requests in it: one, those of a batch, or none. */
  readonly expected: readonly ExpectedResponse[]
  /** Whether it completes the handshake: other messages of the session wait for it. */
  readonly isHandshake: boolean
  /** Fires when it is closed. */
  readonly closed: Cancel = new Cancel()
  /** The id of the last event of its stream that was passed on: the stream can be resumed after it. */
  lastEventId: string | undefined
  /** How long the server asks to wait before a resume, in milliseconds. */
  retryMs: number | undefined
  #state: 'unsent' | 'sent' | 'closed' = 'unsent'

  constructor(text: string, expected: readonly ExpectedResponse[], isHandshake = false) {
    this.text = text
    this.expected = expected
    this.isHandshake = isHandshake
  }

  get state(): 'unsent' | 'sent' | 'closed' {
    return this.#state
  }

  /** Whether the client still waits for a response. */
  get isAwaited(): boolean {
    return this.#state !== 'closed' && this.expected.some(({ state }) => state === 'awaited')
  }

  /** Whether all requests in it may run twice without harm. */
  get isIdempotent(): boolean {
    return this.expected.every(({ request }) => idempotent.has(request.method))
  }

  /**
   * Notes an attempt to send it.
   * @param mayHaveArrived false once it is certain that the server has not run it
   */
  attempted(mayHaveArrived: boolean): void {
    if (this.#state !== 'closed') this.#state = mayHaveArrived ? 'sent' : 'unsent'
  }

  /** The server has refused it without running anything of it. */
  wasNotRun(): void {
    this.attempted(false)
  }

  close(reason: string): void {
    this.#state = 'closed'
    this.closed.cancel(reason)
  }
}
