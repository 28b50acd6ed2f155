/** A call that has its turn: what became of it is told to the breaker and the line, and it may run once more. */
import type { Clock } from '../../base/clock.ts'
import type { Call, Reply, Update } from '../../protocol/call.ts'
import type { Upstream } from '../upstream.ts'
import { breakerResultOf, isMeasured, mayHaveRun } from './call-end.ts'
import type { CallTurn } from './call-turn.ts'
import type { BreakerResult, CircuitBreaker } from './circuit-breaker.ts'
import type { BegunCall, CallEnd } from './controlled-reply.ts'
import { HeldTurn } from './held-turn.ts'

export interface ControlledCallNeeds {
  readonly clock: Clock
  /** See `HeldTurnNeeds`. */
  readonly resume: (call: Call, give: (turn: CallTurn) => void) => () => void
  /** Undefined for a call that the breaker does not count. */
  readonly breaker: Pick<CircuitBreaker, 'begin' | 'isSlow'> | undefined
  /**
   * What the call runs on once more after an error; undefined if it does not.
   * @param tookMs how long it has taken so far, in milliseconds
   */
  readonly retry: (call: Call, error: unknown, tookMs: number) => Pick<Upstream, 'call'> | undefined
  /** A call that ran once more is over. */
  readonly retried: (end: CallEnd) => void
}

export class ControlledCall implements BegunCall {
  readonly reply: Reply
  readonly #call: Call
  readonly #needs: ControlledCallNeeds
  readonly #turn: HeldTurn
  readonly #sinceMs: number
  /** When it began, or began once more. */
  #runSinceMs: number
  #tellBreaker = (_result: BreakerResult): void => {}
  #hasUpdates = false
  /** Why it runs once more. */
  #firstError: unknown

  /** Throws what the breaker throws, and gives the turn back then. */
  constructor(call: Call, upstream: Pick<Upstream, 'call'>, turn: CallTurn, needs: ControlledCallNeeds) {
    this.#call = call
    this.#needs = needs
    this.#turn = new HeldTurn(turn, call, needs)
    this.#sinceMs = this.#runSinceMs = needs.clock.now()
    try {
      this.reply = this.#run(call, upstream)
    } catch (error) {
      turn.end(false)
      throw error
    }
  }

  pass(update: Update): Update {
    this.#hasUpdates = true
    return update.kind === 'input_request' ? this.#turn.asked(update) : update
  }

  again(error: unknown): Reply | undefined {
    if (this.#hasUpdates || this.#firstError !== undefined) return undefined
    const { clock, retry } = this.#needs
    const nowMs = clock.now()
    const tookMs = nowMs - this.#sinceMs
    const upstream = retry(this.#call, error, tookMs)
    if (!upstream) return undefined
    this.#tellBreaker(breakerResultOf({ error }, false))
    this.#firstError = error
    this.#runSinceMs = nowMs
    try {
      return this.#run({ ...this.#call, tookMs }, upstream)
    } catch {
      return undefined
    }
  }

  ended(end: CallEnd): unknown {
    const isRetried = this.#firstError !== undefined
    this.#turn.end(isMeasured(end) && !isRetried, end.outcome?.queueMs ?? 0)
    this.#tellBreaker(breakerResultOf(end, this.#isSlow(end)))
    if (!isRetried) return end.error
    this.#needs.retried(end)
    // A client must not be told that the call was not sent.
    return end.error === undefined || mayHaveRun(end) ? end.error : this.#firstError
  }

  #run(call: Call, upstream: Pick<Upstream, 'call'>): Reply {
    this.#tellBreaker = (): void => {}
    const { breaker } = this.#needs
    if (breaker) this.#tellBreaker = breaker.begin(call.fairnessKey)
    try {
      return upstream.call(call)
    } catch (error) {
      this.#tellBreaker('neither')
      throw error
    }
  }

  /** Whether the server took too long: the time in which the call waited for a worker or its client is not the server's. */
  #isSlow({ outcome }: CallEnd): boolean {
    const { breaker, clock } = this.#needs
    const waitedMs = (outcome?.queueMs ?? 0) + this.#turn.waitedMs
    return outcome !== undefined && breaker?.isSlow(clock.now() - this.#runSinceMs - waitedMs) === true
  }
}
