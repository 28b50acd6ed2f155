/**
 * Serves one client over lines: each line becomes an HTTP exchange as a client over HTTP would send it, and each
 * response becomes lines. Clients of both eras are served; each message decides its era. The cost of a line is bounded;
 * an invalid line is answered with an error and affects no other. [stdio transport, all revisions]
 *
 * The exchanges are answered by the gateway in this process, or by a remote endpoint.
 */
import { Cancel } from '../../base/cancel.ts'
import { reserve } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { isModernMessage } from '../../protocol/classify.ts'
import { elementTexts, memberText } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'
import {
  idKey,
  type Message,
  type NotificationMessage,
  readMessage,
  type RequestMessage,
  type ResponseMessage,
  responseText,
  type RpcId,
} from '../../protocol/jsonrpc.ts'
import { mayBatch } from '../../protocol/legacy-server.ts'
import { checkMessage, checkMeta, hasProperMeta } from '../../protocol/incoming.ts'
import { answerable, errorAnswerOf } from '../../protocol/error-response.ts'
import type { ClientContext, ClientNeeds } from '../../client/client-context.ts'
import { ClientMessage, ExpectedResponse } from '../../client/client-message.ts'
import { idIn, parse } from './parse-line.ts'
import { openGetStream } from '../../client/get-stream.ts'
import { failUnanswered, runAlone, runInSession, runOpening, sendInSession } from '../../client/requests.ts'
import type { DeliveryContext } from '../../client/deliver.ts'
import { openListenStream } from '../../client/listen-stream.ts'
import { createParamHeaders } from '../../client/param-headers.ts'
import { ClientSession, type OpenSession } from '../../client/session.ts'

export interface StdioServer {
  /** Handles one line of the client. */
  line(text: string): void
  /** Refuses a line that is not UTF-8: with replacement characters it would be a different message. */
  garbled(text: string): void
  /** Refuses a line that was too long and was dropped. */
  dropped(): void
  /** Resolves when all requests are answered, except `subscriptions/listen`. */
  settled(): Promise<void>
  /** Ends all waits, the streams and the session. */
  close(): Promise<void>
}

/** How many messages may be unfinished at once; further ones are refused. Their texts are counted as memory. */
const maxMessages = 1024

const listenMethod = 'subscriptions/listen'

/** If a cancelled call still runs after this time, its cancellation is sent again. */
const cancelAgainMs = 1000

export function createStdioServer(needs: ClientNeeds): StdioServer {
  return new LineServer(needs)
}

class LineServer implements StdioServer {
  readonly #delivery: DeliveryContext
  readonly #context: ClientContext
  readonly #session: ClientSession
  readonly #messages = new Set<ClientMessage>()
  /** How many calls run, and those that wait for one of them to end. */
  #runningCalls = 0
  readonly #waitingCalls: Array<() => void> = []
  /** The session whose GET stream is open. */
  #listenedSession: OpenSession | undefined
  /** Called when all requests are answered. */
  readonly #onSettled: Array<() => void> = []

  constructor(needs: ClientNeeds) {
    this.#context = { ...needs, leaving: new Cancel() }
    this.#session = new ClientSession(this.#context, (session) => this.#listenTo(session))
    this.#delivery = {
      context: this.#context,
      session: this.#session,
      paramHeaders: createParamHeaders(this.#context.memory.sent),
    }
  }

  line(text: string): void {
    let id: RpcId | undefined
    try {
      const value = parse(text)
      if (Array.isArray(value)) return this.#batch(text)
      const message = readMessage(text, value)
      id = message.kind === 'malformed' || message.kind === 'request' ? message.id : undefined
      this.#take(text, checkMessage(message))
    } catch (error) {
      this.#refuse(error, id)
    }
  }

  garbled(text: string): void {
    this.#refuse(new Refusal('parse_error', { message: 'The line is not valid UTF-8.' }), idIn(text))
  }

