/** How the workers of an upstream are replaced: which of them are due, and which other one takes their place. */
import type { CatalogWorkers } from '../pooling/catalog-workers.ts'
import type { IsolationGroups } from '../pooling/isolation-groups.ts'
import type { NotificationRouter } from '../pooling/notification-router.ts'
import type { Pool } from '../pooling/pool.ts'
import { startsAtOnce } from '../pooling/pool-waits.ts'
import { Recycling } from '../pooling/recycling.ts'
import { Replacements } from '../pooling/replacements.ts'
import type { SingleInstance } from '../pooling/single-instance.ts'
import type { WorkerSlots } from '../pooling/worker-slots.ts'
import type { WorkerStarts } from '../pooling/worker-starts.ts'
import type { ConnectedInstance } from './connected-instance.ts'
import type { PooledUpstreamNeeds } from './pooled-upstream-needs.ts'
import type { ServerProgram } from './server-program.ts'

export interface RecyclingParts {
  readonly recycling: Recycling
  readonly replacements: Replacements
}

/** @param clearSpares ends the spares */
export function recyclingOf(
  { settings, clock }: Pick<PooledUpstreamNeeds, 'settings' | 'clock'>,
  { recycleMemoryBytes = 0 }: ServerProgram,
  upstream: {
    readonly slots: WorkerSlots<ConnectedInstance>
    readonly groups: IsolationGroups
    readonly pool: Pool
    readonly catalogWorkers: CatalogWorkers
    readonly notifications: NotificationRouter
  },
  starts: WorkerStarts,
  onlyOne: SingleInstance,
  clearSpares: () => void,
): RecyclingParts {
  const { slots, groups, pool, catalogWorkers, notifications } = upstream
  const replacements = new Replacements({
    slots: () => slots.all,
    // A pool of one says that a second worker may not run.
    mayRunBeside: () => settings.pool > 1 && !onlyOne.isKnown,
    mayStart: ({ restarts }) => pool.starts.size < startsAtOnce && starts.crashLoopGuard.mayStart(restarts),
    start: (group) => pool.startBeside(group),
    replaced: (group, worker) => starts.replaced(group, worker),
    callsInAll: settings.recycleCalls,
  })
  const recycling = new Recycling({
    slots,
    clock,
    ageMs: () => settings.recycleAgeMs,
    memoryBytes: recycleMemoryBytes,
    replacements,
    replaceOthers() {
      clearSpares()
      catalogWorkers.replaceAll()
      for (const era of groups.serverEras.keys()) notifications.describedAnew(era)
    },
  })
  return { recycling, replacements }
}
