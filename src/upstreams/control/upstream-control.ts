/**
 * What stands in front of the calls of one upstream, of whatever kind: its operator pauses and disables it here, and calls
 * wait here while its server is known to be restarting. While nothing is held, a call passes at once and costs a comparison.
 *
 * It belongs to the name: when another upstream takes the place of one, what was done goes on, and the calls that wait run
 * on the new one (docs/decisions/0047).
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Lease } from '../../base/lease.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import { WaitingLine } from '../../base/waiting-line.ts'
import type { Call, Reply } from '../../protocol/call.ts'
import type { Upstream, WorkerFacts } from '../upstream.ts'
import { Holds } from './holds.ts'
import { type UpstreamAccess, type ControlState, longestPauseMs, type UpstreamOperations } from './operations.ts'

export interface UpstreamControlNeeds {
  /** The name of the upstream. */
  readonly name: string
  /** How many calls may wait. */
  readonly queue: number
  /** How long a call may wait besides the time for which calls are held, in milliseconds. */
  readonly queueWaitMs: number
  /** The upstream that has the name now; undefined if there is none any more. */
  readonly current: () => ControlledUpstream | undefined
  readonly clock: Clock
  /** Its lines name the upstream already. */
  readonly log: Log
  readonly events: EventSink
}

/** What calls run on. */
export type ControlledUpstream = Pick<Upstream, 'call' | 'counts' | 'recycle' | 'workers'>

interface WaitingCall {
  readonly sinceMs: number
}

/** When calls that wait for room are looked at again, in milliseconds. */
const roomPauseMs = 20

export class UpstreamControl implements UpstreamOperations {
  readonly #needs: UpstreamControlNeeds
  readonly #holds: Holds
  readonly #line: WaitingLine<true, WaitingCall>
  #isDisabled = false
  #access: UpstreamAccess = 'open'
  #isClosed = false
  #timer: Timer | undefined
  /** Whether calls pass at once. */
  #isOpen = true

