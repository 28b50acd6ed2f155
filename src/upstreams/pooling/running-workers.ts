/** How many workers run: whether one can run beside another is seen from that. */
import type { WorkerSlots } from './worker-slots.ts'

/** The states of a worker that has answered its handshake and can be used. */
const runningStates = ['idle', 'busy', 'unresponsive', 'retiring'] as const
/** Two workers that have run for this long can run at once. */
const steadyMs = 2000
/** And so can others of the same program, whatever a start beside them does. */
export const lastingMs = 60_000

/** The number of workers that have answered their handshake; those of groups count until they are gone. */
export function runningWorkers(slots: Pick<WorkerSlots, 'in'>): number {
  let count = 0
  for (const state of runningStates) count += slots.in(state).size
  for (const { owner, previous } of slots.in('ending'))
    if (owner.group && runningStates.some((state) => state === previous)) count++
  return count
}

/** Whether several workers have run at once for long enough to show that they can. @param forMs how long, in milliseconds */
export function areSeveralSteady(slots: Pick<WorkerSlots, 'in'>, nowMs: number, forMs: number = steadyMs): boolean {
  let steady = 0
  for (const state of runningStates) for (const { openedMs } of slots.in(state)) if (openedMs <= nowMs - forMs) steady++
  return steady > 1
}
