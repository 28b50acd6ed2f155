/**
 * Serves one client that speaks lines: each line becomes a request as a client over HTTP would send it, and each
 * response becomes lines. Both eras, decided message by message. What a line may cost is bounded; a line that
 * is no message is answered as that and harms no other. [stdio transport, all revisions]
 *
 * What answers the exchanges is handed in: the gateway itself, or one that is far away.
 */
import { Cancel } from '../../base/cancel.ts'
import { keep } from '../../base/memory-budget.ts'
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
import {
  type ClientContext,
  type SentMessage,
  sentMessage,
  type ClientNeeds,
  type ExpectedResponse,
} from '../../client/client-context.ts'
import { idIn, parse } from './parse-line.ts'
import { openGetStream } from '../../client/get-stream.ts'
import { answerAll, isIdempotent, runAlone, runInSession, runOpening, sendInSession } from '../../client/requests.ts'
import type { DeliveryContext } from '../../client/deliver.ts'
import { openListenStream } from '../../client/listen-stream.ts'
import { createParamHeaders } from '../../client/param-headers.ts'
import { ClientSession, type OpenSession } from '../../client/session.ts'

export interface StdioServer {
  /** Takes one line of the client. */
  line(text: string): void
  /** A line that is not UTF-8: run as it reads, it would be another message. */
  garbled(text: string): void
  /** A line was too long to be taken. */
  dropped(): void
  /** Resolves when every request that was taken is answered, but for those that only listen. */
  settled(): Promise<void>
  /** Waits for nothing any more, ends the streams and the session. */
  close(): Promise<void>
}

/** What may be on its way or in line at once: a client that sends without end is told. What they say is counted. */
const maxMessages = 1024

const listening = 'subscriptions/listen'

/** A cancelled call that is still there after this time has not heard of it. */
const overtakenMs = 1000

export function createStdioServer(needs: ClientNeeds): StdioServer {
  return new LineServer(needs)
}

class LineServer implements StdioServer {
  readonly #delivery: DeliveryContext
  readonly #context: ClientContext
  readonly #session: ClientSession
  readonly #sentMessages = new Set<SentMessage>()
  /** Calls that are carried now, and those in line behind them. */
  #calls = 0
  readonly #line: Array<() => void> = []
  /** The session that is listened to. */
  #heard: OpenSession | undefined
  /** Told when nothing is owed any more. */
  readonly #waiting: Array<() => void> = []

