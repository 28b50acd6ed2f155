/** The limit of a line that adapts: measures what calls take, interval by interval, and says how many may run at once. */
import type { Clock } from '../../base/clock.ts'
import { type AdaptiveBounds, type AdaptiveState, adaptiveStep, concurrencyOf, firstState } from './adaptive-step.ts'

/** How many calls an interval has: as many as may run at once, and more where some take far longer than others. */
const fewestCalls = 40
const mostCalls = 2000
/** Then their mean is off by this part by chance (its standard error). */
const precision = 0.06
/** An interval that has begun so long ago is over once half of its calls are, in milliseconds: a call may take an hour. */
const longestMs = 30_000

/** The calls of an interval: the first ones that have begun since the limit is in force. */
interface CallGroup {
  readonly size: number
  readonly sinceMs: number
  begun: number
  /** Those that are over, and those among them whose time counts. */
  ended: number
  measured: number
  sumMs: number
  sumOfSquares: number
  /** The sum of the times at which those have begun that run, in milliseconds of the clock. */
  runningSinceMs: number
  mostAtOnce: number
}

export class AdaptiveLimit {
  readonly #clock: Clock
  #bounds: AdaptiveBounds
  #state: AdaptiveState
  /** The calls of this interval; undefined until the first one begins. */
  #group: CallGroup | undefined
  /** How many calls the next interval has because their times differ. */
  #calls = fewestCalls

  constructor(clock: Clock, bounds: AdaptiveBounds) {
    this.#clock = clock
    this.#bounds = bounds
    this.#state = firstState(bounds)
  }

  set bounds(bounds: AdaptiveBounds) {
    this.#bounds = bounds
  }

  /** How many calls may run at once. */
  get concurrency(): number {
    return concurrencyOf(this.#state, this.#bounds)
  }

  /**
   * A call begins.
   * @param running how many run with it
   * @returns to be called at its end, with how long its server took in milliseconds; undefined if that says nothing
   */
  begin(running: number): (tookMs: number | undefined) => void {
    // A call that goes on beside those that may run says nothing about as many.
    if (running > this.concurrency) return () => {}
    const nowMs = this.#clock.now()
    const group = (this.#group ??= this.#newGroup(nowMs))
    group.mostAtOnce = Math.max(group.mostAtOnce, running)
    if (group.begun >= group.size) return () => this.#look(group)
    group.begun++
    group.runningSinceMs += nowMs
    return (tookMs) => {
      group.ended++
      group.runningSinceMs -= nowMs
      if (tookMs !== undefined) {
        group.measured++
        group.sumMs += tookMs
        group.sumOfSquares += tookMs * tookMs
      }
      this.#look(group)
    }
  }

  #newGroup(sinceMs: number): CallGroup {
    const size = Math.max(this.#calls, this.concurrency)
    const sums = { sumMs: 0, sumOfSquares: 0, runningSinceMs: 0 }
    return { size, sinceMs, begun: 0, ended: 0, measured: 0, mostAtOnce: 0, ...sums }
  }

  /** Takes a step if the interval is over. */
  #look(group: CallGroup): void {
    if (group !== this.#group || group.begun < group.size) return
    const nowMs = this.#clock.now()
    const isLong = nowMs - group.sinceMs >= longestMs && group.ended >= group.size / 2
    if (group.ended < group.size && !isLong) return
    this.#group = undefined
    if (group.measured === 0) return
    // Those that run have taken as long as this at least.
    const running = group.size - group.ended
    const sumMs = group.sumMs + running * nowMs - group.runningSinceMs
    const meanMs = sumMs / (group.measured + running)
    const variance = Math.max(0, group.sumOfSquares / group.measured - (group.sumMs / group.measured) ** 2)
    const calls = variance / Math.max(1, meanMs * precision) ** 2
    this.#calls = Math.round(Math.max(fewestCalls, Math.min(mostCalls, calls)))
    this.#state = adaptiveStep(this.#state, { meanMs, mostAtOnce: group.mostAtOnce }, this.#bounds)
  }
}
