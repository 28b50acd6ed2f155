/** Chooses the worker of an isolation group that runs a call. */
import type { ClientKey, WorkerId } from '../../protocol/call.ts'
import type { Worker } from '../worker.ts'
import type { IdleChecks } from './idle-checks.ts'
import type { IsolationGroup } from './isolation-group.ts'

/**
 * The worker that is pinned to the client or named by the call if it has capacity, else the one with the fewest calls;
 * undefined if none has capacity.
 * @param callsPerWorker how many calls a worker runs at once
 * @param idleChecks has workers that have rested for long show that they live before they are lent
 */
export function chooseWorker(
  group: IsolationGroup,
  client: ClientKey,
  id: WorkerId | undefined,
  callsPerWorker: number,
  idleChecks: Pick<IdleChecks, 'isReady'>,
): Worker | undefined {
  let best: Worker | undefined
  for (const worker of group.workers) {
    if (!hasCapacity(worker, client, callsPerWorker) || !idleChecks.isReady(worker, group)) continue
    if (worker.pinnedTo !== undefined) return worker
    if (id !== undefined && worker.id === id) return worker
    if (!best || worker.callsInFlight < best.callsInFlight) best = worker
  }
  return best
}

function hasCapacity(worker: Worker, client: ClientKey, callsPerWorker: number): boolean {
  const { state, pinnedTo, callsLeft, callsInFlight } = worker
  if (state !== 'idle' && state !== 'busy') return false
  if (pinnedTo !== undefined && pinnedTo !== client) return false
  return callsLeft > 0 && callsInFlight < callsPerWorker
}
