/**
 * A queue in front of an API that allows so many calls: fair between tenants and sessions, with a deadline for each wait.
 * Promises that the API never sees more calls than it allows, that no call begins while the API has asked for a pause, and
 * that a call which cannot have its turn in time is refused at once.
 */
import { backOffMs, withJitter } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { createLease, type Lease } from '../base/lease.ts'
import { WaitingLine } from '../base/waiting-line.ts'
import { outside } from '../use-call/call-scope.ts'
import type { AcquireAttempt, AcquiredResource } from './acquired-resource.ts'
import { type CallerOfResource, fairPath } from './caller-of-resource.ts'
import { joinSignals, type JoinedSignals } from './joined-signals.ts'
import {
  type Limited,
  type LimitedAttempt,
  type LimitedRunOptions,
  type LimitedSettings,
  wholeNumber,
} from './limited-options.ts'
import { RateWindow } from './rate-window.ts'
import { inSeconds, ResourceError } from './resource-error.ts'
import { CallAgain, retryAfterMs } from './retry-after.ts'
import { LeastDuration } from '../base/least-duration.ts'

/** Pauses that an API asks for without saying how long: from one second, because half of each is left to chance. */
const pauses = { firstMs: 2000, longestMs: 60_000 }

/** Of an error of a tool call that waits for a turn while a task of its own has one. */
const waitsForItself = '; the same tool call has it and waits for it: a task must not ask for what it has itself'

interface Turn {
  readonly sinceMs: number
  readonly dueMs: number
  /** The signal of the tool call, by which the call is known; undefined for code that works on none. */
  readonly call: AbortSignal | undefined
}

export interface LimiterNeeds {
  /** Such as `limited("weather")`. */
  readonly resource: string
  readonly settings: LimitedSettings
  readonly clock: Clock
  /** Of the code that runs; undefined if it works on no call. */
  readonly caller: () => CallerOfResource | undefined
  /** The line that a caller waits in; by default one for each tenant and session. */
  readonly pathOf?: (caller: CallerOfResource | undefined) => readonly string[]
  /** Gets what a task needs besides its turn, before it begins. Throws if that is not to be had before `dueMs`. */
  readonly acquire?: (attempt: AcquireAttempt) => Promise<AcquiredResource>
  /** The error of a task that takes longer than `timeoutMs`. @param hint what to add to its words */
  readonly errorWhenLate?: (hint: string) => ResourceError
}

type LimitedTask<Value> = (
  attempt: LimitedAttempt,
  acquired: AcquiredResource | undefined,
) => Value | PromiseLike<Value>

export class Limiter implements Limited {
  readonly #needs: LimiterNeeds
  readonly #window: RateWindow | undefined
  readonly #line: WaitingLine<Lease, Turn>
  #running = 0
  /** The tool calls whose tasks run: one for each task. */
  readonly #calls: Array<AbortSignal | undefined> = []
  readonly #leastDuration = new LeastDuration()
  #pausedUntilMs = 0
  /** Pauses in a row. */
  #refusals = 0
  #timer: Timer | undefined
  #isClosed = false