  constructor(needs: UpstreamControlNeeds) {
    const { clock, queue } = needs
    this.#needs = needs
    this.#holds = new Holds(clock, () => this.#changed())
    this.#line = new WaitingLine({
      clock,
      bound: queue,
      refusalWhenDue: (waiting) => this.#refusalWhenDue(waiting),
      refusalWhenDisplaced: () => this.#full(),
    })
  }

  /** Runs a call on an upstream of this name, as soon as it may. */
  call(call: Call, upstream: Pick<ControlledUpstream, 'call'>): Reply {
    return this.#isOpen || beginsNothing(call) ? upstream.call(call) : this.#callLater(call, upstream)
  }

  state(): ControlState {
    const nowMs = this.#needs.clock.now()
    let oldestMs = nowMs
    for (const { about } of this.#line.waiters) oldestMs = Math.min(oldestMs, about.sinceMs)
    const { pausedUntilMs, restarting } = this.#holds
    return {
      access: this.#access,
      resumesInMs: pausedUntilMs === undefined ? undefined : Math.max(0, pausedUntilMs - nowMs),
      restarting,
      waiting: this.#line.size,
      oldestWaitMs: nowMs - oldestMs,
    }
  }

  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>> {
    const { access, waiting, oldestWaitMs } = this.state()
    return {
      queuedCalls: waiting,
      oldestQueueWaitMs: oldestWaitMs,
      pausedUpstreams: access === 'paused' ? 1 : 0,
      disabledUpstreams: access === 'disabled' ? 1 : 0,
    }
  }

  pause(forMs: number): ControlState {
    if (!Number.isInteger(forMs) || forMs < 1 || forMs > longestPauseMs)
      throw new RangeError(`a pause is a whole number of milliseconds from 1 to ${longestPauseMs}`)
    this.#needs.log.info({ for_ms: forMs }, 'the upstream is paused: new calls wait')
    this.#holds.pause(this.#needs.clock.now() + forMs)
    return this.state()
  }

  resume(): ControlState {
    this.#holds.resume()
    return this.state()
  }

  disable(): ControlState {
    this.#isDisabled = true
    this.#changed()
    this.#line.drain(new Refusal('upstream_disabled'))
    return this.state()
  }

  enable(): ControlState {
    this.#isDisabled = false
    this.#changed()
    return this.state()
  }

  async recycle(): Promise<void> {
    await this.#needs.current()?.recycle()
  }

  workers(): readonly WorkerFacts[] {
    return this.#needs.current()?.workers() ?? []
  }

  /**
   * The server is known to be restarting: new calls wait until the lease is released or `untilMs` has passed, at most for an
   * hour, instead of failing one after the other.
   * @param reason for the operator, such as `its process is replaced`
   * @param untilMs milliseconds of the clock
   */
  hold(reason: string, untilMs: number): Lease {
    const { clock, log } = this.#needs
    const forMs = Math.min(longestPauseMs, untilMs - clock.now())
    log.info({ reason, for_ms: forMs }, 'calls wait while the server restarts')
    return this.#holds.restart(reason, clock.now() + forMs)
  }

  /** The name is gone: calls that wait run on the upstream that they were for. */
  release(): void {
    this.#isDisabled = false
    this.#holds.clear()
  }

  /** Refuses calls that wait, and later ones, with `draining`. */
  close(): void {
    this.#isClosed = true
    this.#isOpen = false
    this.#timer?.stop()
    this.#holds.clear()
    this.#line.drain(new Refusal('draining'))
  }

  async *#callLater(call: Call, upstream: Pick<ControlledUpstream, 'call'>): Reply {
    const { clock, current } = this.#needs
    const sinceMs = clock.now()
    // It may have been opened before the first step was asked for.
    if (!this.#isOpen) await this.#wait(call, sinceMs)
    const waitedMs = clock.now() - sinceMs
    const outcome = yield* (current() ?? upstream).call(call)
    return { ...outcome, queueMs: (outcome.queueMs ?? 0) + waitedMs }
  }

  #wait(call: Call, sinceMs: number): Promise<true> {
    if (this.#isClosed) throw new Refusal('draining')
    if (this.#isDisabled) throw new Refusal('upstream_disabled')
    const path = [call.principal.tenant, call.fairnessKey]
    const waiting = this.#line.wait(path, { sinceMs }, this.#heldForMs() + this.#needs.queueWaitMs, call.cancel)
    if (!waiting) throw this.#full()
    return waiting
  }

  /** How long calls are held from now on, in milliseconds. */
  #heldForMs(): number {
    const nowMs = this.#needs.clock.now()
    return Math.max(0, (this.#holds.untilMs ?? nowMs) - nowMs)
  }

  /** A hold has begun or ended, or the upstream was disabled or enabled. */
  #changed(): void {
    const { name, log, events } = this.#needs
    const before = this.#access
    const isPaused = this.#holds.pausedUntilMs !== undefined
    this.#access = this.#isDisabled ? 'disabled' : isPaused ? 'paused' : 'open'
    if (this.#isClosed) return
    if (this.#access !== before) {
      events.emit('upstreamAccess', { upstream: name, access: this.#access })
      if (this.#access === 'disabled') log.info({}, 'the upstream is disabled: new calls are refused')
      if (this.#access === 'open') log.info({ waiting: this.#line.size }, 'the upstream takes calls again')
    }
    this.#letPass()
  }

  /**
   * Has calls that wait run, in fair turns: as many as the upstream has room for in its own line. More would be refused
   * there, although they could have waited here.
   */
  #letPass(): void {
    this.#timer?.stop()
    this.#timer = undefined
    const { queue, current, clock } = this.#needs
    this.#isOpen = false
    if (this.#isDisabled || this.#holds.isHeld) return
    let room = this.#line.size === 0 ? 0 : queue - (current()?.counts()['waitingCalls'] ?? 0)
    while (room-- > 0 && this.#line.offer(() => true));
    this.#isOpen = this.#line.size === 0
    if (!this.#isOpen) this.#timer = clock.after(roomPauseMs, () => this.#letPass())
  }

  /** The refusal of a call that has waited for long enough; undefined if calls are held for longer than when it came. */
  #refusalWhenDue({ sinceMs }: WaitingCall): Refusal | undefined {
    const { clock, queueWaitMs } = this.#needs
    const isOver = clock.now() - sinceMs >= longestPauseMs + queueWaitMs
    return this.#holds.isHeld && !isOver ? undefined : new Refusal('overloaded')
  }

  /** Too many calls wait. */
  #full(): Refusal {
    const retryAfterMs = Math.max(1000, this.#heldForMs())
    return new Refusal('overloaded', { message: fullMessage, retryAfterMs })
  }
}

const fullMessage =
  'The server is paused or restarts, and as many calls wait for it as may. The call was not sent to it.'

/** Whether a call goes on with one that has begun: the next round of it, or a question about its task. */
function beginsNothing({ worker, method }: Call): boolean {
  return worker !== undefined || method.startsWith('tasks/')
}
