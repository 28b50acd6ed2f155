/** The last step of a start: restores the state of a group at a new worker and adds the worker to the group. */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Update } from '../../protocol/call.ts'
import { mayBeAsked } from '../../protocol/capabilities.ts'
import { isObject, type RawObject } from '../../protocol/json-text.ts'
import type { ServerEra } from '../server-era.ts'
import { NoRoom } from '../upstream.ts'
import type { Worker } from '../worker.ts'
import { sendLogLevel } from './group-log-level.ts'
import { profileSource } from './catalog-keys.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { NotificationRouter } from './notification-router.ts'
import { waitUntilReady } from './wait-until-ready.ts'
import type { WorkerSlot } from './worker-slots.ts'

/**
 * Throws `upstream_closed` if the worker or its group has ended meanwhile, and `NoRoom` if the worker was to be replaced:
 * the calls that wait for it were sent to none, and wait on for the next one. The worker is then ended.
 */
export async function activateWorker(
  group: IsolationGroup,
  serverEra: ServerEra,
  slot: WorkerSlot,
  worker: Worker,
  needs: { readonly notifications: NotificationRouter; readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const { notifications, clock } = needs
  if (!worker.closed) slot.move('restoring')
  await sendLogLevel(group, worker)
  if (serverEra.codec.era === 'legacy' && group.attribution === 'session' && mayBeAsked(group.announced))
    await waitUntilReady(worker, clock)
  group.workers.add(worker)
  if (!worker.closed) slot.move('idle')
  const told = notifications.subscriptionsOf(group).sync(worker)
  // A worker for one call need not wait until subscriptions of others are confirmed.
  if (group.endsAfter !== 'every call') await told
  if (group.ended || worker.closed) {
    group.workers.delete(worker)
    void worker.close(group.ended ? 'client_gone' : (slot.replacedFor ?? 'not_needed'))
    throw slot.isReplaced && !group.ended ? new NoRoom() : new Refusal('upstream_closed')
  }
  tellReplaced(group, serverEra, worker, needs)
}

/** Tells the clients of a group that its lists may have changed, if a worker has taken the place of one that knew more. */
export function tellReplaced(
  group: IsolationGroup,
  serverEra: ServerEra,
  worker: Worker,
  { notifications, log }: { readonly notifications: NotificationRouter; readonly log: Log },
): void {
  if (!group.hasLostState) return
  group.hasLostState = false
  // Its lists were learnt from the worker before; a group of one session has own lists, which went with that worker.
  if (group.attribution === 'several') notifications.unwatched(profileSource(serverEra.codec.era), false)
  const reason = 'upstream_restarted'
  log.info({ worker: worker.number, reason }, 'worker is replaced; what the one before it remembered is lost')
  for (const update of changesAfterRestart(serverEra.serverDescription)) notifications.deliver(group, update)
}

/** The notifications for clients whose worker was replaced: all its lists may be different now. */
function changesAfterRestart(serverDescription: RawObject): Update[] {
  const capabilities = serverDescription.value['capabilities']
  return ['tools', 'prompts', 'resources']
    .filter((kind) => isObject(capabilities) && isObject(capabilities[kind]))
    .map((kind) => ({ kind: 'notification', method: `notifications/${kind}/list_changed`, params: undefined }))
}
