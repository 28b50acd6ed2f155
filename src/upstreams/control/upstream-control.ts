/**
 * What stands in front of the calls of one upstream, of whatever kind: its operator pauses and disables it here, its circuit
 * breaker refuses calls, and calls wait for their turn if a limited number runs at once. While nothing is held and nothing is
 * limited, a call passes at once and costs a comparison.
 *
 * It belongs to the name: when another upstream takes the place of one, what was done goes on, and the calls that wait run
 * on the new one (docs/decisions/0047).
 */
import { wallMs } from '../../base/clock.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import type { Call, Reply } from '../../protocol/call.ts'
import { taskFollowUps } from '../../protocol/methods.ts'
import type { WorkerFacts } from '../upstream.ts'
import type { CallLine } from './call-line.ts'
import type { CallTurn, LineMember } from './call-turn.ts'
import { type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts'
import { ControlledCall, type ControlledCallNeeds } from './controlled-call.ts'
import { ControlledReply } from './controlled-reply.ts'
import { nextTurn } from './next-turn.ts'
import {
  type BreakerState,
  type BreakerWord,
  type ControlState,
  longestPauseMs,
  type UpstreamOperations,
} from './operations.ts'
import { Pause } from './pause.ts'
import { Retries, type RetrySettings } from './retries.ts'
import type { ControlledUpstream, UpstreamControlNeeds } from './upstream-control-needs.ts'
import { waitForTurn } from './wait-for-turn.ts'

export class UpstreamControl implements UpstreamOperations, LineMember {
  readonly name: string
  readonly #needs: UpstreamControlNeeds
  readonly #pause: Pause
  readonly #breaker: CircuitBreaker
  readonly #retries: Retries
  readonly #callNeeds: ControlledCallNeeds
  /** The next round of a call says nothing to the breaker. */
  readonly #nextRoundNeeds: ControlledCallNeeds
  #line: CallLine
  /** Lines that it has left, in which calls of it may still wait. */
  readonly #formerLines = new Set<CallLine>()
  #heldUntilMs = 0
  #isDisabled = false
  #access: Pick<ControlState, 'access' | 'accessSinceMs'> = { access: 'open', accessSinceMs: wallMs() }
  #isClosed = false
  #isReleased = false
  /** Whether calls do not simply pass, even if the line is open. */
  #isObserved = false

  constructor(needs: UpstreamControlNeeds) {
    this.name = needs.name
    this.#needs = needs
    this.#line = needs.line
    this.#breaker = new CircuitBreaker({ clock: needs.clock, changed: (state) => this.#breakerChanged(state) })
    this.#pause = new Pause(needs.clock, () => this.#changed())
    this.#retries = new Retries(needs)
    this.#callNeeds = {
      clock: needs.clock,
      breaker: this.#breaker,
      resume: (call, give) => this.#line.resume(this, call, give),
      retry: (call, error, tookMs) =>
        this.#mayRetry && this.#retries.allow(call, error, tookMs) ? needs.current() : undefined,
      retried: (end) => this.#retries.ended(end),
    }
    this.#nextRoundNeeds = { ...this.#callNeeds, breaker: undefined }
  }

  /** Runs a call on an upstream of this name, as soon as it may. */
  call(call: Call, upstream: Pick<ControlledUpstream, 'call'>): Reply {
    if ((!this.#isObserved && this.#line.isOpen) || taskFollowUps.has(call.method)) return upstream.call(call)
    if (call.worker !== undefined) return this.#line.isOpen ? upstream.call(call) : this.#callLater(call, upstream)
    return new ControlledReply(() => {
      this.#refuseUnlessOpen()
      const turn = this.#line.take(this, call)
      return turn ? this.#begin(call, upstream, turn) : { reply: this.#callLater(call, upstream), ended() {} }
    })
  }

  /** From now on the breaker goes by these settings. */
  applyBreaker(settings: BreakerSettings): void {
    this.#breaker.apply(settings)
    this.#changed()
  }

  /** From now on calls run once more by these settings. */
  applyRetries(settings: RetrySettings): void {
    this.#retries.apply(settings)
    this.#changed()
  }

  /** From now on calls come to this line. Those that wait in another one have their turn there. */
  moveTo(line: CallLine): void {
    if (line === this.#line) return
    this.#formerLines.add(this.#line)
    this.#formerLines.delete(line)
    this.#line = line
  }

  get isHeld(): boolean {
    return this.#isDisabled || this.#pause.untilMs !== undefined
  }

  get heldForMs(): number {
    const nowMs = this.#needs.clock.now()
    return Math.max(0, (this.#pause.untilMs ?? nowMs) - nowMs)
  }

  get heldUntilMs(): number {
    return this.#heldUntilMs
  }

  /** What would be refused in the line of the upstream itself, because that is full, waits here. */
  get room(): number {
    const { queue, current } = this.#needs
    return this.#line.concurrency < queue ? Infinity : queue - (current()?.counts()['waitingCalls'] ?? 0)
  }

  /** Calls that wait for their turn at an upstream whose name is gone: it must not be closed before. */
  get leftCalls(): number {
    return this.#isReleased ? this.#sum((line) => line.waiting(this)) : 0
  }

  state(): ControlState {
    const nowMs = this.#needs.clock.now()
    const { untilMs } = this.#pause
    return {
      ...this.#access,
      resumesInMs: untilMs === undefined ? undefined : Math.max(0, untilMs - nowMs),
      breaker: this.#breaker.state,
      concurrency: this.#line.state,
      waiting: this.#sum((line) => line.waiting(this)),
      oldestWaitMs: Math.max(0, ...this.#lines.map((line) => nowMs - (line.oldestSinceMs(this) ?? nowMs))),
    }
  }

  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>> {
    const { access, breaker, concurrency, waiting, oldestWaitMs } = this.state()
    return {
      queuedCalls: waiting,
      oldestQueueWaitMs: oldestWaitMs,
      pausedUpstreams: access === 'paused' ? 1 : 0,
      disabledUpstreams: access === 'disabled' ? 1 : 0,
      openBreakers: breaker.state === 'closed' ? 0 : 1,
      concurrencyLimit: concurrency?.limit ?? 0,
      retriedCalls: this.#retries.count,
    }
  }

  pause(forMs: number): ControlState {
    if (!Number.isInteger(forMs) || forMs < 1 || forMs > longestPauseMs)
      throw new RangeError(`a pause is a whole number of milliseconds from 1 to ${longestPauseMs}`)
    this.#needs.log.info({ for_ms: forMs }, 'the upstream is paused: new calls wait')
    this.#pause.begin(this.#needs.clock.now() + forMs)
    return this.state()
  }

  resume(): ControlState {
    this.#pause.end()
    return this.state()
  }

  disable(): ControlState {
    this.#isDisabled = true
    this.#changed()
    this.#refuseWaiting('upstream_disabled')
    return this.state()
  }

  enable(): ControlState {
    this.#isDisabled = false
    this.#changed()
    return this.state()
  }

  breaker(word: BreakerWord): ControlState {
    this.#breaker.set(word)
    this.#changed()
    return this.state()
  }

  async recycle(): Promise<void> {
    await this.#needs.current()?.recycle()
  }

  workers(): readonly WorkerFacts[] {
    return this.#needs.current()?.workers() ?? []
  }

  /** The name is gone: calls that wait run on the upstream that they were for. */
  release(): void {
    this.#isReleased = true
    this.#isDisabled = false
    this.#pause.end()
  }

  /** mcplex drains: refuses calls that wait for the end of a pause with `draining`. Others may have their turn in time. */
  drain(): void {
    if (this.isHeld) this.#refuseWaiting('draining')
  }

  /** Refuses calls that wait, and later ones, with `draining`. */
  close(): void {
    this.#isClosed = true
    this.#isObserved = true
    this.#refuseWaiting('draining')
    this.#pause.end()
  }

  get #lines(): readonly CallLine[] {
    return [this.#line, ...this.#formerLines]
  }

  #sum(countOf: (line: CallLine) => number): number {
    return this.#lines.reduce((sum, line) => sum + countOf(line), 0)
  }

  #refuseWaiting(code: RefusalCode): void {
    for (const line of this.#lines) line.refuse(this, () => new Refusal(code))
  }

  #refuseUnlessOpen(): void {
    if (this.#isClosed) throw new Refusal('draining')
    if (this.#isDisabled) throw new Refusal('upstream_disabled')
    const { refusal } = this.#breaker
    if (refusal) throw refusal
  }

  /** The breaker must have a call of its own to decide by, and an upstream that is held is being worked on. */
  get #mayRetry(): boolean {
    return !this.#isClosed && !this.isHeld && this.#breaker.state.state === 'closed'
  }

  #begin(call: Call, upstream: Pick<ControlledUpstream, 'call'>, turn: CallTurn): ControlledCall {
    const needs = call.worker === undefined ? this.#callNeeds : this.#nextRoundNeeds
    return new ControlledCall(call, upstream, turn, needs)
  }

  async *#callLater(call: Call, upstream: Pick<ControlledUpstream, 'call'>): Reply {
    const { clock, current } = this.#needs
    const isNextRound = call.worker !== undefined
    const sinceMs = clock.now()
    const { turn, waitNotices } = isNextRound
      ? { turn: await nextTurn((give) => this.#line.resume(this, call, give), call.cancel), waitNotices: 0 }
      : yield* waitForTurn(call, (cancel) => this.#line.wait(this, call, cancel), clock)
    const waitedMs = clock.now() - sinceMs
    const runsOn = isNextRound ? upstream : (current() ?? upstream)
    const outcome = yield* new ControlledReply(() => this.#begin({ ...call, waitNotices }, runsOn, turn))
    return { ...outcome, queueMs: (outcome.queueMs ?? 0) + waitedMs }
  }

  #breakerChanged({ state, isForced, retryInMs }: BreakerState): void {
    const { log, events } = this.#needs
    events.emit('upstreamBreaker', { upstream: this.name, state, isForced })
    if (state === 'half_open') return log.info({}, 'the breaker lets one call through')
    if (state === 'closed') return log.info({ forced: isForced }, 'the breaker has closed: calls run again')
    log.warn({ forced: isForced, for_ms: retryInMs }, 'the breaker has opened: calls are refused')
    for (const line of this.#lines) line.refuse(this, () => this.#breaker.refusal ?? new Refusal('breaker_open'))
  }

  /** A pause has begun or ended, the upstream was disabled or enabled, or the limit is another one. */
  #changed(): void {
    const { log, events, clock } = this.#needs
    const access = this.#isDisabled ? 'disabled' : this.#pause.untilMs === undefined ? 'open' : 'paused'
    const isOther = access !== this.#access.access
    if (isOther) this.#access = { access, accessSinceMs: wallMs() }
    if (this.isHeld) this.#heldUntilMs = clock.now() + this.heldForMs
    else this.#heldUntilMs = Math.min(this.#heldUntilMs, clock.now())
    if (this.#isClosed) return
    if (isOther) {
      events.emit('upstreamAccess', { upstream: this.name, access })
      if (access === 'disabled') log.info({}, 'the upstream is disabled: new calls are refused')
      if (access === 'open') log.info({ waiting: this.state().waiting }, 'the upstream takes calls again')
    }
    this.#isObserved = this.isHeld || !this.#breaker.isOff || this.#retries.areOn
    for (const line of this.#lines) line.look()
    for (const line of this.#formerLines) if (line.waiting(this) === 0) this.#formerLines.delete(line)
  }
}
