/**
 * The JSON-RPC connection with one worker. Ids and progress tokens on it are our own, so that calls of any number of
 * clients can share it; a response goes to the call that it names. attribution.ts decides where messages go that name no
 * call (log messages, input requests, changes).
 */
import { Refusal } from '../../base/refusal.ts'
import type { DroppedThing, EventSink } from '../../base/events.ts'
import type { Holder } from '../../base/transfers.ts'
import type { Call, ClientKey, Notification, Update, WorkerId } from '../../protocol/call.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { emptyObject, type JsonObject, memberText, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { type Answer, type Message, notificationText, requestText, responseText } from '../../protocol/jsonrpc.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import type { BadMessage } from '../../protocol/server-message.ts'
import { ResponseRouting } from './response-routing.ts'
import { Attributor, type AttributorNeeds } from './attribution.ts'
import { InternalRequests } from './internal-requests.ts'
import { PendingCall } from './pending-call.ts'
import { PendingCalls } from './pending-calls.ts'
import { FlowControl } from './flow-control.ts'
import { IncomingLines } from './incoming-lines.ts'
import { Responsiveness } from './responsiveness.ts'
import { OutgoingLines } from './outgoing-lines.ts'
import { createServerRequests, type ServerRequests } from './server-requests.ts'
import type { Child, ChildExit } from '../stdio/child.ts'

export interface ConnectionNeeds extends AttributorNeeds {
  readonly child: Child
  readonly codec: UpstreamCodec
  readonly announced: JsonObject
  readonly events: EventSink
  readonly callIdleMs: number
  /** A message outside of calls; false if there was no recipient. */
  unsolicited(update: Update): boolean
  ended(exit: ChildExit): void
  /** An input request could not be attributed to a client. */
  unattributed(method: string): void
  /** The server keeps sending requests and does not read the responses. */
  stuck(): void
  /** A response was invalid. @param words for the operator */
  invalid(words: string): void
  /** Counts updates and results that callers have not taken yet. */
  readonly waiting: Holder
}

export class UpstreamConnection {
  /** Replaced if a worker that was addressed in one era turns out to speak the other. */
  codec: UpstreamCodec
  /** When its last call ended, in milliseconds of the clock. */
  idleSinceMs: number
  readonly liveness: Responsiveness
  readonly attributor: Attributor
  /** The client that it is kept for: it takes no call of another one. */
  keptFor: ClientKey | undefined
  readonly #needs: ConnectionNeeds
  readonly #pendingCalls = new PendingCalls()
  readonly #internalRequests: InternalRequests
  readonly #answers: ResponseRouting
  readonly #serverRequests: ServerRequests
  readonly #flowControl: FlowControl
  readonly #outgoing: OutgoingLines
  readonly #drop: (what: DroppedThing) => void
  #reserved = 0
  #closed = false