  dropped(): void {
    this.#refuse(new Refusal('request_too_large', { message: 'The line is too long.' }), undefined)
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled.push(resolve)
      this.#tellSettled()
    })
  }

  async close(): Promise<void> {
    this.#context.leaving.cancel('the client is done')
    for (const clientMessage of this.#messages) clientMessage.close('the client is done')
    await this.#session.end()
  }

  #take(text: string, message: Message): void {
    if (message.kind === 'response') this.#answer(text, message)
    else if (message.kind === 'notification') this.#notify(text, message)
    else this.#request(text, message)
  }

  #request(text: string, request: RequestMessage): void {
    checkMeta(request)
    const expected = new ExpectedResponse(request)
    const clientMessage = new ClientMessage(text, [expected])
    if (request.method === listenMethod && isModernMessage(request, undefined)) {
      this.#run(clientMessage, () => openListenStream(clientMessage, expected, this.#delivery))
    } else if (isModernMessage(request, undefined)) {
      this.#run(clientMessage, () =>
        this.#whenAllowed(clientMessage, () => runAlone(clientMessage, expected, this.#delivery)),
      )
    } else if (request.method === 'initialize' && !this.#session.isOpenOrOpening) {
      this.#run(clientMessage, () => runOpening(clientMessage, request, this.#delivery))
    } else if (request.method === 'ping' && !this.#session.isOpenOrOpening) {
      // [lifecycle] a ping is allowed before the handshake, when there is no session to send it in
      void this.#context.writeOwn(`{"jsonrpc":"2.0","id":${request.id},"result":{}}`)
    } else this.#run(clientMessage, () => this.#whenAllowed(clientMessage, () => this.#inSession(clientMessage)))
  }

  /** [2025-03-26 batching] several messages in one line, for the one revision that has them */
  #batch(text: string): void {
    const { session } = this.#session
    if (!session || !mayBatch(session.version)) throw new Refusal('invalid_request')
    const messages = elementTexts(text).map((element) => checkMessage(readMessage(element, JSON.parse(element))))
    messages.forEach(checkMeta)
    const requests = messages.filter((message) => message.kind === 'request')
    if (messages.length === 0 || requests.some(({ method }) => method === 'initialize'))
      throw new Refusal('invalid_request')
    const expected = requests.map((request) => new ExpectedResponse(request))
    const clientMessage = new ClientMessage(text, expected)
    this.#run(clientMessage, () => this.#whenAllowed(clientMessage, () => this.#inSession(clientMessage)))
  }

  #notify(text: string, message: NotificationMessage): void {
    // [JSON-RPC 2.0, 4.1] a notification is never answered, not even an invalid one
    if (!hasProperMeta(message)) return
    if (message.method === 'notifications/cancelled') {
      const id = message.params && memberText(message.params.text, 'requestId')
      const clientMessage = id === undefined ? undefined : this.#cancel(idKey(id))
      if (clientMessage) this.#tellCancelled(text, clientMessage)
    } else if (this.#session.isOpenOrOpening && !isModernMessage(message, undefined)) {
      const isHandshake = message.method === 'notifications/initialized'
      const handshake = new ClientMessage(text, [], isHandshake)
      this.#run(handshake, () => {
        const done = isHandshake ? this.#session.completing() : undefined
        return this.#inSession(handshake).finally(done)
      })
    }
  }

  /**
   * Sends a cancellation, and sends it again if the call still runs after a while: over HTTP, a cancellation may
   * overtake the request that it names.
   */
  #tellCancelled(text: string, cancelled: ClientMessage): void {
    const clientMessage = new ClientMessage(text, [])
    this.#run(clientMessage, () => this.#inSession(clientMessage))
    if (this.#context.waitMs === 0) return
    this.#context.clock.after(cancelAgainMs, () => {
      if (!this.#messages.has(cancelled) || this.#context.leaving.cancelled) return
      const again = new ClientMessage(text, [])
      try {
        this.#run(again, () => this.#inSession(again))
      } catch {
        // No memory for it. It was sent once; the second time is a service that the client did not ask for.
      }
    })
  }

  /** Cancels the latest request with an id. Returns its message if the server must be told by a notification. */
  #cancel(key: string): ClientMessage | undefined {
    for (const clientMessage of [...this.#messages].toReversed()) {
      const expected = clientMessage.expected.find((one) => one.key === key && !one.isAnswered)
      if (!expected) continue
      expected.cancel()
      // Without a session, closing the exchange cancels the request. A message that was not sent is just dropped.
      const isClosing =
        isModernMessage(expected.request, undefined) ||
        (clientMessage.state !== 'sent' && clientMessage.expected.length === 1)
      if (isClosing) clientMessage.close('cancelled by the client')
      return isClosing ? undefined : clientMessage
    }
    return undefined
  }

  /** Passes on an answer of the client to a request that the server sent in this session. */
  #answer(text: string, message: ResponseMessage): void {
    if (message.id === undefined || !this.#session.answered(message.id)) return
    const clientMessage = new ClientMessage(text, [])
    this.#run(clientMessage, () => this.#inSession(clientMessage))
  }

  async #inSession(clientMessage: ClientMessage): Promise<void> {
    const run = clientMessage.expected.length > 0 ? runInSession : runWithoutAnswer
    await run(clientMessage, this.#delivery)
    const { session } = this.#session
    if (session) this.#listenTo(session)
  }

  #listenTo(session: OpenSession): void {
    if (this.#listenedSession === session || this.#context.leaving.cancelled) return
    this.#listenedSession = session
    void openGetStream(session, this.#delivery)
  }

  #run(clientMessage: ClientMessage, run: () => Promise<void>): void {
    if (this.#messages.size >= maxMessages)
      throw new Refusal('too_many_calls', { message: 'Too many messages are unfinished.' })
    const memory = this.#context.memory.sent
    const bytes = jsonWeight(clientMessage.text)
    reserve(memory, bytes)
    this.#messages.add(clientMessage)
    void run()
      .catch((error: unknown) => failUnanswered(clientMessage, error, this.#delivery))
      .finally(() => {
        this.#messages.delete(clientMessage)
        memory.release(bytes)
        this.#tellSettled()
      })
  }

  /**
   * Runs a call when fewer than `maxCalls` run. Idempotent requests run at once: above all, a ping must not wait for
   * calls.
   */
  async #whenAllowed(clientMessage: ClientMessage, run: () => Promise<void>): Promise<void> {
    if (clientMessage.isIdempotent) return run()
    if (this.#runningCalls < this.#context.maxCalls) this.#runningCalls++
    else await new Promise<void>((resolve) => this.#waitingCalls.push(resolve))
    try {
      await run()
    } finally {
      const next = this.#waitingCalls.shift()
      if (next) next()
      else this.#runningCalls--
    }
  }

  #tellSettled(): void {
    for (const { expected } of this.#messages) if (expected[0]?.request.method !== listenMethod) return
    for (const resolve of this.#onSettled.splice(0)) resolve()
  }

  #refuse(error: unknown, id: RpcId | undefined): void {
    const refusal = answerable(error, this.#context.log)
    void this.#context.writeOwn(responseText(id, errorAnswerOf(refusal)))
  }
}

/** Sends a notification or an answer, which gets no response of its own. */
async function runWithoutAnswer(clientMessage: ClientMessage, delivery: DeliveryContext): Promise<void> {
  const { clock, waitMs } = delivery.context
  await sendInSession(clientMessage, clock.now() + waitMs, delivery)
}
