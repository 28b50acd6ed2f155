/**
 * The line of calls in front of an upstream, or of several that share a limit: how many of them may run at once, and a
 * bounded queue in front of that which is fair between tenants and then sessions. Promises that a call which cannot have its
 * turn in time is refused at once, and that calls of an upstream that is held do not keep back those of another one.
 */
import type { Cancel } from '../../base/cancel.ts'
import { CallTimes } from '../../base/call-times.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Place, WaitingLine } from '../../base/waiting-line.ts'
import type { Call } from '../../protocol/call.ts'
import { type Fairness, fairPathOf } from '../../protocol/fairness.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import type { AdaptiveBounds } from './adaptive-step.ts'
import type { CallTurn, LineMember, TurnWait } from './call-turn.ts'
import { KeptTurns } from './kept-turns.ts'
import { type ConcurrencyState, longestPauseMs } from './operations.ts'

export interface CallLineNeeds {
  /** How many calls may wait. */
  readonly queue: number
  /** How long a call may wait for its turn, in milliseconds. */
  readonly queueWaitMs: number
  /** Undefined: tenants are equal. */
  readonly fairness?: Fairness | undefined
  readonly clock: Clock
}

interface WaitingCall {
  readonly member: LineMember
  /** Tells its session from others of any tenant. */
  readonly session: string
  readonly sinceMs: number
}

/** A call that has begun, has waited for its client, and goes on with its next turn. */
interface ResumingCall extends WaitingCall {
  readonly give: () => void
}

/** When calls are looked at again for which their upstream has no room, in milliseconds. */
const againMs = 20

export class CallLine {
  readonly #needs: CallLineNeeds
  readonly #line: WaitingLine<CallTurn, WaitingCall>
  /** In the order in which they came. */
  readonly #resuming = new Set<ResumingCall>()
  /** Whether the last turn went to one of these. */
  #hasResumed = false
  /** How many calls may run at once; Infinity: as many as come. */
  #concurrency = Infinity
  /** Finds that out, if it adapts. */
  #adaptive: AdaptiveLimit | undefined
  #running = 0
  readonly #kept: KeptTurns
  readonly #times = new CallTimes()
  #timer: Timer | undefined
  /** Has calls looked at again once a turn is no longer kept from them. */
  #keptTimer: Timer | undefined

