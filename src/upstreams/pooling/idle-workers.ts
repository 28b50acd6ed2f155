/** Ends workers that were not used for long. */
import type { IsolationGroup } from './isolation-group.ts'

/**
 * Ends the workers of a group that have been idle since `sinceMs`, in milliseconds of the clock; a group that clients share
 * keeps one.
 */
export function endIdleWorkersOf(group: IsolationGroup, sinceMs: number): void {
  const keep = group.maxWorkers > 1 && group.attribution === 'several' ? 1 : 0
  let running = 0
  for (const { closed, state } of group.workers) if (!closed && state !== 'retiring') running++
  for (const worker of group.workers) {
    if (running <= keep) return
    if (worker.state !== 'idle' || worker.callsInFlight > 0) continue
    if (worker.idleSinceMs > sinceMs) continue
    running--
    group.hasLostState = true
    void worker.close()
  }
}
