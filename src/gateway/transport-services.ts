/** What a transport takes from its gateway. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { Settings } from '../config/settings.ts'

/** The settings and services that a transport takes from its gateway. */
export interface TransportServices {
  readonly http: Settings['http']
  /** How long a reader may take for the last write, in milliseconds. */
  readonly slowReaderMs: number
  readonly clock: Clock
  readonly log: Log
  /** Counts the bytes that a transport keeps. */
  readonly memory: MemoryBudget
}