  constructor(needs: CallLineNeeds) {
    const { clock, queue } = needs
    this.#needs = needs
    this.#kept = new KeptTurns(clock)
    this.#line = new WaitingLine({
      clock,
      bound: queue,
      ...needs.fairness,
      refusalWhenDue: (waiting) => this.#refusalWhenDue(waiting),
      refusalAtOnce: (ahead, ms) => this.#refusalAtOnce(ahead, ms),
      refusalWhenDisplaced: ({ member }) => this.#full(member),
    })
  }

  get concurrency(): number {
    return this.#concurrency
  }

  /** As many from now on. */
  set concurrency(concurrency: number) {
    this.#adaptive = undefined
    this.#concurrency = concurrency
    this.look()
  }

  /** From now on as many as the server bears, within bounds. */
  adapt(bounds: AdaptiveBounds): void {
    this.#adaptive ??= new AdaptiveLimit(this.#needs.clock, bounds)
    this.#adaptive.bounds = bounds
    this.#concurrency = this.#adaptive.concurrency
    this.look()
  }

  /** Undefined: as many calls run as come. */
  get state(): ConcurrencyState | undefined {
    if (this.#concurrency === Infinity) return undefined
    return { limit: this.#concurrency, isAdaptive: this.#adaptive !== undefined, running: this.#running }
  }

  get running(): number {
    return this.#running
  }

  /** How many calls of a member wait. */
  waiting(member: LineMember): number {
    return this.#waiting.filter((call) => call.member === member).length
  }

  /** Since when the oldest call of a member waits, in milliseconds of the clock; undefined if none does. */
  oldestSinceMs(member: LineMember): number | undefined {
    const since = this.#waiting.flatMap((call) => (call.member === member ? call.sinceMs : []))
    return since.length === 0 ? undefined : Math.min(...since)
  }

  /** Whether calls need no turn: as many may run as come, and none waits. */
  get isOpen(): boolean {
    return this.#concurrency === Infinity && this.isEmpty
  }

  get isEmpty(): boolean {
    return this.#line.size === 0 && this.#resuming.size === 0
  }

  get #waiting(): readonly WaitingCall[] {
    return [...this.#resuming, ...this.#line.waiters.map(({ about }) => about)]
  }

  /** The turn of a call, if it may run at once: those that wait go first. */
  take(member: LineMember, call: Call): CallTurn | undefined {
    if (!this.isEmpty || member.isHeld || this.#running >= this.#concurrency) return undefined
    const session = sessionOf(call)
    this.#kept.called(session)
    return this.#mayBegin(session) ? this.#begin(session) : undefined
  }

  #mayBegin(session: string): boolean {
    // A limit that adapts is measured by how many run: it must be used to the end.
    if (this.#adaptive) return this.#running < this.#concurrency
    return this.#kept.mayBegin(session, this.#running, this.#concurrency)
  }

  /**
   * Waits for the turn of a call. Its promise rejects with `cancelled`, or `overloaded`: too many wait, or the wait would be
   * too long.
   * @param cancel ends the wait
   */
  wait(member: LineMember, call: Call, cancel: Cancel): TurnWait {
    const { clock, queueWaitMs } = this.#needs
    const path = [...fairPathOf(call), member.name]
    const session = sessionOf(call)
    this.#kept.called(session)
    const about = { member, session, sinceMs: clock.now() }
    const turn = this.#line.wait(path, about, member.heldForMs + queueWaitMs, cancel)
    if (turn && !this.#timer) this.look()
    return {
      turn: turn ?? Promise.reject(this.#full(member)),
      place: () => this.#place(member, this.#line.aheadOf(path, about)),
    }
  }

  /**
   * Gives the next turn to a call that has begun and has waited for its client: before those that have not begun, but
   * not twice in a row while any of these waits. It is neither held nor refused: when it has waited for as long as a call
   * may, it goes on beside those that run. As many can wait as there are calls that were asked something.
   * @param give gets the turn, perhaps at once
   * @returns ends the wait
   */
  resume(member: LineMember, call: Call, give: (turn: CallTurn) => void): () => void {
    const { clock, queueWaitMs } = this.#needs
    const session = sessionOf(call)
    if (this.#resuming.size === 0 && this.#running < this.#concurrency) {
      give(this.#begin(session))
      return () => {}
    }
    const leave = (): void => {
      timer.stop()
      this.#resuming.delete(resuming)
    }
    const resuming: ResumingCall = {
      member,
      session,
      sinceMs: clock.now(),
      give: () => {
        leave()
        give(this.#begin(session))
      },
    }
    const timer = clock.after(queueWaitMs, resuming.give)
    this.#resuming.add(resuming)
    return leave
  }

  #place(member: LineMember, ahead: number): Place {
    const isKnown = this.#times.areKnown || this.#concurrency === Infinity
    return { ahead, expectedMs: isKnown ? member.heldForMs + this.#expectedMs(ahead) : undefined }
  }

  /** Refuses the calls of a member that wait. */
  refuse(member: LineMember, refusal: () => Refusal): void {
    for (const waiter of this.#line.waiters) if (waiter.about.member === member) waiter.refuse(refusal())
  }

  /** Gives turns to calls that wait, in fair order: as many as may run, and as their upstreams have room for. */
  look(): void {
    for (const timer of [this.#timer, this.#keptTimer]) timer?.stop()
    this.#timer = this.#keptTimer = undefined
    if (this.isEmpty) return
    let keptForMs = Infinity
    const rooms = new Map<LineMember, number>()
    let lacksRoom = false
    const turnOf = ({ member, session }: WaitingCall): CallTurn | undefined => {
      if (member.isHeld) return undefined
      if (!this.#mayBegin(session)) {
        keptForMs = Math.min(keptForMs, this.#kept.untilAloneMs(session))
        return undefined
      }
      const room = rooms.get(member) ?? member.room
      rooms.set(member, room - 1)
      lacksRoom ||= room <= 0
      return room > 0 ? this.#begin(session) : undefined
    }
    while (this.#running < this.#concurrency && this.#next(turnOf));
    // The end of a call and that of a hold have it looked again as well.
    const { clock } = this.#needs
    if (lacksRoom) this.#timer = clock.after(againMs, () => this.look())
    if (keptForMs < Infinity) this.#keptTimer = clock.after(keptForMs, () => this.look())
  }

  /** @returns whether a call got its turn */
  #next(turnOf: (waiting: WaitingCall) => CallTurn | undefined): boolean {
    const [resuming] = this.#resuming
    const isOther = (resuming === undefined || this.#hasResumed) && this.#line.offer(turnOf)
    this.#hasResumed = !isOther && resuming !== undefined
    if (this.#hasResumed) resuming?.give()
    return isOther || this.#hasResumed
  }

  #begin(session: string): CallTurn {
    const { clock } = this.#needs
    const startedMs = clock.now()
    let isOver = false
    this.#running++
    this.#kept.begun(session)
    const adapts = this.#adaptive
    const endForLimit = adapts?.begin(this.#running)
    return {
      end: (isMeasured, waitedMs = 0) => {
        if (isOver) return
        isOver = true
        this.#running--
        this.#kept.ended(session)
        const tookMs = clock.now() - startedMs
        if (isMeasured) this.#times.add(tookMs)
        endForLimit?.(isMeasured ? Math.max(0, tookMs - waitedMs) : undefined)
        if (adapts && adapts === this.#adaptive) this.#concurrency = adapts.concurrency
        if (!this.isEmpty) this.look()
      },
    }
  }

  /** How long a call waits until so many others have begun that are ahead of it, in milliseconds. */
  #expectedMs(ahead: number, eachMs: number = this.#times.usualMs): number {
    return this.#concurrency === Infinity ? 0 : ((ahead + 1) * eachMs) / this.#concurrency
  }

  #refusalAtOnce(ahead: () => number, ms: number): Refusal | undefined {
    const { leastMs } = this.#times
    // As if it were the last of all: most waits are short, and nothing has to be counted.
    if (this.#expectedMs(this.#line.size, leastMs) <= ms) return undefined
    const expectedMs = this.#expectedMs(ahead(), leastMs)
    return expectedMs <= ms ? undefined : overloaded(tooLong, expectedMs - ms)
  }

  /** The refusal of a call that has waited for long enough; undefined if calls are held for longer than when it came. */
  #refusalWhenDue({ member, sinceMs }: WaitingCall): Refusal | undefined {
    const { clock, queueWaitMs } = this.#needs
    const nowMs = clock.now()
    const isOver = nowMs - sinceMs >= longestPauseMs + queueWaitMs
    const isDue = !member.isHeld && nowMs - Math.max(sinceMs, member.heldUntilMs) >= queueWaitMs
    return isOver || isDue ? overloaded(tooLong, this.#expectedMs(this.#line.size)) : undefined
  }

  #full(member: LineMember): Refusal {
    return overloaded(tooMany, member.heldForMs + this.#expectedMs(this.#line.size))
  }
}

function sessionOf({ principal, fairnessKey }: Call): string {
  return `${principal.tenant} ${fairnessKey}`
}

const tooMany =
  'As many calls wait for this MCP server as may: it is paused, restarts, or is at its limit. The call was not sent to it.'
const tooLong = 'This MCP server has more calls than it can serve in time. The call was not sent to it.'

function overloaded(message: string, retryAfterMs: number): Refusal {
  return new Refusal('overloaded', { message, retryAfterMs: Math.max(1000, Math.ceil(retryAfterMs)) })
}
