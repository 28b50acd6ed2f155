/** Gives a worker of the start its first purpose: for the group of all clients, or as a catalog worker. */
import { profileSource } from '../pooling/catalog-keys.ts'
import type { CatalogWorkers } from '../pooling/catalog-workers.ts'
import type { IsolationGroups } from '../pooling/isolation-groups.ts'
import type { NotificationRouter } from '../pooling/notification-router.ts'
import { ownCaller } from '../pooling/own-requests.ts'
import type { WorkerSlot } from '../pooling/worker-slots.ts'
import type { ServerEra } from '../server-era.ts'
import type { Worker } from '../worker.ts'

export function assignFirst(
  serverEra: ServerEra,
  slot: WorkerSlot,
  worker: Worker,
  to: {
    readonly groups: IsolationGroups
    readonly catalogWorkers: CatalogWorkers
    readonly notifications: NotificationRouter
  },
): void {
  slot.move('idle')
  if (serverEra.mode !== 'shared') {
    const spec = { source: profileSource(serverEra.codec.era), serverEra, announced: {} }
    return to.catalogWorkers.add(spec, { worker, slot, serverDescription: serverEra.serverDescription })
  }
  const group = to.groups.of(ownCaller(serverEra))
  slot.owner.group = group
  slot.assign('serve')
  group.workers.add(worker)
  void to.notifications.subscriptionsOf(group).sync(worker)
}