  constructor(needs: LimiterNeeds) {
    const { settings, clock } = needs
    this.#needs = needs
    this.#window = settings.rate && new RateWindow(clock, settings.rate)
    this.#line = new WaitingLine({
      clock,
      bound: settings.maxQueue,
      refusalWhenDue: ({ sinceMs, dueMs, call }) => this.#due(dueMs - sinceMs, call),
      refusalAtOnce: (ahead, ms) => this.#tooLate(ahead, ms),
      refusalWhenDisplaced: () => this.#full(),
    })
  }

  get running(): number {
    return this.#running
  }
  get waiting(): number {
    return this.#line.size
  }

  /** Since when the oldest wait waits, by the clock. */
  get oldestSinceMs(): number | undefined {
    let oldest: number | undefined
    for (const { about } of this.#line.waiters) oldest = Math.min(oldest ?? about.sinceMs, about.sinceMs)
    return oldest
  }

  /** Whether nothing would be forgotten if it were made again. */
  get isIdle(): boolean {
    const { clock, settings } = this.#needs
    const isWindowEmpty = !settings.rate || this.#window?.free === settings.rate.calls
    return this.#running === 0 && this.#line.size === 0 && isWindowEmpty && clock.now() >= this.#pausedUntilMs
  }

  async run<Value>(task: LimitedTask<Value>, { signal, maxWait }: LimitedRunOptions = {}): Promise<Value> {
    const { clock, resource, settings, caller, pathOf = fairPath } = this.#needs
    const from = caller()
    const joined = joinSignals([from?.signal, signal])
    const dueMs =
      clock.now() + (maxWait === undefined ? settings.maxWaitMs : wholeNumber(resource, 'maxWait', maxWait, 0))
    try {
      for (;;) {
        const about = { sinceMs: clock.now(), dueMs, call: from?.signal }
        const slot = await this.#turn(pathOf(from), about, joined)
        const attempt = await this.#attempt(task, slot, about, joined)
        if ('value' in attempt) return attempt.value
        if (clock.now() > dueMs) throw this.#due(settings.maxWaitMs)
      }
    } finally {
      joined.release()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.stop()
    this.#line.drain(this.#closed())
  }

  async #turn(path: readonly string[], about: Turn, { signal, cancel }: JoinedSignals): Promise<Lease> {
    if (this.#isClosed) throw this.#closed()
    signal.throwIfAborted()
    if (this.#line.size === 0 && this.#isFree()) return this.#begin()
    // Its timer belongs to no module.
    const turn = outside(() => this.#line.wait(path, about, about.dueMs - about.sinceMs, cancel))
    if (!turn) throw this.#full()
    this.#wakeLater()
    const slot = await turn.catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
    if (signal.aborted) slot.release()
    signal.throwIfAborted()
    return slot
  }

  /** Runs the task. Without a value, the API has refused the call for now. */
  async #attempt<Value>(
    task: LimitedTask<Value>,
    slot: Lease,
    { dueMs, call }: Turn,
    joined: JoinedSignals,
  ): Promise<{ readonly value: Value } | { readonly isRefused: true }> {
    const { clock, settings, acquire } = this.#needs
    const { signal, cancel } = joined
    const startedMs = clock.now()
    this.#calls.push(call)
    let timer: Timer | undefined
    let acquired: AcquiredResource | undefined
    let isLost = false
    let lost = (_error: ResourceError): void => {}
    const ended = new Promise<never>((_, reject) => {
      lost = (error) => {
        isLost = true
        joined.abort(error)
        reject(error)
      }
    })
    // It may be lost while nothing waits for it.
    ended.catch(() => {})
    try {
      acquired = await acquire?.({ signal, cancel, dueMs, lost: (error) => lost(error) })
      timer = outside(() => clock.after(settings.timeoutMs, () => lost(this.#late(call))))
      const retryAfter = (value?: string | number | null): never => {
        throw new CallAgain(retryAfterMs(value))
      }
      const running = (async () => task({ signal, retryAfter }, acquired))()
      const value = await Promise.race([running, ended])
      this.#refusals = 0
      return { value }
    } catch (error) {
      if (!(error instanceof CallAgain)) throw error
      this.#pause(error.afterMs)
      return { isRefused: true }
    } finally {
      timer?.stop()
      await acquired?.release(isLost)
      this.#calls.splice(this.#calls.indexOf(call), 1)
      this.#leastDuration.add(clock.now() - startedMs)
      slot.release()
    }
  }

  #isFree(): boolean {
    const { clock, settings } = this.#needs
    return (
      this.#running < settings.concurrency &&
      clock.now() >= this.#pausedUntilMs &&
      (this.#window === undefined || this.#window.free > 0)
    )
  }

  #begin(): Lease {
    this.#running++
    this.#window?.begin()
    return createLease(() => {
      this.#running--
      this.#window?.end()
      this.#wake()
    })
  }

  /** Gives the turns that there are, and looks again when there may be more. */
  #wake(): void {
    while (this.#line.size > 0 && this.#isFree()) if (!this.#line.offer(() => this.#begin())) break
    this.#wakeLater()
  }

  #wakeLater(): void {
    const { clock, settings } = this.#needs
    this.#timer?.stop()
    this.#timer = undefined
    // The end of a task wakes it as well.
    if (this.#line.size === 0 || this.#running >= settings.concurrency) return
    const nowMs = clock.now()
    const isWindowFull = this.#window !== undefined && this.#window.free <= 0
    const nextMs = isWindowFull ? this.#window?.nextAtMs : nowMs
    if (nextMs === undefined) return
    const ms = Math.max(0, nextMs - nowMs, this.#pausedUntilMs - nowMs)
    this.#timer = outside(() => clock.after(ms, () => this.#wake()))
  }

  /** No call begins for so long; calls that would have no turn in time are refused. */
  #pause(afterMs: number | undefined): void {
    const { clock, resource } = this.#needs
    // Calls that ran at the same time are refused for the same reason.
    if (clock.now() >= this.#pausedUntilMs) this.#refusals++
    // An API that names no time, or none at all, is left alone for longer each time.
    const ms = afterMs !== undefined && afterMs > 0 ? afterMs : withJitter(backOffMs(pauses, this.#refusals))
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, clock.now() + ms)
    for (const waiter of this.#line.waiters) {
      if (waiter.about.dueMs >= this.#pausedUntilMs) continue
      const words = `the API wants no calls for ${inSeconds(ms)}, longer than this call may wait (maxWait)`
      waiter.refuse(new ResourceError('too_late', resource, words, { retryAfterMs: Math.ceil(ms) }))
    }
  }

  /** How long a call has to wait with so many ahead of it, in milliseconds; or longer. */
  #expectedMs(ahead: number): number {
    const { clock, settings } = this.#needs
    const pauseMs = Math.max(0, this.#pausedUntilMs - clock.now())
    const rounds = Math.floor((this.#running + ahead) / settings.concurrency)
    return Math.max(pauseMs, this.#window?.waitMs(ahead) ?? 0, (rounds - 1) * this.#leastDuration.ms)
  }

  #tooLate(ahead: () => number, ms: number): ResourceError | undefined {
    // As if it were the last of all: most waits are short, and nothing has to be counted.
    if (this.#expectedMs(this.#line.size) <= ms) return undefined
    const expectedMs = this.#expectedMs(ahead())
    if (expectedMs <= ms) return undefined
    const words = `this call would have to wait about ${inSeconds(expectedMs)}, longer than its ${inSeconds(ms)} (maxWait)`
    return new ResourceError('too_late', this.#needs.resource, words, { retryAfterMs: Math.ceil(expectedMs - ms) })
  }

  #full(): ResourceError {
    const expectedMs = this.#expectedMs(this.#line.size)
    const words = `${this.#line.size} calls wait already (maxQueue); try again in about ${inSeconds(expectedMs)}`
    return new ResourceError('queue_full', this.#needs.resource, words, { retryAfterMs: Math.ceil(expectedMs) })
  }

  #late(call: AbortSignal | undefined): ResourceError {
    const { resource, settings, errorWhenLate } = this.#needs
    const hint = this.#line.waiters.some(({ about }) => call && about.call === call) ? waitsForItself : ''
    const words = `took longer than ${inSeconds(settings.timeoutMs)} (timeout)${hint}`
    return errorWhenLate?.(hint) ?? new ResourceError('run_timeout', resource, words)
  }

  #due(ms: number, call?: AbortSignal): ResourceError {
    const hint = call && this.#calls.includes(call) ? waitsForItself : ''
    return new ResourceError(
      'wait_timeout',
      this.#needs.resource,
      `had no turn within ${inSeconds(ms)} (maxWait)${hint}`,
    )
  }

  #closed(): ResourceError {
    return new ResourceError('closed', this.#needs.resource, 'the server is closed or was replaced; try again')
  }
}
