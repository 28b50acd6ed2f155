/**
 * The session of a client that cannot keep one itself: what the server has to be told of it, and told again after a
 * restart that it did not survive. Messages wait while it is opened or renewed; the client hears that what it knows
 * may have changed. [2025-11-25 transports, session management]
 */
import { Cancel } from '../base/cancel.ts'
import { pauseUnless } from '../base/clock.ts'
import { shortId } from '../base/ids.ts'
import { bytesOf } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { isObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import { type Answer, idKey, notificationText, requestText, type RpcId } from '../protocol/jsonrpc.ts'
import { sessionHeaders } from '../protocol/request-headers.ts'
import type { ClientContext, ExpectedResponse } from './client-context.ts'
import { answerTo } from './own-request.ts'
import { backOffMs } from '../base/backoff.ts'
import { send } from './send.ts'
import { headerOf } from './response-reader.ts'

/** A session as it stands with the server. A renewed one is another. */
export interface OpenSession {
  readonly id: string | undefined
  readonly version: string
  /** What goes with each message. */
  readonly headers: Readonly<Record<string, string>>
  /** Fires when the server no longer knows it, or the client is done. */
  readonly over: Cancel
}

/** Each is said again to every new session. */
const maxUris = 1000
/** How long messages wait for an opening where the server itself cannot be away. */
const openingMs = 60_000

/** A server that asks more at once does not mean it. */
const maxQuestions = 1024

/** A session that lasts so long is well. */
const calmMs = 10_000

const kinds = ['tools', 'prompts', 'resources']

export class ClientSession {
  readonly #context: ClientContext
  readonly #onRenewed: (session: OpenSession) => void
  #session: OpenSession | undefined
  /** Set while it is opened or renewed. Never rejects. */
  #opening: Promise<void> | undefined
  /** Set while the end of the handshake is on its way: there are servers that take nothing before it. */
  #completing: Promise<void> | undefined
  /** How often it was lost without a calm in between, and when it was opened again last. */
  #losses = 0
  #renewedMs = -Infinity
  /** The one that was lost last. */
  #last: OpenSession | undefined
  #serverDescription: RawObject | undefined
  #isReady = false
  #logLevel: string | undefined
  readonly #uris = new Set<string>()
  /** Lists of which the server says when they change. */
  #changing: readonly string[] = []
  /** Questions of the server that the client has not answered. */
  readonly #questions = new Map<string, RpcId>()

  constructor(context: ClientContext, onRenewed: (session: OpenSession) => void) {
    this.#context = context
    this.#onRenewed = onRenewed
    context.leaving.onCancel(() => this.#session?.over.cancel('the client is done'))
  }

  get session(): OpenSession | undefined {
    return this.#session
  }

  /** Whether there is one, or will be in a moment. */
  get isThere(): boolean {
    return this.#session !== undefined || this.#opening !== undefined
  }

  /** What to send under. Throws `session_required` if it was not opened, or `endpoint_unreachable`. */
  async current(isHandshake = false): Promise<OpenSession> {
    await this.#inTime(this.#opening)
    if (!isHandshake) await this.#inTime(this.#completing)
    if (this.#session) return this.#session
    throw new Refusal('session_required', { message: 'There is no session yet: send initialize first.' })
  }

  /** The client has begun to open it: messages wait until the returned function is called. */
  beginOpening(): () => void {
    let done = (): void => {}
    const opening = new Promise<void>((resolve) => (done = resolve))
    this.#opening = opening
    return () => {
      if (this.#opening === opening) this.#opening = undefined
      done()
    }
  }

  /** The server has opened it. */
  opened(serverDescription: RawObject | undefined, id: string | undefined, result: RawObject): void {
    const { protocolVersion, capabilities } = result.value
    const version = typeof protocolVersion === 'string' ? protocolVersion : ''
    this.#serverDescription = serverDescription
    this.#session = { id, version, headers: sessionHeaders(id, version), over: new Cancel() }
    this.#changing = kinds.filter((kind) => {
      const capability = isObject(capabilities) ? capabilities[kind] : undefined
      return isObject(capability) && capability['listChanged'] === true
    })
  }

  /** The client has said that the handshake is complete: what follows waits until the returned function is called. */
  completing(): () => void {
    this.#isReady = true
    let done = (): void => {}
    this.#completing = new Promise<void>((resolve) => (done = resolve))
    return done
  }

  /** Keeps what a request has changed in the session, once the server has agreed to it. */
  agreed({ request }: ExpectedResponse): void {
    const { level, uri } = request.params?.value ?? {}
    if (request.method === 'logging/setLevel' && typeof level === 'string') this.#logLevel = level
    if (typeof uri !== 'string') return
    if (request.method === 'resources/subscribe') this.#keepUri(uri)
    if (request.method === 'resources/unsubscribe' && this.#uris.delete(uri))
      this.#context.memory.sent.release(bytesOf(uri))
  }

  #keepUri(uri: string): void {
    if (this.#uris.has(uri)) return
    if (this.#uris.size < maxUris && this.#context.memory.sent.take(bytesOf(uri)) === 'kept') this.#uris.add(uri)
    else
      this.#context.log.warn({}, 'too many subscriptions: this one is not made again if the server forgets the session')
  }

  #forgetQuestions(): void {
    for (const key of this.#questions.keys()) this.#context.memory.answers.release(questionBytes(key))
    this.#questions.clear()
  }

  /** The server asks the client something. */
  asked(id: RpcId): void {
    const { answers } = this.#context.memory
    const key = idKey(id)
    if (this.#questions.has(key)) return
    // The oldest are not wanted any more: a server that asks so much does not wait for them.
    if (this.#questions.size >= maxQuestions || answers.take(questionBytes(key)) !== 'kept') {
      this.#forgetQuestions()
      answers.add(questionBytes(key))
    }
    this.#questions.set(key, id)
  }

  /** The client answers, or the server no longer wants to know. False for what was never asked in this session. */
  answered(id: RpcId): boolean {
    const key = idKey(id)
    const isAsked = this.#questions.delete(key)
    if (isAsked) this.#context.memory.answers.release(questionBytes(key))
    return isAsked
  }

  /** The server no longer knows it: begins to open another like it. */
  lost(session: OpenSession): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#last = session
    session.over.cancel('the server does not know the session any more')
    const done = this.beginOpening()
    this.#context.log.info({}, 'the server has forgotten the session; opening it again')
    void this.#renew()
      .catch((error: unknown) => this.#context.log.error({ err: error }, 'the session could not be opened again'))
      .finally(done)
  }

  /** Ends it, as far as the server can be reached. */
  async end(): Promise<void> {
    const { clock, handle } = this.#context
    const session = this.#session
    this.#session = undefined
    if (session?.id === undefined) return
    const closed = new Cancel()
    const timer = clock.after(1000, () => closed.cancel('out of time'))
    const { headers } = session
    await handle({ method: 'DELETE', path: '/mcp', headers, connection: 'stdio', body: noBody, closed }).catch(() => {})
    timer.stop()
  }

  async #inTime(what: Promise<void> | undefined): Promise<void> {
    if (!what) return
    const { clock, waitMs, leaving } = this.#context
    const over = new Cancel()
    void what.then(() => over.cancel('over'))
    await pauseUnless([over, leaving], clock, waitMs || openingMs)
    if (!over.cancelled) throw new Refusal('endpoint_unreachable')
  }

  async #renew(): Promise<void> {
    const { leaving, clock, log } = this.#context
    for (const id of this.#questions.values()) await this.#tell('cancelled', { requestId: JSON.parse(id) as string })
    this.#forgetQuestions()
    // A server that forgets each session at once is not asked for the next one at once.
    this.#losses = clock.now() - this.#renewedMs < calmMs ? this.#losses + 1 : 0
    if (this.#losses > 0) await pauseUnless([leaving], clock, backOffMs(this.#losses))
    this.#renewedMs = clock.now()
    for (let failures = 1; !leaving.cancelled; failures++) {
      const session = await this.#open()
      if (session) {
        await this.#restore(session)
        log.info({}, 'the session is open again')
        this.#onRenewed(session)
        return
      }
      await pauseUnless([leaving], clock, backOffMs(failures))
    }
  }

  async #open(): Promise<OpenSession | undefined> {
    const id = ownId()
    const text = requestText(id, 'initialize', this.#serverDescription)
    const answered = await this.#ask(id, text, {})
    if (answered?.answer.kind !== 'result') return undefined
    const { version } = this.#last ?? {}
    this.opened(this.#serverDescription, answered.session, answered.answer.result)
    if (this.#session?.version !== version) {
      this.#context.log.warn(
        { version: this.#session?.version },
        'the server now speaks another version than its client',
      )
    }
    return this.#session
  }

  /** Tells the new session what the old one knew, and the client what may be new to it. */
  async #restore(session: OpenSession): Promise<void> {
    const { headers } = session
    if (this.#isReady) await this.#post(notificationText('notifications/initialized', undefined), headers)
    if (this.#logLevel !== undefined) await this.#request('logging/setLevel', { level: this.#logLevel }, headers)
    for (const uri of this.#uris) await this.#request('resources/subscribe', { uri }, headers)
    for (const kind of this.#changing) await this.#tell(`${kind}/list_changed`)
    for (const uri of this.#uris) await this.#tell('resources/updated', { uri })
  }

  #tell(what: string, params?: Readonly<Record<string, string>>): Promise<void> {
    return this.#context.writeOwn(notificationText(`notifications/${what}`, params && rawObject(params)))
  }

  async #request(
    method: string,
    params: Readonly<Record<string, string>>,
    headers: OpenSession['headers'],
  ): Promise<void> {
    const id = ownId()
    const answered = await this.#ask(id, requestText(id, method, rawObject(params)), headers)
    if (answered?.answer.kind !== 'result')
      this.#context.log.warn({ method }, 'the new session refused what the old one had')
  }

  async #post(text: string, headers: OpenSession['headers']): Promise<void> {
    const { leaving: closed } = this.#context
    await send({ method: 'POST', headers, text, closed, isHarmless: true, deadlineMs: Infinity }, this.#context)
  }

  async #ask(
    id: RpcId,
    text: string,
    headers: OpenSession['headers'],
  ): Promise<{ answer: Answer; session: string | undefined } | undefined> {
    const { leaving: closed } = this.#context
    const outbound = await send(
      { method: 'POST', headers, text, closed, isHarmless: true, deadlineMs: Infinity },
      this.#context,
    )
    if (outbound.status === 401 || outbound.status === 403)
      this.#context.onDenied({ status: outbound.status, method: 'initialize' })
    const answer = await answerTo(id, outbound, this.#context)
    return answer && { answer, session: headerOf(outbound, 'mcp-session-id') }
  }
}

/** An id is kept as it was sent and as a key. */
function questionBytes(key: string): number {
  return 2 * bytesOf(key)
}

const noBody = (): Promise<string> => Promise.resolve('')

/** An id that no client has. */
function ownId(): RpcId {
  return JSON.stringify(`mcplex-${shortId()}`)
}
