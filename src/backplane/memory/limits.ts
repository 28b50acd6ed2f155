/** Rate limits in memory: the state of each key, updated by the algorithm's own `step`. */
import type { Limits, LimitState } from '../backplane.ts'
import type { Store } from './store.ts'

// `take` is async and awaits nothing: its work is done when it returns, and an error becomes a rejection.
export function createLimits(store: Store): Limits {
  const states = new Map<string, { readonly state: LimitState; readonly untilMs: number }>()
  store.onSweep((nowMs) => {
    for (const [key, { untilMs }] of states) if (nowMs >= untilMs) states.delete(key)
  })
  return {
    async take(key, algorithm, cost) {
      const nowMs = store.now()
      const held = states.get(key)
      const { state, decision, ttlMs } = algorithm.step(
        held && nowMs < held.untilMs ? held.state : undefined,
        nowMs,
        cost,
      )
      if (ttlMs > 0) states.set(key, { state, untilMs: nowMs + ttlMs })
      else states.delete(key)
      return decision
    },
  }
}
