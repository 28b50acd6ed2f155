/**
 * Which features are switched off under overload, and when: one step after the other, in one order, and back in the
 * opposite one. A step is taken when the pressure has lasted, and taken back when it has been clearly lower for as long, so
 * that nothing flaps. Pure: measurements and times in, the next state out.
 */

/** What is switched off, from the least to the most that a client notices. */
export type OverloadFeature = 'background_work' | 'new_sessions' | 'busiest_sessions' | 'new_work'

export type OverloadMeasure = 'event_loop' | 'memory' | 'queue'

/** How much of a resource is in use: the delay of the event loop in milliseconds, and parts of memory and queue, 0 to 1. */
export type OverloadMeasurements = Readonly<Record<OverloadMeasure, number>>

interface OverloadStep {
  readonly feature: OverloadFeature
  /** The event loop is over at this many times its limit. */
  readonly loop: number
  /** Memory and queue are over at their limit and this part of what is left above it; or below it, if negative. */
  readonly share: number
  /** Whether the queue counts: a full one refuses by itself, and work that waits for nothing may go on. */
  readonly countsQueue: boolean
}

/** All steps in their order; later features find their place here. */
export const overloadSteps: readonly OverloadStep[] = [
  { feature: 'background_work', loop: 0.6, share: -0.1, countsQueue: true },
  { feature: 'new_sessions', loop: 1, share: 0, countsQueue: true },
  { feature: 'busiest_sessions', loop: 2, share: 1 / 3, countsQueue: true },
  { feature: 'new_work', loop: 4, share: 2 / 3, countsQueue: false },
]

/** From which measurements on new sessions are refused; all other limits follow from these. */
export type OverloadLimits = OverloadMeasurements

export interface OverloadState {
  /** How many of the steps are taken. */
  readonly taken: number
  /** Why each of them was taken. */
  readonly because: readonly OverloadMeasure[]
  /** Since when the next step is called for, in milliseconds; undefined if it is not. */
  readonly risingSinceMs: number | undefined
  /** Since when the last step is needed no more; undefined if it is. */
  readonly fallingSinceMs: number | undefined
}

export const noOverload: OverloadState = {
  taken: 0,
  because: [],
  risingSinceMs: undefined,
  fallingSinceMs: undefined,
}

/** A step that is taken, or taken back. */
export interface OverloadChange {
  readonly feature: OverloadFeature
  readonly isOff: boolean
  /** The measure that was highest in relation to its limit when the feature was switched off. */
  readonly because: OverloadMeasure
}

/** A step is taken back at this part of the limit at which it is taken: memory at 85 % is well again at 75 %. */
const calm = 0.88

/**
 * The state after a measurement, and what has changed: at most one step.
 * @param holdMs how long pressure must last before a step, and calm before the step back
 */
export function nextOverload(
  state: OverloadState,
  measured: OverloadMeasurements,
  limits: OverloadLimits,
  holdMs: number,
  nowMs: number,
): { readonly state: OverloadState; readonly change: OverloadChange | undefined } {
  const isRising = (taken: number): boolean => pressure(overloadSteps[taken], measured, limits) > 1
  const isFalling = (taken: number): boolean => taken > 0 && pressure(overloadSteps[taken - 1], measured, limits) < calm
  const since = (isSo: boolean, beforeMs: number | undefined): number | undefined =>
    isSo ? (beforeMs ?? nowMs) : undefined
  const { taken } = state
  const risingSinceMs = since(isRising(taken), state.risingSinceMs)
  const fallingSinceMs = since(isFalling(taken), state.fallingSinceMs)
  const lasts = (sinceMs: number | undefined): boolean => sinceMs !== undefined && nowMs - sinceMs >= holdMs
  const moved = (step: OverloadStep, isOff: boolean): ReturnType<typeof nextOverload> => {
    const now = taken + (isOff ? 1 : -1)
    const measure = (isOff ? undefined : state.because.at(-1)) ?? highest(ratios(step, measured, limits))
    return {
      state: {
        taken: now,
        because: isOff ? [...state.because, measure] : state.because.slice(0, now),
        risingSinceMs: since(isRising(now), undefined),
        fallingSinceMs: since(isFalling(now), undefined),
      },
      change: { feature: step.feature, isOff, because: measure },
    }
  }
  const [next, last] = [overloadSteps[taken], overloadSteps[taken - 1]]
  if (next && lasts(risingSinceMs)) return moved(next, true)
  if (last && lasts(fallingSinceMs)) return moved(last, false)
  return { state: { taken, because: state.because, risingSinceMs, fallingSinceMs }, change: undefined }
}

/** How much of its limit the highest measure of a step has reached; 0 if there is no such step. */
function pressure(step: OverloadStep | undefined, measured: OverloadMeasurements, limits: OverloadLimits): number {
  return step ? Math.max(...ratios(step, measured, limits).values()) : 0
}

/** Each measurement in relation to the limit of the step: above 1, it calls for the step. */
function ratios(
  { loop, share, countsQueue }: OverloadStep,
  measured: OverloadMeasurements,
  limits: OverloadLimits,
): ReadonlyMap<OverloadMeasure, number> {
  const ofPart = (limit: number): number => (share < 0 ? limit * (1 + share) : limit + (1 - limit) * share)
  return new Map([
    ['event_loop', measured.event_loop / (limits.event_loop * loop)],
    ['memory', measured.memory / ofPart(limits.memory)],
    ['queue', countsQueue ? measured.queue / ofPart(limits.queue) : 0],
  ])
}

function highest(values: ReadonlyMap<OverloadMeasure, number>): OverloadMeasure {
  let found: OverloadMeasure = 'event_loop'
  for (const [measure, value] of values) if (value > (values.get(found) ?? 0)) found = measure
  return found
}
