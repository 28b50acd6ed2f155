/**
 * Keeps the session of a client on standard input and output, and renews it when the server forgets it, for example
 * after a restart: the new session gets the state of the old one, and the client is told what may have changed.
 * Messages wait while the session is opened or renewed. [2025-11-25 transports, session management]
 */
import { Cancel } from '../base/cancel.ts'
import { pauseUnless } from '../base/clock.ts'
import { shortId } from '../base/ids.ts'
import { bytesOf } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { isObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import { type Answer, notificationText, requestText, type RpcId } from '../protocol/jsonrpc.ts'
import { offers } from '../protocol/capabilities.ts'
import { sessionHeaders } from '../protocol/request-headers.ts'
import type { ClientContext } from './client-context.ts'
import type { ExpectedResponse } from './client-message.ts'
import { answerTo } from './own-request.ts'
import { retryPauseMs } from './retry-pause.ts'
import { send } from './send.ts'
import { SessionStates } from './session-states.ts'
import { headerOf } from './response-reader.ts'
import { UnansweredRequests } from './unanswered-requests.ts'

/** An open session with the server. A renewed session is a new object. */
export interface OpenSession {
  readonly id: string | undefined
  readonly version: string
  /** Headers of each message. */
  readonly headers: Readonly<Record<string, string>>
  /** Fires when the server no longer knows the session, or the client is done. */
  readonly over: Cancel
}

/** Bounded because each subscription is made again in every new session. */
const maxUris = 1000
/** How long messages wait for an opening if `waitMs` is 0. */
const openingMs = 60_000

/** A session that lasts this long resets the back-off of renewals. */
const stableMs = 10_000

const kinds = ['tools', 'prompts', 'resources']

export class ClientSession {
  readonly #context: ClientContext
  readonly #onRenewed: (session: OpenSession) => void
  readonly #states: SessionStates
  /** Numbers the openings by the client. */
  #openings = 0
  /** Set once the server has opened it, which is before messages can be sent in it. */
  #session: OpenSession | undefined
  /** How often the session was lost soon after a renewal, and when it was last renewed. */
  #losses = 0
  #renewedMs = -Infinity
  /** The params of the client's `initialize`, to open a new session with. */
  #initializeParams: RawObject | undefined
  #logLevel: string | undefined
  readonly #uris = new Set<string>()
  /** Kinds of lists whose changes the server announces. */
  #changing: readonly string[] = []
  readonly #unanswered: UnansweredRequests

  constructor(context: ClientContext, onRenewed: (session: OpenSession) => void) {
    this.#context = context
    this.#states = new SessionStates(context.clock, context.leaving)
    this.#unanswered = new UnansweredRequests(context.memory.answers)
    this.#onRenewed = onRenewed
    context.leaving.onCancel(() => this.#session?.over.cancel('the client is done'))
  }

  get session(): OpenSession | undefined {
    return this.#session
  }

  /** Whether a session is open or being opened. */
  get isOpenOrOpening(): boolean {
    return this.#states.session !== 'absent' && this.#states.session !== 'ended'
  }

  /**
   * The open session, once it is opened or renewed. Throws `session_required` if none was opened, or
   * `endpoint_unreachable`.
   */
  async current(isHandshake = false): Promise<OpenSession> {
    await this.#until((session) => session !== 'opening' && session !== 'renewing')
    if (!isHandshake) await this.#until((_, handshake) => handshake !== 'sending')
    if (this.#session) return this.#session
    throw new Refusal('session_required', { message: 'There is no session yet: send initialize first.' })
  }

  /** The client opens a session: messages wait until the returned function is called. */
  beginOpening(): () => void {
    const opening = ++this.#openings
    if (this.#states.session !== 'ended') this.#states.move('opening')
    return () => {
      if (this.#states.session !== 'opening' || this.#openings !== opening) return
      this.#states.move(this.#session ? 'open' : 'absent')
    }
  }

  /** Keeps a session that the server has opened. */
  opened(initializeParams: RawObject | undefined, id: string | undefined, result: RawObject): void {
    if (this.#states.session === 'ended') return
    const { protocolVersion, capabilities } = result.value
    const version = typeof protocolVersion === 'string' ? protocolVersion : ''
    this.#initializeParams = initializeParams
    this.#session = { id, version, headers: sessionHeaders(id, version), over: new Cancel() }
    this.#changing = kinds.filter((kind) => isObject(capabilities) && offers(capabilities, kind, 'listChanged'))
  }

  /** The client has sent `notifications/initialized`: further messages wait until the returned function is called. */
  completing(): () => void {
    this.#states.setHandshake('sending')
    return () => this.#states.setHandshake('complete')
  }

  /** Keeps what a successful request has changed in the session. */
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
    if (this.#uris.size < maxUris && this.#context.memory.sent.take(bytesOf(uri)) === 'reserved') this.#uris.add(uri)
    else
      this.#context.log.warn({}, 'too many subscriptions: this one is not made again if the server forgets the session')
  }

  /** Notes a request of the server to the client. */
  asked(id: RpcId): void {
    this.#unanswered.add(id)
  }

  /** The client answers, or the server cancels its request. False for an id that is not open in this session. */
  answered(id: RpcId): boolean {
    return this.#unanswered.remove(id)
  }

  /** The server no longer knows the session: begins to renew it. */
  lost(session: OpenSession): void {
    if (this.#session !== session) return
    this.#session = undefined
    session.over.cancel('the server does not know the session any more')
    // The renewal that runs goes on until a session stands.
    if (this.#states.session === 'renewing') return
    this.#states.move('renewing')
    this.#context.log.info({}, 'the server has forgotten the session; opening it again')
    void this.#renew(session)
      .catch((error: unknown) => this.#context.log.error({ err: error }, 'the session could not be opened again'))
      .finally(() => {
        if (this.#states.session === 'renewing') this.#states.move(this.#session ? 'open' : 'absent')
      })
  }

  /** Ends the session; does not wait longer than a second for the server. */
  async end(): Promise<void> {
    const { clock, handle } = this.#context
    const session = this.#session
    this.#session = undefined
    if (this.#states.session !== 'ended') this.#states.move('ended')
    if (session?.id === undefined) return
    const closed = new Cancel()
    const timer = clock.after(1000, () => closed.cancel('out of time'))
    const { headers } = session
    await handle({ method: 'DELETE', path: '/mcp', headers, connection: 'stdio', body: noBody, closed }).catch(() => {})
    timer.stop()
  }

  async #until(isTrue: Parameters<SessionStates['until']>[0]): Promise<void> {
    const isInTime = await this.#states.until(isTrue, this.#context.waitMs || openingMs)
    if (!isInTime) throw new Refusal('endpoint_unreachable')
  }

  async #renew(lost: OpenSession): Promise<void> {
    const { leaving, clock, log } = this.#context
    for (const id of this.#unanswered.drain()) await this.#tell('cancelled', { requestId: JSON.parse(id) as string })
    // Back off if the server forgets each session soon.
    this.#losses = clock.now() - this.#renewedMs < stableMs ? this.#losses + 1 : 0
    if (this.#losses > 0) await pauseUnless([leaving], clock, retryPauseMs(this.#losses))
    this.#renewedMs = clock.now()
    for (let failures = 1; !leaving.cancelled; failures++) {
      const session = await this.#open(lost.version)
      if (session) await this.#restore(session)
      if (session && this.#session === session) {
        log.info({}, 'the session is open again')
        this.#onRenewed(session)
        return
      }
      await pauseUnless([leaving], clock, retryPauseMs(failures))
    }
  }

  /** Opens a session as the client did. `version` is what the client speaks. */
  async #open(version: string): Promise<OpenSession | undefined> {
    const id = ownId()
    const text = requestText(id, 'initialize', this.#initializeParams)
    const answered = await this.#ask(id, text, {})
    if (answered?.answer.kind !== 'result') return undefined
    this.opened(this.#initializeParams, answered.session, answered.answer.result)
    if (!this.#session) return undefined
    const { version: renewed } = this.#session
    if (renewed !== version)
      this.#context.log.warn({ version: renewed }, 'the server now speaks another version than its client')
    return this.#session
  }

  /** Gives the new session the state of the old one, and tells the client what may have changed. */
  async #restore(session: OpenSession): Promise<void> {
    const { headers } = session
    if (this.#states.handshake !== 'awaited')
      await this.#post(notificationText('notifications/initialized', undefined), headers)
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
    await send({ method: 'POST', headers, text, closed, isIdempotent: true, deadlineMs: Infinity }, this.#context)
  }

  async #ask(
    id: RpcId,
    text: string,
    headers: OpenSession['headers'],
  ): Promise<{ answer: Answer; session: string | undefined } | undefined> {
    const { leaving: closed } = this.#context
    const outbound = await send(
      { method: 'POST', headers, text, closed, isIdempotent: true, deadlineMs: Infinity },
      this.#context,
    )
    if (outbound.status === 401 || outbound.status === 403)
      this.#context.onDenied({ status: outbound.status, method: 'initialize' })
    const answer = await answerTo(id, outbound, this.#context)
    return answer && { answer, session: headerOf(outbound, 'mcp-session-id') }
  }
}

const noBody = (): Promise<string> => Promise.resolve('')

/** An id for a request of mcplex itself, which no client uses. */
function ownId(): RpcId {
  return JSON.stringify(`mcplex-${shortId()}`)
}
