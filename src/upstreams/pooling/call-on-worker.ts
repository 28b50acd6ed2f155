/** Runs a call: finds its isolation group, gets it a worker, and passes on what the worker says until the call is over. */
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Call, forget, type Outcome, type Reply } from '../../protocol/call.ts'
import type { Worker } from '../worker.ts'
import { endWithCall } from './end-with-call.ts'
import { hasOtherLevel, setLogLevel } from './group-log-level.ts'
import { reserveWorker } from './reserve-worker.ts'
import { workerOf } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'
import { answerWithoutWorker } from './local-outcomes.ts'
import type { NotificationRouter } from './notification-router.ts'
import type { OwnWorkerLists } from './own-worker-lists.ts'
import type { Pool } from './pool.ts'

export interface WorkerCallNeeds {
  readonly groups: IsolationGroups
  readonly pool: Pool
  readonly notifications: NotificationRouter
  readonly ownLists: Pick<OwnWorkerLists, 'callEnded'>
  readonly clock: Clock
}

/** Throws what `Pool.wait` and `Worker.begin` throw, and the refusal that ends the call. */
export async function* callOnWorker(call: Call, needs: WorkerCallNeeds): Reply {
  const { groups, pool, notifications, clock } = needs
  const group = groups.of(call)
  const local = answerWithoutWorker(group, call)
  if (local) return local
  let worker = call.reservation?.lease ? workerOf(group, call.worker) : pool.take(group, call)
  let queueMs = 0
  if (!worker) {
    const sinceMs = clock.now()
    const given = pool.wait(group, call)
    const canBeAsked = group.attribution === 'session' && call.session !== undefined
    worker = canBeAsked ? yield* group.waitingCalls.until(given, (late) => giveBack(late, pool)) : await given
    worker.unreserve()
    queueMs = clock.now() - sinceMs
  }
  if (hasOtherLevel(group, call)) await setLogLevel(group, call, worker)
  if (call.cancel.cancelled) throw new Refusal('cancelled')
  const pending = worker.begin(call, group.exclusive || group.attribution === 'session')
  if (call.reservation) call.reservation.lease ??= reserveWorker(group, worker, call, () => pool.callEnded())
  if (call.method === 'resources/subscribe') {
    // A subscription lasts: later messages about it are for this client, too.
    worker.workFor(call.clientKey)
    notifications.subscriptionsOf(group).noteSubscribe(worker, call.params?.value['uri'])
  }
  const stopListening = call.cancel.onCancel(() => pending.fail(new Refusal('cancelled')))
  let outcome: Outcome | undefined
  try {
    for (;;) {
      const update = pending.take()
      if (update) {
        yield update
        forget(update)
      } else if ((outcome = pending.outcome())) return queueMs > 0 ? { ...outcome, queueMs } : outcome
      else await pending.changed()
    }
  } finally {
    stopListening()
    worker.finish(pending, outcome ? undefined : (call.cancel.reason ?? 'ended by the gateway'))
    endWithCall(group, worker, call, outcome)
    pool.callEnded()
    needs.ownLists.callEnded(group, worker)
  }
}

/** A worker was given to a call that is over. */
function giveBack(worker: Worker, pool: Pool): void {
  worker.unreserve()
  pool.callEnded()
}
