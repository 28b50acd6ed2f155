/**
 * The circuit breaker of an upstream: when too many calls fail it refuses them for a while, then lets one through, and opens
 * for longer if that fails, too. cockatiel has the states; what counts, and when, is here, because its times are those of
 * the wall clock and calls would wait for the one that is let through (docs/decisions/0050).
 */
import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  handleWhenResult,
  type IBackoffFactory,
  type IDisposable,
} from 'cockatiel'
import { backOffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { CallWindow } from './call-window.ts'
import type { BreakerState, BreakerWord } from './operations.ts'
import type { ControlSettings } from './options.ts'

/** How a call ended, for the breaker: `neither` says nothing about the server. */
export type BreakerResult = 'good' | 'bad' | 'neither'

export interface CircuitBreakerNeeds {
  readonly clock: Clock
  /** Its state is another one. Calls that wait are refused if it is open. */
  readonly changed: (state: BreakerState) => void
  /** A random number from 0 to 1. */
  readonly chance?: () => number
}

export type BreakerSettings = Pick<
  ControlSettings,
  'breakerErrorPercent' | 'breakerMinCalls' | 'breakerWindowMs' | 'breakerOpenMs' | 'breakerSlowMs'
>

const off: BreakerSettings = {
  breakerErrorPercent: 0,
  breakerMinCalls: 1,
  breakerWindowMs: 1000,
  breakerOpenMs: 1000,
  breakerSlowMs: 0,
}

/** However often it fails, it is tried again after so many times the first wait. */
const longestTimes = 16
/** When a call is tried again that came while another one is let through, in milliseconds. */
const trialMs = 1000

const heldOpen = 'An operator has no call sent to this MCP server at the moment.'

/** The call that is let through. */
interface Trial {
  readonly sinceMs: number
  /** It has shown nothing: another call may be let through at once. */
  giveUp(): void
}

/** Time is counted here: as far as cockatiel is concerned, a call may always be let through. */
const always: IBackoffFactory<unknown> = { next: () => ({ duration: -Infinity, next: () => always.next(undefined) }) }

export class CircuitBreaker {
  readonly #needs: CircuitBreakerNeeds
  readonly #policy: CircuitBreakerPolicy
  #settings = off
  #window: CallWindow
  #word: BreakerWord = 'auto'
  #isolation: IDisposable | undefined
  /** How often it has opened in a row. */
  #openings = 0
  #retryAtMs = 0
  #trial: Trial | undefined
  /** Whether the next opening says nothing about the server: a trial has shown nothing. */
  #isUndecided = false
  /** Counts openings and resets: what calls from before come to is for the window alone. */
  #era = 0
  #told: BreakerState['state'] = 'closed'
  #isResetting = false

  /** It is off until it has settings. */
  constructor(needs: CircuitBreakerNeeds) {
    this.#needs = needs
    this.#window = new CallWindow(needs.clock, off.breakerWindowMs)
    const breaker = {
      state: undefined,
      success() {},
      failure: (state: CircuitState) => state !== CircuitState.Closed || this.#isBroken,
    }
    this.#policy = circuitBreaker(
      handleWhenResult((result) => result === 'bad'),
      { halfOpenAfter: always, breaker },
    )
    this.#policy.onStateChange((state) => this.#moved(state))
  }

  /** Whether no call has to be asked about. */
  get isOff(): boolean {
    return this.#word === 'close' || (this.#word === 'auto' && this.#settings.breakerErrorPercent === 0)
  }

  /** Other settings. What was counted counts on, unless the window is another one. */
  apply(settings: BreakerSettings): void {
    const before = this.#settings
    this.#settings = settings
    if (before.breakerWindowMs !== settings.breakerWindowMs)
      this.#window = new CallWindow(this.#needs.clock, settings.breakerWindowMs)
    if (this.#word === 'auto' && settings.breakerErrorPercent === 0) this.#reset()
  }

  /** `open` and `close` hold it there, whatever calls come to, until `auto`, which begins anew. */
  set(word: BreakerWord): void {
    this.#word = word
    if (word === 'open') {
      this.#era++
      this.#isolation ??= this.#policy.isolate()
    } else this.#reset()
    this.#tell()
  }

  get state(): BreakerState {
    const { clock } = this.#needs
    const isOpen = this.#policy.state === CircuitState.Open
    return {
      state: stateNames[this.#policy.state],
      isForced: this.#word !== 'auto',
      retryInMs: isOpen ? Math.max(0, this.#retryAtMs - clock.now()) : undefined,
    }
  }

  /** The refusal of a call that comes now, if calls are refused. */
  get refusal(): Refusal | undefined {
    if (this.isOff) return undefined
    const { state } = this.#policy
    if (state === CircuitState.Closed) return undefined
    const waitMs = state === CircuitState.Open ? this.#retryAtMs - this.#needs.clock.now() : trialMs
    if (state === CircuitState.Open && waitMs <= 0) return undefined
    // Nobody knows when its operator ends that.
    if (state === CircuitState.Isolated)
      return new Refusal('breaker_open', { message: heldOpen, retryAfterMs: this.#settings.breakerOpenMs })
    return new Refusal('breaker_open', { retryAfterMs: Math.ceil(waitMs) })
  }

  /**
   * A call begins. Throws `breaker_open`.
   * @param caller a key of the session, or the client
   * @returns called once with its end
   */
  begin(caller: string): (result: BreakerResult) => void {
    const { refusal } = this
    if (refusal) {
      this.#endLongTrial()
      throw refusal
    }
    if (this.isOff) return () => {}
    const isTrial = this.#policy.state !== CircuitState.Closed
    let settle = (_result: BreakerResult): void => {}
    const ended = new Promise<BreakerResult>((resolve) => (settle = resolve))
    // Nothing rejects in it. Where it is not settled, nothing refers to it any more.
    void this.#policy.execute(() => ended)
    const era = this.#era
    const giveUp = (): void => {
      this.#isUndecided = true
      this.#trial = undefined
      settle('bad')
    }
    if (isTrial) this.#trial = { sinceMs: this.#needs.clock.now(), giveUp }
    return (result) => {
      if (result !== 'neither') this.#window.add(caller, result === 'bad')
      if (era !== this.#era) return
      if (!isTrial) return settle(result)
      if (result === 'neither') return giveUp()
      this.#trial = undefined
      settle(result)
    }
  }

  /** A call that is let through may take as long as calls are refused at first: then another one may show how the server is. */
  #endLongTrial(): void {
    const { clock } = this.#needs
    if (this.#trial && clock.now() - this.#trial.sinceMs > this.#settings.breakerOpenMs) this.#trial.giveUp()
  }

  /** Whether a call that has taken so long counts as failed. */
  isSlow(ms: number): boolean {
    const { breakerSlowMs } = this.#settings
    return breakerSlowMs > 0 && ms > breakerSlowMs
  }

  get #isBroken(): boolean {
    const { breakerErrorPercent, breakerMinCalls } = this.#settings
    const { calls, failures, isOneCallers } = this.#window.sums()
    return calls >= breakerMinCalls && !isOneCallers && (failures / calls) * 100 >= breakerErrorPercent
  }

  #moved(state: CircuitState): void {
    const { clock, chance = Math.random } = this.#needs
    if (state === CircuitState.Open) {
      this.#era++
      const { breakerOpenMs } = this.#settings
      if (this.#isUndecided) {
        this.#isUndecided = false
        this.#retryAtMs = clock.now()
        return this.#tell()
      }
      const ms = backOffMs({ firstMs: breakerOpenMs, longestMs: longestTimes * breakerOpenMs }, ++this.#openings)
      // Instances that have opened together do not all try again at the same moment.
      this.#retryAtMs = clock.now() + Math.round(ms * (1 + chance() / 4))
    }
    if (state === CircuitState.Closed) {
      this.#openings = 0
      this.#window.clear()
    }
    if (!this.#isResetting) this.#tell()
  }

  /** Closes it, and forgets what was counted. */
  #reset(): void {
    this.#isResetting = true
    this.#era++
    this.#trial = undefined
    this.#isUndecided = false
    const isolation = this.#isolation ?? this.#policy.isolate()
    this.#isolation = undefined
    isolation.dispose()
    this.#isResetting = false
    this.#tell()
  }

  #tell(): void {
    const { state } = this
    if (state.state === this.#told) return
    this.#told = state.state
    this.#needs.changed(state)
  }
}

const stateNames: Readonly<Record<CircuitState, BreakerState['state']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
}
