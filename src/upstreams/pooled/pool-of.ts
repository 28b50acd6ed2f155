/** The pool of an upstream: where it gets slots and workers from. */
import type { CatalogWorkers } from '../pooling/catalog-workers.ts'
import { hasSameHandshake } from '../pooling/hand-over.ts'
import type { IdleChecks } from '../pooling/idle-checks.ts'
import type { IsolationGroups } from '../pooling/isolation-groups.ts'
import { Pool } from '../pooling/pool.ts'
import type { SingleInstance } from '../pooling/single-instance.ts'
import { TenantBound } from '../pooling/tenant-bound.ts'
import type { WorkerSlot, WorkerSlots } from '../pooling/worker-slots.ts'
import type { WorkerStarts } from '../pooling/worker-starts.ts'
import type { PooledUpstreamNeeds } from './pooled-upstream-needs.ts'
import type { ServerProgram } from './server-program.ts'

/** @param spare the slot of a spare for a call; undefined if there is none */
export function poolOf(
  needs: PooledUpstreamNeeds,
  program: Pick<ServerProgram, 'isMadeForCallers'>,
  parts: {
    readonly groups: IsolationGroups
    readonly slots: WorkerSlots
    readonly catalogWorkers: Pick<CatalogWorkers, 'handOver' | 'endOne'>
  },
  from: {
    readonly starts: Pick<WorkerStarts, 'start' | 'handOver'>
    readonly onlyOne: Pick<SingleInstance, 'isKnown'>
    readonly idleChecks: IdleChecks
    readonly spare: () => WorkerSlot | undefined
  },
): Pool {
  const { settings, hasOneClient, queue, queueWaitMs, fairness, clock, endSuspendedCalls } = needs
  const { groups, slots, catalogWorkers } = parts
  const { starts, onlyOne, idleChecks, spare } = from
  const tenantBound = new TenantBound(needs.tenantWorkers)
  return new Pool({
    settings,
    queue,
    queueWaitMs,
    fairness,
    tenantBound,
    clock,
    groups: () => groups.all(),
    slots,
    takeSlot: () => spare() ?? slots.take('serve'),
    takeReserve: () => (onlyOne.isKnown ? undefined : slots.take('serve', settings.pool + settings.poolReserve)),
    takeBeside: () => slots.take('serve', settings.pool + 1),
    start: (group, slot) => starts.start(group, groups.serverEraOf(group.caller), slot),
    handOver: (group) => {
      if (program.isMadeForCallers === true) return undefined
      const catalogWorker = catalogWorkers.handOver((what) => hasSameHandshake(group, what, hasOneClient))
      if (!catalogWorker) return undefined
      tenantBound.count(catalogWorker.slot, group)
      return starts.handOver(group, groups.serverEraOf(group.caller), catalogWorker)
    },
    idleChecks,
    isOnlyOne: () => onlyOne.isKnown,
    endCatalogWorker: () => catalogWorkers.endOne(),
    endSuspendedCalls,
  })
}
