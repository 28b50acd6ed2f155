/** Runs a call: finds its isolation group, gets it a worker, and passes on what the worker says until the call is over. */
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Call, forget, type Outcome, type Reply } from '../../protocol/call.ts'
import { untilGiven } from '../wait-notices.ts'
import type { Worker, WorkerCall } from '../worker.ts'
import { endWithCall } from './end-with-call.ts'
import { hasOtherLevel, setLogLevel } from './group-log-level.ts'
import { reserveWorker } from './reserve-worker.ts'
import { workerOf } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'
import { answerWithoutWorker } from './local-outcomes.ts'
import type { NotificationRouter } from './notification-router.ts'
import type { OwnWorkerLists } from './own-worker-lists.ts'
import type { Pool } from './pool.ts'
import type { Replacements } from './replacements.ts'

export interface WorkerCallNeeds {
  readonly groups: IsolationGroups
  readonly pool: Pool
  readonly notifications: NotificationRouter
  readonly ownLists: Pick<OwnWorkerLists, 'callEnded'>
  readonly replacements: Pick<Replacements, 'callBegun'>
  readonly clock: Clock
}

/** Throws what `Pool.wait` and `Worker.begin` throw, and the refusal that ends the call. */
export async function* callOnWorker(call: Call, needs: WorkerCallNeeds): Reply {
  const { groups, pool, notifications, clock } = needs
  const group = groups.of(call)
  const local = answerWithoutWorker(group, call)
  if (local) return local
  const isAlone = group.exclusive || group.attribution === 'session'
  const giveBack = (late: Worker): void => {
    late.unreserve()
    pool.callEnded()
  }
  let queueMs = 0
  let worker: Worker
  let pending: WorkerCall | undefined
  do {
    const isBound = call.reservation?.lease !== undefined
    const free = isBound ? workerOf(group, call.worker) : pool.take(group, call)
    if (free) worker = free
    else {
      const sinceMs = clock.now()
      const given = pool.wait(group, call)
      const wait = { call, given, place: () => pool.placeOf(group, call), giveBack, clock }
      const mayCarry = group.attribution === 'session' && call.session !== undefined
      worker = mayCarry ? yield* group.waitingCalls.until(wait) : (yield* untilGiven(wait)).given
      queueMs += clock.now() - sinceMs
    }
    const hasToSetLevel = hasOtherLevel(group, call)
    const hasPlace = !free || hasToSetLevel
    if (free && hasToSetLevel) worker.reserve()
    try {
      if (hasToSetLevel) await setLogLevel(group, call, worker)
      if (call.cancel.cancelled) throw new Refusal('cancelled')
      // A worker that has ended meanwhile was sent nothing of the call, which waits for the next one.
      if (isBound || !worker.closed) pending = worker.begin(call, isAlone)
    } finally {
      // Its place is kept until now: without it, a worker that is to be replaced would end.
      if (hasPlace) worker.unreserve()
      if (!pending) pool.callEnded()
    }
  } while (!pending)
  if (worker.callsLeft < Infinity) needs.replacements.callBegun(group, worker)
  // It was its last one: waiting calls need another worker.
  if (worker.state === 'retiring') pool.slotFreed()
  if (call.reservation) call.reservation.lease ??= reserveWorker(group, worker, call, () => pool.callEnded())
  if (call.method === 'resources/subscribe') {
    // A subscription lasts: later messages about it are for this client, too.
    worker.workFor(call.clientKey)
    notifications.subscriptionsOf(group).noteSubscribe(worker, call.params?.value['uri'])
  }
  if (call.stage) call.stage.isAtWorker = true
  const stopListening = call.cancel.onCancel(() => pending.fail(new Refusal('cancelled')))
  const startedMs = clock.now()
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
    if (call.stage) call.stage.isAtWorker = false
    worker.finish(pending, outcome ? undefined : (call.cancel.reason ?? 'ended by the gateway'))
    endWithCall(group, worker, call, outcome)
    if (outcome) pool.callRan(clock.now() - startedMs)
    pool.callEnded()
    needs.ownLists.callEnded(group, worker)
  }
}