  constructor(needs: ClientNeeds) {
    this.#context = { ...needs, leaving: new Cancel() }
    this.#session = new ClientSession(this.#context, (standing) => this.#listenTo(standing))
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
      this.#waiting.push(resolve)
      this.#tellSettled()
    })
  }

  async close(): Promise<void> {
    this.#context.leaving.cancel('the client is done')
    for (const sent of this.#sentMessages) sent.closed.cancel('the client is done')
    await this.#session.end()
  }

  #take(text: string, message: Message): void {
    if (message.kind === 'response') this.#answer(text, message)
    else if (message.kind === 'notification') this.#notify(text, message)
    else this.#request(text, message)
  }

  #request(text: string, request: RequestMessage): void {
    checkMeta(request)
    const owed: ExpectedResponse = { request, key: idKey(request.id), isAnswered: false, isCancelled: false }
    const sent = sentMessage(text, [owed])
    if (request.method === listening && isModernMessage(request, undefined)) {
      this.#run(sent, () => openListenStream(sent, owed, this.#delivery))
    } else if (isModernMessage(request, undefined)) {
      this.#run(sent, () => this.#inTurn(sent, () => runAlone(sent, owed, this.#delivery)))
    } else if (request.method === 'initialize' && !this.#session.isThere) {
      this.#run(sent, () => runOpening(sent, request, this.#delivery))
    } else if (request.method === 'ping' && !this.#session.isThere) {
      // [lifecycle] allowed before the handshake, and there is nobody yet to be asked
      void this.#context.writeOwn(`{"jsonrpc":"2.0","id":${request.id},"result":{}}`)
    } else this.#run(sent, () => this.#inTurn(sent, () => this.#inSession(sent)))
  }

  /** [2025-03-26 batching] several messages in one line, for the one revision that has them */
  #batch(text: string): void {
    const { session: standing } = this.#session
    if (!standing || !mayBatch(standing.version)) throw new Refusal('invalid_request')
    const messages = elementTexts(text).map((element) => checkMessage(readMessage(element, JSON.parse(element))))
    messages.forEach(checkMeta)
    const requests = messages.filter((message) => message.kind === 'request')
    if (messages.length === 0 || requests.some(({ method }) => method === 'initialize'))
      throw new Refusal('invalid_request')
    const owed = requests.map((request) => ({
      request,
      key: idKey(request.id),
      isAnswered: false,
      isCancelled: false,
    }))
    const sent = sentMessage(text, owed)
    this.#run(sent, () => this.#inTurn(sent, () => this.#inSession(sent)))
  }

  #notify(text: string, message: NotificationMessage): void {
    // [JSON-RPC 2.0, 4.1] a notification is not answered, whatever is wrong with it
    if (!hasProperMeta(message)) return
    if (message.method === 'notifications/cancelled') {
      const id = message.params && memberText(message.params.text, 'requestId')
      const sent = id === undefined ? undefined : this.#cancel(idKey(id))
      if (sent) this.#tellCancelled(text, sent)
    } else if (this.#session.isThere && !isModernMessage(message, undefined)) {
      const isHandshake = message.method === 'notifications/initialized'
      const handshake = sentMessage(text, [], isHandshake)
      this.#run(handshake, () => {
        const done = isHandshake ? this.#session.completing() : undefined
        return this.#inSession(handshake).finally(done)
      })
    }
  }

  /** Says it again if it was of no use: over HTTP a message may overtake the one that it is about. */
  #tellCancelled(text: string, cancelled: SentMessage): void {
    const sent = sentMessage(text, [])
    this.#run(sent, () => this.#inSession(sent))
    if (this.#context.waitMs === 0) return
    this.#context.clock.after(overtakenMs, () => {
      if (!this.#sentMessages.has(cancelled) || this.#context.leaving.cancelled) return
      const again = sentMessage(text, [])
      try {
        this.#run(again, () => this.#inSession(again))
      } catch {
        // There is no room for it: it was said once, and the client has not asked for the second time.
      }
    })
  }

  /** Cancels the youngest request under an id. Returns its errand if the server has to be told as well. */
  #cancel(key: string): SentMessage | undefined {
    for (const sent of [...this.#sentMessages].toReversed()) {
      const owed = sent.expected.find((one) => one.key === key && !one.isAnswered)
      if (!owed) continue
      owed.isCancelled = true
      // Closing is cancelling where a request stands for itself, and what was not sent needs no word.
      const isClosing = isModernMessage(owed.request, undefined) || (!sent.isSent && sent.expected.length === 1)
      if (isClosing) sent.closed.cancel('cancelled by the client')
      return isClosing ? undefined : sent
    }
    return undefined
  }

  /** An answer of the client, if the server of this session has asked for it. */
  #answer(text: string, message: ResponseMessage): void {
    if (message.id === undefined || !this.#session.answered(message.id)) return
    const sent = sentMessage(text, [])
    this.#run(sent, () => this.#inSession(sent))
  }

  async #inSession(sent: SentMessage): Promise<void> {
    const run = sent.expected.length > 0 ? runInSession : runWithoutAnswer
    await run(sent, this.#delivery)
    const { session: standing } = this.#session
    if (standing) this.#listenTo(standing)
  }

  #listenTo(standing: OpenSession): void {
    if (this.#heard === standing || this.#context.leaving.cancelled) return
    this.#heard = standing
    void openGetStream(standing, this.#delivery)
  }

  #run(sent: SentMessage, run: () => Promise<void>): void {
    if (this.#sentMessages.size >= maxMessages)
      throw new Refusal('too_many_calls', { message: 'Too much is on its way at once.' })
    const memory = this.#context.memory.sent
    const bytes = jsonWeight(sent.text)
    keep(memory, bytes)
    this.#sentMessages.add(sent)
    void run()
      .catch((error: unknown) => answerAll(sent, error, this.#delivery))
      .finally(() => {
        this.#sentMessages.delete(sent)
        memory.release(bytes)
        this.#tellSettled()
      })
  }

  /**
   * Runs a call when there is room for it. What is no call goes ahead: a ping, above all, must not wait for them.
   */
  async #inTurn(sent: SentMessage, run: () => Promise<void>): Promise<void> {
    if (isIdempotent(sent)) return run()
    if (this.#calls < this.#context.maxCalls) this.#calls++
    else await new Promise<void>((resolve) => this.#line.push(resolve))
    try {
      await run()
    } finally {
      const next = this.#line.shift()
      if (next) next()
      else this.#calls--
    }
  }

  #tellSettled(): void {
    for (const { expected } of this.#sentMessages) if (expected[0]?.request.method !== listening) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #refuse(error: unknown, id: RpcId | undefined): void {
    const refusal = answerable(error, this.#context.log)
    void this.#context.writeOwn(responseText(id, errorAnswerOf(refusal)))
  }
}

/** A notification, or an answer: nobody waits for more than that it was sent. */
async function runWithoutAnswer(sent: SentMessage, delivery: DeliveryContext): Promise<void> {
  const { clock, waitMs } = delivery.context
  await sendInSession(sent, clock.now() + waitMs, delivery)
}
