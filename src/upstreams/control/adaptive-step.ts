/**
 * How a concurrency limit follows what a server bears: it grows while calls take as long as they do when few run, and falls
 * when they take longer, because then they wait for each other in the server. Pure: intervals of calls in, the next limit out.
 *
 * It compares, as TCP Vegas does, what calls take with a base. Pitfalls that are known from others, and what is done:
 * - The base drifts upwards if it is only taken from calls that have waited already, and the limit with it. So now and then
 *   half as many calls run for an interval (a probe, as in Envoy), and what these take is the base.
 * - The quickest call of all is no base where some tools take ten times as long as others: means are compared with means.
 * - A limit that is not reached says nothing: it grows only while calls use all of it.
 */

export interface AdaptiveBounds {
  /** The lowest and the highest limit: whole numbers, 1 or more. */
  readonly min: number
  readonly max: number
}

export interface AdaptiveState {
  /** How many calls the server bears, with fractions. */
  readonly limit: number
  /** What calls take while they do not wait for each other, in milliseconds; undefined if that is not known yet. */
  readonly baseMs: number | undefined
  /** Whether fewer calls run at the moment, to measure the base. */
  readonly isProbe: boolean
  /** Intervals until the next probe. */
  readonly untilProbe: number
  /** Whether the limit doubles: it has not been found to be too high yet. */
  readonly isStarting: boolean
  /** How many intervals in a row have found it too high. */
  readonly tooHigh: number
}

/** What is known of the calls of an interval, all of which have begun since the last step. */
export interface CallInterval {
  /** What they took on average, in milliseconds. */
  readonly meanMs: number
  /** The most that ran at once. */
  readonly mostAtOnce: number
}

const firstLimit = 8
const intervalsBetweenProbes = 30
/** A limit that is lowered so often in a row has perhaps the wrong base. */
const mostTooHigh = 3
/** The part of their time that calls may wait for each other: below the first the limit grows, above the second it falls. */
const waiting = { few: 0.1, many: 0.25 }
const growth = 0.1

export function firstState({ min, max }: AdaptiveBounds): AdaptiveState {
  const limit = clamp(firstLimit, min, max)
  return { limit, baseMs: undefined, isProbe: true, untilProbe: 0, isStarting: true, tooHigh: 0 }
}

/** How many calls may run at once. */
export function concurrencyOf({ limit, isProbe }: AdaptiveState, { min, max }: AdaptiveBounds): number {
  return clamp(Math.floor(isProbe ? limit / 2 : limit), min, max)
}

/** The state after an interval. */
export function adaptiveStep(state: AdaptiveState, interval: CallInterval, bounds: AdaptiveBounds): AdaptiveState {
  const { meanMs, mostAtOnce } = interval
  if (state.isProbe || state.baseMs === undefined)
    return {
      ...state,
      baseMs: nextBase(state.baseMs, meanMs),
      isProbe: false,
      untilProbe: intervalsBetweenProbes,
      tooHigh: 0,
    }
  // With the fewest calls there are, what they take is the base.
  const isLeast = concurrencyOf(state, bounds) === bounds.min && state.tooHigh > 0
  const baseMs = isLeast || meanMs < 0.8 * state.baseMs ? nextBase(state.baseMs, meanMs) : state.baseMs
  const part = 1 - baseMs / Math.max(meanMs, baseMs)
  const isTooHigh = part > waiting.many
  const tooHigh = isTooHigh ? state.tooHigh + 1 : 0
  const untilProbe = state.untilProbe - 1
  const isProbe = untilProbe <= 0 || tooHigh >= mostTooHigh
  const isUsed = mostAtOnce >= concurrencyOf(state, bounds)
  const limit = nextLimit(state, part, isUsed, Math.min(mostAtOnce, state.limit))
  return {
    limit: clamp(limit, bounds.min, bounds.max),
    baseMs,
    isProbe,
    untilProbe,
    isStarting: state.isStarting && part < waiting.few,
    tooHigh,
  }
}

function nextLimit({ limit, isStarting }: AdaptiveState, part: number, isUsed: boolean, inUse: number): number {
  if (part > waiting.many) return inUse * Math.max(0.5, 1 - part + waiting.many / 2)
  if (!isUsed || part >= waiting.few) return limit
  return limit + (isStarting ? limit : Math.max(1, growth * limit))
}

/** A base that has changed much is taken as it is; else chance has a part in it. */
function nextBase(baseMs: number | undefined, meanMs: number): number {
  if (baseMs === undefined || meanMs > 1.5 * baseMs || meanMs < baseMs / 1.5) return meanMs
  return (baseMs + meanMs) / 2
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value))
}