  constructor(needs: ConnectionNeeds) {
    this.#needs = needs
    this.#drop = (what) => needs.events.emit('dropped', { what, count: 1 })
    this.#internalRequests = new InternalRequests(needs.clock)
    this.#flowControl = new FlowControl(needs.child)
    this.#outgoing = new OutgoingLines(needs.child, {
      clock: needs.clock,
      idleMs: needs.callIdleMs,
      hold: (isHeld) => this.#flowControl.stop(isHeld),
      stuck: () => needs.stuck(),
    })
    this.attributor = new Attributor(needs, this.#pendingCalls)
    this.#answers = new ResponseRouting({
      pendingCalls: this.#pendingCalls,
      internalRequests: this.#internalRequests,
      clock: needs.clock,
      client: () => ({ era: this.codec.era, worker: this.id }),
      mayMeanOther: () => this.attributor.mayMeanOther,
      invalid: (words) => needs.invalid(words),
      drop: this.#drop,
    })
    this.codec = needs.codec
    this.idleSinceMs = needs.clock.now()
    this.liveness = new Responsiveness(this.idleSinceMs)
    this.#serverRequests = createServerRequests({
      send: (line) => this.#outgoing.answer(line),
      now: () => needs.clock.now(),
      announced: needs.announced,
      attribute: () => this.attributor.find('input-request', this.codec.era),
      toGroup: (inputRequest) => needs.unsolicited(inputRequest),
      unattributed: (method, isOffered) => {
        if (this.attributor.couldBeOfSeveral(isOffered)) needs.unattributed(method)
      },
      memory: () => needs.child.inputRequestMemory,
    })
    const incoming = new IncomingLines({
      memory: () => needs.child.memory,
      message: (message, bytes) => this.#message(message, bytes),
      noMessage: (text) => this.#answers.unreadable(text),
      lostAnswer: (id, refusal) => this.#answers.lost(id, refusal),
      lostRequest: (id) => this.#outgoing.refuse(id, 'The request is too large'),
    })
    needs.child.listen({
      line: (text) => {
        this.liveness.heard(needs.clock.now())
        incoming.line(text)
      },
      exit: (exit) => this.#exit({ ...exit, stdout: incoming.words }),
      dropped: (line) => incoming.dropped(line),
      drained: () => this.#outgoing.drained(),
    })
  }

  get worker(): number | undefined {
    return this.#needs.child.worker
  }
  /** Undefined if its program could not be started. */
  get id(): WorkerId | undefined {
    return this.#needs.child.id
  }
  /** Milliseconds of the clock that its deadlines use. */
  get nowMs(): number {
    return this.#needs.clock.now()
  }
  get callsInFlight(): number {
    return this.#pendingCalls.size + this.#reserved
  }
  /** Whether the server has sent any input request on this connection. */
  get hasInputRequests(): boolean {
    return this.#serverRequests.any
  }
  /** Whether silence of the worker is expected: it is held back, or waits for a client to answer. */
  get isExcused(): boolean {
    return this.#flowControl.isHeld || this.#pendingCalls.haveInputRequests
  }
  /** Resolves when all open input requests are answered or withdrawn, or the worker has ended. */
  inputRequestsAnswered(): Promise<void> {
    return this.#serverRequests.answered()
  }
  get closed(): boolean {
    return this.#closed || this.#needs.child.exited
  }

  /** Reserves capacity for a call about to begin: `begin` must follow `unreserve` at once. */
  reserve(): void {
    this.#reserved++
  }
  unreserve(): void {
    this.#reserved--
    this.idleSinceMs = this.#needs.clock.now()
  }

  /** Work other than a call begins; `client` is undefined if unknown. Call the returned function once when it ends. */
  workFor(client: ClientKey | undefined): () => void {
    return this.attributor.workFor(client)
  }

  /** Sends a call; `isAlone` if no other call begins before its end. Throws `overloaded` if the worker does not read. */
  begin(call: Call, isAlone: boolean = this.attributor.attribution === 'session'): PendingCall {
    if (this.#closed) throw new Refusal('upstream_closed')
    this.#outgoing.checkRoom(call.params)
    const now = this.#needs.clock.now()
    if (this.#pendingCalls.size === 0) this.liveness.busy(now)
    const { callIdleMs, callTotalMs, waiting } = this.#needs
    const pending = this.#pendingCalls.add(
      (id) => new PendingCall(call, id, now + callIdleMs, now + callTotalMs, waiting),
    )
    if (!pending) throw new Refusal('overloaded')
    pending.mayHold = isAlone
    this.attributor.served.begin(call.clientKey, now)
    const params = this.codec.params(call, call.progressToken === undefined ? undefined : pending.id)
    this.#outgoing.send(requestText(String(pending.id), call.method, params))
    return pending
  }

  /** The call is over for its client. With a reason, the call is cancelled at the worker. */
  finish(pending: PendingCall, reason: string | undefined): void {
    if (!this.#pendingCalls.remove(pending)) return
    this.#flowControl.release(pending)
    pending.abandon()
    this.idleSinceMs = this.#needs.clock.now()
    this.attributor.served.end(this.idleSinceMs)
    if (reason === undefined || this.#closed) return
    this.tell('notifications/cancelled', rawObject({ requestId: pending.id, reason }))
  }

  /** Sends a request of our own. Rejects if the worker ends or does not answer in time. */
  async request(method: string, params: RawObject | undefined, timeoutMs: number): Promise<Answer> {
    if (this.#closed) throw new Refusal('upstream_closed')
    this.#outgoing.checkRoom(params)
    const id = this.#pendingCalls.nextId()
    const answer = this.#internalRequests.wait(id, method, timeoutMs)
    this.#outgoing.send(requestText(String(id), method, params))
    return answer
  }

  /**
   * Sends a request that stays open until the worker ends it (`subscriptions/listen`). `ended` is called once if the
   * worker ends it; `stop` ends it from here. Throws `overloaded` if the worker does not read.
   */
  open(method: string, params: RawObject, ended: () => void): { id: number; stop(): void } {
    this.#outgoing.checkRoom(params)
    const id = this.#pendingCalls.nextId()
    this.#internalRequests.keepOpen(id, ended)
    this.#outgoing.send(requestText(String(id), method, params))
    const stop = (): void => {
      if (this.#internalRequests.forget(id)) this.tell('notifications/cancelled', rawObject({ requestId: id }))
    }
    return { id, stop }
  }

  tell(method: string, params: RawObject | undefined): void {
    this.#answers.notified()
    this.#outgoing.send(notificationText(method, params))
  }

  /** Forwards a notification of a client. Throws `overloaded` if the worker does not read. */
  pass(method: string, params: RawObject | undefined): void {
    this.#outgoing.checkRoom(params)
    this.tell(method, params)
  }

  /** Ends calls past their deadline. @returns whether any timed out while the worker was not held back */
  expire(nowMs: number): boolean {
    return this.#pendingCalls.expire(nowMs, this.#flowControl.isHeld)
  }

  /** Ends the worker in an orderly way. Calls in flight fail. */
  close(): Promise<void> {
    this.#closed = true
    this.#fail(new Refusal('upstream_closed'))
    return this.#needs.child.close()
  }

  /** Kills a worker that no longer reacts. */
  kill(): void {
    this.#closed = true
    this.#needs.child.kill()
  }

  #exit(exit: ChildExit): void {
    this.#closed = true
    this.#outgoing.close()
    this.#serverRequests.drop()
    this.#fail(new Refusal('upstream_closed'))
    this.#needs.ended(exit)
  }

  #fail(refusal: Refusal): void {
    this.#answers.close()
    for (const pending of this.#pendingCalls.all()) pending.fail(refusal)
    this.#internalRequests.failAll(refusal)
  }

  #message(message: Message | BadMessage, bytes: number): void {
    if (message.kind === 'response') this.#answers.take(message, bytes)
    else if (message.kind === 'notification') this.#notification(message.method, message.params)
    else if (message.kind === 'malformed') this.#answers.malformed(message)
    else if (message.method === 'ping')
      this.#outgoing.answer(responseText(message.id, { kind: 'result', result: emptyObject }))
    else this.#serverRequests.handle(message, bytes)
  }

  #notification(method: string, params: RawObject | undefined): void {
    if (method === 'notifications/progress') return this.#progress(params)
    if (method === 'notifications/message') return this.#log({ kind: 'notification', method, params })
    if (method === 'notifications/cancelled') {
      const id = params && memberText(params.text, 'requestId')
      if (id !== undefined) this.#serverRequests.withdraw(id)
      return
    }
    if (!this.#needs.unsolicited({ kind: 'notification', method, params })) this.#drop('notification')
  }

  #progress(params: RawObject | undefined): void {
    const pending = this.#pendingCalls.get(Number(params?.value['progressToken']))
    // Progress that does not rise is not forwarded, but still shows that the worker is busy.
    if (pending) pending.idleAtMs = this.nowMs + this.#needs.callIdleMs
    const own = params && pending?.ownProgress(params)
    if (pending && own) this.#offer(pending, { kind: 'notification', method: 'notifications/progress', params: own })
    else this.#drop('progress')
  }

  #log(update: Notification): void {
    const target = this.attributor.find('log', this.codec.era)
    if (target instanceof PendingCall) {
      if (wantsLog(target.call, update.params)) this.#offer(target, update)
    } else if (target === undefined || !this.#needs.unsolicited(update)) this.#drop('log')
  }

  #offer(pending: PendingCall, update: Update): void {
    pending.idleAtMs = this.#needs.clock.now() + this.#needs.callIdleMs
    if (!pending.offer(update)) pending.fail(new Refusal('result_too_large'))
    else if (pending.isFull && pending.mayHold) this.#flowControl.hold(pending)
  }
}
