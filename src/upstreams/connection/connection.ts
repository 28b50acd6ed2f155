/**
 * The JSON-RPC connection with one worker. Ids and progress tokens on it are our own, so that calls of any number of
 * clients can share it; a response goes to the call that it names. attribution.ts decides where messages go that name no
 * call (log messages, input requests, changes).
 */
import { Refusal } from '../../base/refusal.ts'
import type { DroppedThing, WorkerEnd } from '../../base/events.ts'
import type { Call, ClientKey, WorkerId } from '../../protocol/call.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { emptyObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { type Answer, type Message, notificationText, requestText, responseText } from '../../protocol/jsonrpc.ts'
import type { BadMessage } from '../../protocol/server-message.ts'
import { ResponseRouting } from './response-routing.ts'
import { Attributor } from './attribution.ts'
import type { ConnectionNeeds } from './connection-needs.ts'
import { InternalRequests } from './internal-requests.ts'
import { PendingCall } from './pending-call.ts'
import { PendingCalls } from './pending-calls.ts'
import { FlowControl } from './flow-control.ts'
import { IncomingLines } from './incoming-lines.ts'
import { OutgoingLines } from './outgoing-lines.ts'
import { ServerNotifications } from './server-notifications.ts'
import { createServerRequests, type ServerRequests } from './server-requests.ts'
import { Responsiveness } from '../responsiveness.ts'
import type { LineListener } from './line-transport.ts'
import type { Worker, WorkerCall } from '../worker.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { WorkerState } from '../worker-states.ts'

export class UpstreamConnection implements Worker {
  /** Replaced if a worker that was addressed in one era turns out to speak the other. */
  codec: UpstreamCodec
  /** When its last call ended, in milliseconds of the clock. */
  idleSinceMs: number
  readonly liveness: Responsiveness
  readonly attributor: Attributor
  pinnedTo: ClientKey | undefined
  readonly #needs: ConnectionNeeds
  readonly #pendingCalls = new PendingCalls()
  readonly #internalRequests: InternalRequests
  readonly #answers: ResponseRouting
  readonly #serverRequests: ServerRequests
  readonly #notifications: ServerNotifications
  readonly #flowControl: FlowControl
  readonly #outgoing: OutgoingLines
  #reserved = 0
  #begun = 0
  /** Whether it was ended from here, or its exit has been delivered: no more is sent. */
  #closed = false

