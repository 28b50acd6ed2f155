/**
 * Measures the pressure on this process, and switches features off and back on in the order of `overload-steps.ts`. Each
 * step is an event, a line of the log, and the number `overloadStep`.
 */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { LimitSettings } from './options.ts'
import {
  nextOverload,
  noOverload,
  type OverloadFeature,
  type OverloadMeasurements,
  overloadSteps,
} from './overload-steps.ts'

export interface Overload {
  /** How many steps are taken: 0 if there is no overload. */
  readonly step: number
  /** How late the event loop was when it was last measured, in milliseconds; 0 where nothing is measured. */
  readonly loopDelayMs: number
  isOff(feature: OverloadFeature): boolean
  /** From how many calls in flight on a session counts as one of the busiest, while those are refused; else undefined. */
  readonly busyCalls: number | undefined
  /** The refusal for what is switched off. */
  refusal(what: string): Refusal
  close(): void
}

/** The pressure as it is measured, about once a second. */
export interface Pressure {
  measure(): OverloadMeasurements
  close(): void
}

export interface OverloadNeeds {
  readonly settings: Pick<
    LimitSettings,
    'hasOverloadSteps' | 'overloadLoopDelayMs' | 'overloadMemoryPercent' | 'overloadQueuePercent' | 'overloadHoldMs'
  >
  readonly clock: Clock
  /** Begins to measure; undefined where nothing is to be switched off. */
  readonly pressure: (() => Pressure) | undefined
  /** The most calls that a session has in flight. */
  readonly mostCalls: () => number
  /** Frees a part of what is kept and can be lost; called while sessions are refused for lack of memory. */
  readonly relieve: () => void
  readonly events: EventSink
  readonly log: Log
}

const measureEveryMs = 1000
/** A session with fewer calls in flight is not a busy one. */
const fewestBusyCalls = 2

export function createOverload(needs: OverloadNeeds): Overload {
  const { settings, clock, events, log } = needs
  const limits: OverloadMeasurements = {
    event_loop: settings.overloadLoopDelayMs,
    memory: settings.overloadMemoryPercent / 100,
    queue: settings.overloadQueuePercent / 100,
  }
  let state = noOverload
  let busyCalls: number | undefined
  let loopDelayMs = 0
  const isOff = (feature: OverloadFeature): boolean =>
    overloadSteps.findIndex((step) => step.feature === feature) < state.taken

  let lookedMs = clock.now()
  const pressure = settings.hasOverloadSteps ? needs.pressure?.() : undefined
  const look = ({ measure }: Pressure): void => {
    const found = measure()
    // A loop that is blocked for long takes few samples of its delay: this timer is late as well.
    const lateMs = clock.now() - lookedMs - measureEveryMs
    lookedMs = clock.now()
    loopDelayMs = Math.max(found.event_loop, lateMs)
    decide({ ...found, event_loop: loopDelayMs })
  }
  const decide = (measured: OverloadMeasurements): void => {
    const found = nextOverload(state, measured, limits, settings.overloadHoldMs, clock.now())
    ;({ state } = found)
    if (found.change) tell(found.change, measured)
    // Half of the most: those that are alone at the top would change from one moment to the next.
    busyCalls = isOff('busiest_sessions') ? Math.max(fewestBusyCalls, Math.ceil(needs.mostCalls() / 2)) : undefined
    if (isOff('new_sessions') && measured.memory > limits.memory) needs.relieve()
  }
  const tell = (
    { feature, isOff: isSwitchedOff, because }: NonNullable<ReturnType<typeof nextOverload>['change']>,
    measured: OverloadMeasurements,
  ): void => {
    const fields = {
      feature,
      step: state.taken,
      // What is measured now is why it is switched on again.
      ...(isSwitchedOff ? { because } : { was_because: because }),
      loop_ms: Math.round(measured.event_loop),
      memory_percent: Math.round(measured.memory * 100),
      queue_percent: Math.round(measured.queue * 100),
    }
    events.emit('overloadStep', { step: state.taken, feature, isOff: isSwitchedOff, because })
    if (isSwitchedOff) log.warn(fields, 'overload: a feature is switched off')
    else log.info(fields, 'overload: a feature is switched on again')
  }
  const timer = pressure && clock.every(measureEveryMs, () => look(pressure))

  return {
    get step() {
      return state.taken
    },
    get loopDelayMs() {
      return loopDelayMs
    },
    isOff,
    get busyCalls() {
      return busyCalls
    },
    refusal: (what) =>
      new Refusal('overloaded', {
        message: `The server is overloaded and takes no ${what} at the moment.`,
        retryAfterMs: settings.overloadHoldMs,
      }),
    close() {
      timer?.stop()
      pressure?.close()
    },
  }
}
