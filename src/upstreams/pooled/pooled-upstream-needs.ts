/** What a pooled upstream needs, whatever kind of server it pools. */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import type { Fairness } from '../../protocol/fairness.ts'
import type { UpstreamSettings } from '../options.ts'
import type { TenantWorkers } from '../tenant-workers.ts'

export interface PooledUpstreamNeeds {
  readonly settings: UpstreamSettings
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Counts what calls and workers keep. */
  readonly memory: MemoryBudget
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  readonly queue: number
  readonly queueWaitMs: number
  /** Undefined: tenants are equal. */
  readonly fairness?: Fairness | undefined
  /** Undefined: a tenant may have as many workers as the pool. */
  readonly tenantWorkers?: TenantWorkers | undefined
  /** Whether work that no client waits for is left out for now. */
  readonly isUnderLoad?: () => boolean
  /** Ends up to `wanted` calls that hold a worker and only wait for their clients, if they may be ended. */
  readonly endSuspendedCalls: (wanted: number) => void
}
