/** A pool with real slots, groups and connections, whose instances end as a test says. */
import { Cancel } from '../../src/base/cancel.ts'
import { type ManualClock, manualClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Refusal } from '../../src/base/refusal.ts'
import type { Call } from '../../src/protocol/call.ts'
import type { Fairness } from '../../src/protocol/fairness.ts'
import { rawObject } from '../../src/protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../src/protocol/legacy-client.ts'
import { IdleChecks } from '../../src/upstreams/pooling/idle-checks.ts'
import type { IsolationGroup } from '../../src/upstreams/pooling/isolation-group.ts'
import { createIsolationGroups, type IsolationGroups } from '../../src/upstreams/pooling/isolation-groups.ts'
import { Pool } from '../../src/upstreams/pooling/pool.ts'
import { TenantBound } from '../../src/upstreams/pooling/tenant-bound.ts'
import { type WorkerSlot, WorkerSlots } from '../../src/upstreams/pooling/worker-slots.ts'
import type { TenantWorkers } from '../../src/upstreams/tenant-workers.ts'
import type { Worker } from '../../src/upstreams/worker.ts'
import { ManualInstance, uneventful } from './manual-instance.ts'

export const poolClock: ManualClock = manualClock()

export const poolSettings = {
  callsPerProcess: 2,
  processIdleMs: 60_000,
  evictIdleMs: 5000,
  poolMin: 0,
  poolReserve: 0,
  reserveAfterMs: 3000,
}
export const queueWaitMs = 10_000

export interface PoolFixture {
  readonly groups: IsolationGroups
  readonly slots: WorkerSlots<ManualInstance>
  readonly pool: Pool
  readonly instances: Map<Worker, ManualInstance>
  /** Whether starts fail from now on. */
  readonly failing: { isOn: boolean }
}

/** @param mode `session`: a worker for each client; `shared`: one group for all */
export function createPoolFixture(
  mode: 'session' | 'shared',
  bound: number,
  poolReserve = 0,
  fairness: Fairness = {},
  tenantWorkers?: TenantWorkers,
  clock: ManualClock = poolClock,
): PoolFixture {
  const groups = createIsolationGroups(() => bound, false)
  const serverDescription = rawObject({})
  groups.serverEras.set('legacy', { codec: legacyUpstreamCodec, mode, statelessMode: mode, serverDescription })
  const slots: WorkerSlots<ManualInstance> = new WorkerSlots(
    () => bound,
    () => new ManualInstance(clock),
  )
  const instances = new Map<Worker, ManualInstance>()
  const failing = { isOn: false }
  const start = async (group: IsolationGroup, slot: WorkerSlot): Promise<Worker> => {
    if (failing.isOn) {
      slot.release()
      throw new Refusal('upstream_unavailable')
    }
    slot.owner.group = group
    const { worker } = await slot.open({
      codec: group.codec,
      caller: group.caller,
      attribution: group.attribution,
      ...uneventful,
      ended(ended) {
        group.workers.delete(ended)
        instances.delete(ended)
        pool.slotFreed()
      },
    })
    const instance = slot.start()
    if (instance instanceof ManualInstance) instances.set(worker, instance)
    slot.move('restoring')
    group.workers.add(worker)
    slot.move('idle')
    return worker
  }
  const pool: Pool = new Pool({
    settings: { ...poolSettings, poolReserve },
    queue: 8,
    queueWaitMs,
    fairness,
    tenantBound: new TenantBound(tenantWorkers),
    clock,
    groups: () => groups.all(),
    slots,
    takeSlot: () => slots.take('serve'),
    takeReserve: () => slots.take('serve', bound + poolReserve),
    takeBeside: () => slots.take('serve', bound + 1),
    start,
    handOver: () => undefined,
    isOnlyOne: () => false,
    idleChecks: new IdleChecks({ clock, log: silentLog, checked: () => pool.slotFreed() }),
    endCatalogWorker: () => false,
    endSuspendedCalls() {},
  })
  return { groups, slots, pool, instances, failing }
}

export function callOf(client: string, tenant = ''): Call {
  return {
    id: '1',
    method: 'tools/call',
    params: undefined,
    client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
    principal: { tenant, subject: '' },
    session: client,
    fairnessKey: client,
    clientKey: client,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}

export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
