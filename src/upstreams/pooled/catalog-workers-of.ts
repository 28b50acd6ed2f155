/** The catalog workers of an upstream: how many, and how they share the limit on workers with calls. */
import { type CatalogWorkers, createCatalogWorkers } from '../pooling/catalog-workers.ts'
import type { Pool } from '../pooling/pool.ts'
import type { WorkerSlot, WorkerSlots } from '../pooling/worker-slots.ts'
import type { WorkerStarts } from '../pooling/worker-starts.ts'
import type { ConnectedInstance } from './connected-instance.ts'
import type { PooledUpstreamNeeds } from './pooled-upstream-needs.ts'

/** The most catalog workers; a third of the pool if that is less. */
const maxCatalogWorkers = 16

/**
 * @param upstream its pool is asked only later
 * @param takeSlot takes a slot; undefined if all are taken, or needed for calls
 */
export function catalogWorkersOf(
  { settings, queueWaitMs, clock }: Pick<PooledUpstreamNeeds, 'settings' | 'queueWaitMs' | 'clock'>,
  starts: WorkerStarts,
  upstream: { readonly pool: Pool; readonly slots: WorkerSlots<ConnectedInstance> },
  takeSlot: () => WorkerSlot | undefined,
): CatalogWorkers {
  const { crashLoopGuard } = starts
  return createCatalogWorkers({
    clock,
    bound: Math.max(1, Math.min(maxCatalogWorkers, Math.floor(settings.pool / 3))),
    waitMs: queueWaitMs,
    takeSlot,
    endIdleWorker: () => void upstream.pool.endIdleWorker(),
    isInVain: () => upstream.pool.lacksSlots || upstream.slots.in('ending').size > 0,
    mayStart: (source) => crashLoopGuard.mayStart(crashLoopGuard.ofSource(source)),
    untilAllowed: (source) => crashLoopGuard.untilAllowed(crashLoopGuard.ofSource(source)),
    open: (what) => starts.startCatalogWorker(what),
  })
}
