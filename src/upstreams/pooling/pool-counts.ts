/** The figures of an upstream that pools workers, for operators. */
import type { IsolationGroup } from './isolation-group.ts'
import type { Pool } from './pool.ts'
import type { WorkerSlots } from './worker-slots.ts'

/**
 * How many workers there are, by purpose and state, and how many calls wait for one.
 * @param bound how many there may be without the reserve
 */
export function poolCounts(
  slots: Pick<WorkerSlots, 'taken' | 'for' | 'in'>,
  { waiting }: Pick<Pool, 'waiting'>,
  bound: number,
  groups: Iterable<Pick<IsolationGroup, 'queued'>>,
  nowMs: number,
): Readonly<Record<string, number>> {
  return {
    workers: slots.taken,
    workersAtMost: bound,
    servingWorkers: slots.for('serve').size,
    catalogWorkers: slots.for('catalog').size + slots.for('check').size,
    spareWorkers: slots.for('spare').size,
    reserveWorkers: Math.max(0, slots.taken - bound),
    unresponsiveWorkers: slots.in('unresponsive').size,
    retiringWorkers: slots.in('retiring').size,
    workerCalls: callsIn(slots),
    waitingCalls: waiting,
    oldestWaitMs: waiting === 0 ? 0 : oldestWaitMs(groups, nowMs),
  }
}

/** How long the first of the calls that wait has waited, in milliseconds. */
function oldestWaitMs(groups: Iterable<Pick<IsolationGroup, 'queued'>>, nowMs: number): number {
  let longestMs = 0
  for (const { queued } of groups) for (const { sinceMs } of queued) longestMs = Math.max(longestMs, nowMs - sinceMs)
  return longestMs
}

/** Calls in flight and reserved places of all workers. */
function callsIn(slots: Pick<WorkerSlots, 'in'>): number {
  let calls = 0
  for (const state of ['idle', 'busy', 'unresponsive', 'retiring', 'ending'] as const)
    for (const { worker } of slots.in(state)) calls += worker?.callsInFlight ?? 0
  return calls
}
