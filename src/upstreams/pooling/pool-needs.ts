/** What a pool needs of the upstream that it assigns workers for. */
import type { Clock } from '../../base/clock.ts'
import type { Fairness } from '../../protocol/fairness.ts'
import type { UpstreamSettings } from '../options.ts'
import type { Worker } from '../worker.ts'
import type { IdleChecks } from './idle-checks.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { TenantBound } from './tenant-bound.ts'
import type { WorkerSlot, WorkerSlots } from './worker-slots.ts'

export interface PoolNeeds {
  readonly settings: Pick<
    UpstreamSettings,
    'callsPerProcess' | 'processIdleMs' | 'evictIdleMs' | 'poolMin' | 'poolReserve' | 'reserveAfterMs'
  >
  readonly queue: number
  readonly queueWaitMs: number
  /** Undefined: tenants are equal. */
  readonly fairness?: Fairness | undefined
  /** Keeps tenants within the workers that they may have. */
  readonly tenantBound: TenantBound
  readonly clock: Clock
  readonly groups: () => Iterable<IsolationGroup>
  readonly slots: WorkerSlots
  /** Takes a slot for one more worker: that of a spare, or a free one; undefined if all are taken. */
  readonly takeSlot: () => WorkerSlot | undefined
  /** Takes a slot beyond the limit; undefined if the reserve is in use. */
  readonly takeReserve: () => WorkerSlot | undefined
  /** Takes a slot, one beyond the limit if all are taken, for a worker that replaces others. */
  readonly takeBeside: () => WorkerSlot | undefined
  /**
   * Starts a worker of the group in the slot and adds it to the group. Throws a `Refusal`; `NoRoom` if one worker
   * runs and only one process of this server can run (single-instance.ts), or if the worker was replaced meanwhile.
   */
  readonly start: (group: IsolationGroup, slot: WorkerSlot) => Promise<Worker>
  /** Makes a catalog worker with the right handshake a worker of the group; undefined if there is none. */
  readonly handOver: (group: IsolationGroup) => Promise<Worker> | undefined
  /** Has workers that have rested for long show that they live before they are lent. */
  readonly idleChecks: Pick<IdleChecks, 'isReady' | 'isAsking'>
  /** Whether only one worker of the server can run. */
  readonly isOnlyOne: () => boolean
  /** Ends a catalog worker; false if there is none. */
  readonly endCatalogWorker: () => boolean
  /**
   * Asks for the end of up to `wanted` calls that hold a worker but only wait for their client; called now and then
   * while slots are lacking.
   */
  readonly endSuspendedCalls: (wanted: number) => void
}
