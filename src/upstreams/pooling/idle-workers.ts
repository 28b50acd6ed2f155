/** Ends workers that were not used for long. */
import type { Worker } from '../worker.ts'
import { isShared, type IsolationGroup } from './isolation-group.ts'
import type { WorkerSlot } from './worker-slots.ts'

/**
 * The worker that has been idle longest, if it may be ended so that another one can start.
 * @param minIdleMs how long a worker of a group must have been idle, in milliseconds
 */
export function longestIdle(
  idle: Iterable<Pick<WorkerSlot, 'worker' | 'owner'>>,
  nowMs: number,
  minIdleMs: (group: IsolationGroup) => number,
): { readonly worker: Worker; readonly group: IsolationGroup } | undefined {
  let oldest: { readonly worker: Worker; readonly group: IsolationGroup } | undefined
  for (const { worker, owner } of idle) {
    const { group } = owner
    // A list may be on its way to a worker that has just been added.
    if (!worker || !group || worker.callsInFlight > 0) continue
    // A waiting call of its group is about to get it. A worker that is pinned to another client helps none of them.
    if (group.queued.size > 0 && worker.pinnedTo === undefined) continue
    if (nowMs - worker.idleSinceMs < minIdleMs(group)) continue
    if (!oldest || worker.idleSinceMs < oldest.worker.idleSinceMs) oldest = { worker, group }
  }
  return oldest
}

/**
 * In how many milliseconds the first of these may be ended so that another one can start, if none is used meanwhile;
 * undefined if none rests.
 * @param minIdleMs how long a worker of a group must have been idle, in milliseconds
 */
export function untilEvictable(
  idle: Iterable<Pick<WorkerSlot, 'worker' | 'owner'>>,
  nowMs: number,
  minIdleMs: (group: IsolationGroup) => number,
): number | undefined {
  let least: number | undefined
  for (const { worker, owner } of idle) {
    if (!worker || !owner.group) continue
    const leftMs = Math.max(0, worker.idleSinceMs + minIdleMs(owner.group) - nowMs)
    least = Math.min(least ?? leftMs, leftMs)
  }
  return least
}

/**
 * Ends the workers of a group that have been idle since `sinceMs`, in milliseconds of the clock; a group that clients share
 * keeps one.
 * @param min how many a group that all clients share keeps
 */
export function endIdleWorkersOf(group: IsolationGroup, sinceMs: number, min: number): void {
  const least = group.maxWorkers > 1 && group.attribution === 'several' ? 1 : 0
  const keep = isShared(group) ? Math.max(least, min) : least
  let running = 0
  for (const { closed, state } of group.workers) if (!closed && state !== 'retiring') running++
  for (const worker of group.workers) {
    if (running <= keep) return
    if (worker.state !== 'idle' || worker.callsInFlight > 0) continue
    if (worker.idleSinceMs > sinceMs) continue
    running--
    group.hasLostState = true
    void worker.close('idle')
  }
}