  constructor(needs: ConnectionNeeds) {
    this.#needs = needs
    const drop = (what: DroppedThing): void => needs.events.emit('dropped', { what, count: 1 })
    this.#internalRequests = new InternalRequests(needs.clock)
    this.#flowControl = new FlowControl(needs.transport)
    this.#outgoing = new OutgoingLines(needs.transport, {
      clock: needs.clock,
      idleMs: needs.callIdleMs,
      hold: (isHeld) => this.#flowControl.stop(isHeld),
      notReading: () => needs.notReading(),
    })
    this.attributor = new Attributor(needs, this.#pendingCalls)
    this.#answers = new ResponseRouting({
      pendingCalls: this.#pendingCalls,
      internalRequests: this.#internalRequests,
      clock: needs.clock,
      client: () => ({ era: this.codec.era, worker: this.id }),
      mayMeanOther: () => this.attributor.mayMeanOther,
      invalid: (words) => needs.invalid(words),
      drop,
    })
    this.codec = needs.codec
    this.idleSinceMs = needs.clock.now()
    this.liveness = new Responsiveness(this.idleSinceMs)
    this.#serverRequests = createServerRequests({
      send: (line) => this.#outgoing.answer(line),
      now: () => needs.clock.now(),
      announced: needs.announced,
      attribute: () => this.attributor.find('input-request', this.codec.era),
      pendingCall: (id) => this.#pendingCalls.get(id),
      toGroup: (inputRequest) => needs.unsolicited(inputRequest),
      unattributed: (method, isOffered) => {
        if (this.attributor.couldBeOfSeveral(isOffered)) needs.unattributed(method)
      },
      memory: () => needs.transport.inputRequestMemory,
    })
    this.#notifications = new ServerNotifications({
      pendingCalls: this.#pendingCalls,
      attributor: this.attributor,
      flowControl: this.#flowControl,
      clock: needs.clock,
      callIdleMs: needs.callIdleMs,
      era: () => this.codec.era,
      unsolicited: (update) => needs.unsolicited(update),
      withdraw: (requestId) => this.#serverRequests.withdraw(requestId),
      drop,
    })
    const incoming = new IncomingLines({
      memory: () => needs.transport.memory,
      message: (message, bytes, callId) => this.#message(message, bytes, callId),
      noMessage: (text) => this.#answers.unreadable(text),
      lostAnswer: (id, refusal) => this.#answers.lost(id, refusal),
      lostRequest: (id) => this.#outgoing.refuse(id, 'The request is too large'),
    })
    const listener: LineListener = {
      line: (text, callId) => {
        this.#heard()
        incoming.line(text, callId)
      },
      exit: (exit) => this.#exit({ ...exit, stdout: incoming.words }),
      dropped: (line) => incoming.dropped(line),
      drained: () => this.#outgoing.drained(),
    }
    needs.transport.listen(listener, needs.owner)
  }

  get id(): WorkerId | undefined {
    return this.#needs.transport.id
  }
  get number(): number | undefined {
    return this.#needs.transport.worker
  }
  get state(): WorkerState {
    return this.#needs.standing.state
  }
  get closed(): boolean {
    return this.state === 'ending' || this.state === 'ended'
  }
  /** Milliseconds of the clock that its deadlines use. */
  get nowMs(): number {
    return this.#needs.clock.now()
  }
  get callsInFlight(): number {
    return this.#pendingCalls.size + this.#reserved
  }
  get callsBegun(): number {
    return this.#begun
  }
  get callsLeft(): number {
    return (this.#needs.callsInAll ?? Infinity) - this.#begun - this.#reserved
  }
  get hasInputRequests(): boolean {
    return this.#serverRequests.any
  }
  get isExcused(): boolean {
    return this.#flowControl.isHeld || this.#pendingCalls.haveInputRequests
  }
  inputRequestsAnswered(): Promise<void> {
    return this.#serverRequests.answered()
  }

  reserve(): void {
    this.#reserved++
    this.#moveByCalls()
  }
  unreserve(): void {
    this.#reserved--
    this.idleSinceMs = this.#needs.clock.now()
    this.#moveByCalls()
  }

  /** Between `idle` and `busy`, as its calls come and go. */
  #moveByCalls(): void {
    const { standing } = this.#needs
    if (standing.state === 'idle') {
      if (this.callsInFlight > 0) standing.move('busy')
    } else if (this.callsInFlight > 0) return
    else if (standing.state === 'busy') standing.move('idle')
    else if (standing.state === 'retiring') void this.close(standing.replacedFor ?? 'recycled')
  }

  markUnresponsive(): void {
    this.#needs.standing.move('unresponsive')
  }

  /** The worker has sent something. */
  #heard(): void {
    const { clock, standing } = this.#needs
    this.liveness.heardAtMs = clock.now()
    if (standing.state !== 'unresponsive') return
    standing.move(this.callsInFlight > 0 ? 'busy' : 'idle')
    this.#needs.recovered()
  }

  workFor(client: ClientKey | undefined): () => void {
    return this.attributor.workFor(client)
  }

  begin(call: Call, isAlone: boolean): PendingCall {
    if (this.#closed) throw new Refusal('upstream_closed')
    this.#outgoing.checkRoom(call.params)
    const now = this.#needs.clock.now()
    if (this.#pendingCalls.size === 0) this.liveness.busy(now)
    const { callIdleMs, callTotalMs, waiting } = this.#needs
    const sinceMs = now - (call.tookMs ?? 0)
    const pending = this.#pendingCalls.add(
      (id) => new PendingCall(call, id, sinceMs + callIdleMs, sinceMs + callTotalMs, waiting),
    )
    if (!pending) throw new Refusal('overloaded')
    this.#moveByCalls()
    if (++this.#begun === this.#needs.callsInAll) this.retire('recycled_calls')
    pending.mayHold = isAlone
    this.attributor.served.begin(call.clientKey, now)
    const params = this.codec.params(call, call.progressToken === undefined ? undefined : pending.id)
    this.#outgoing.send(requestText(String(pending.id), call.method, params), call)
    return pending
  }

  finish(call: WorkerCall, reason: string | undefined): void {
    const pending = this.#pendingCalls.get(call.id)
    if (!pending || !this.#pendingCalls.remove(pending)) return
    this.#flowControl.release(pending)
    pending.abandon()
    this.idleSinceMs = this.#needs.clock.now()
    this.attributor.served.end(this.idleSinceMs)
    this.#moveByCalls()
    if (reason === undefined || this.#closed) return
    this.tell('notifications/cancelled', rawObject({ requestId: pending.id, reason }))
  }

  async request(method: string, params: RawObject | undefined, timeoutMs: number): Promise<Answer> {
    if (this.#closed) throw new Refusal('upstream_closed')
    this.#outgoing.checkRoom(params)
    const id = this.#pendingCalls.nextId()
    const answer = this.#internalRequests.wait(id, method, timeoutMs)
    this.#outgoing.send(requestText(String(id), method, params))
    return answer
  }

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

  pass(method: string, params: RawObject | undefined): void {
    this.#outgoing.checkRoom(params)
    this.tell(method, params)
  }

  expire(nowMs: number): boolean {
    return this.#pendingCalls.expire(nowMs, this.#flowControl.isHeld)
  }

  retire(reason: WorkerEnd): void {
    const { standing } = this.#needs
    if (this.closed || standing.state === 'retiring') return
    if (this.callsInFlight === 0) void this.close(reason)
    else standing.move('retiring')
  }

  close(reason: WorkerEnd): Promise<void> {
    this.#end()
    this.#fail(new Refusal('upstream_closed'))
    return this.#needs.transport.close(reason)
  }

  kill(reason: WorkerEnd): void {
    this.#end()
    this.#needs.transport.kill(reason)
  }

  #end(): void {
    this.#closed = true
    if (!this.closed) this.#needs.standing.move('ending')
  }

  #exit(exit: WorkerExit): void {
    this.#closed = true
    this.#outgoing.close()
    this.#serverRequests.drop()
    this.#fail(new Refusal(exit.reason === 'memory_limit' ? 'worker_memory' : 'upstream_closed'))
    this.#needs.ended(exit)
  }

  #fail(refusal: Refusal): void {
    this.#answers.close()
    for (const pending of this.#pendingCalls.all()) pending.fail(refusal)
    this.#internalRequests.failAll(refusal)
  }

  #message(message: Message | BadMessage, bytes: number, callId: number | undefined): void {
    if (message.kind === 'response') this.#answers.take(message, bytes)
    else if (message.kind === 'notification') this.#notifications.take(message.method, message.params)
    else if (message.kind === 'malformed') this.#answers.malformed(message)
    else if (message.method === 'ping')
      this.#outgoing.answer(responseText(message.id, { kind: 'result', result: emptyObject }))
    else this.#serverRequests.handle(message, bytes, callId)
  }
}
