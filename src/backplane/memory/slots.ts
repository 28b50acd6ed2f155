/** Slots in memory: for each holder of a name, the time until which it has its slot. */
import type { Slots } from '../backplane.ts'
import type { Store } from './store.ts'

type Holders = Map<string, number>

// The methods are async and await nothing: their work is done when they return, and an error becomes a rejection.
export function createSlots(store: Store): Slots {
  const names = new Map<string, Holders>()
  const lapse = (holders: Holders, nowMs: number): void => {
    for (const [holder, untilMs] of holders) if (nowMs >= untilMs) holders.delete(holder)
  }
  const holds = (holders: Holders, holder: string, nowMs: number): boolean => nowMs < (holders.get(holder) ?? -Infinity)
  store.onSweep((nowMs) => {
    for (const [name, holders] of names) {
      lapse(holders, nowMs)
      if (holders.size === 0) names.delete(name)
    }
  })
  return {
    async claim(name, holder, limit, ttlMs) {
      const nowMs = store.now()
      const holders = names.get(name) ?? new Map<string, number>()
      if (!holds(holders, holder, nowMs)) {
        // Expired slots are removed only when the limit is reached.
        if (holders.size >= limit) lapse(holders, nowMs)
        if (holders.size >= limit) return false
      }
      holders.set(holder, nowMs + ttlMs)
      names.set(name, holders)
      return true
    },
    async renew(name, holder, ttlMs) {
      const nowMs = store.now()
      const holders = names.get(name)
      if (!holders || !holds(holders, holder, nowMs)) return false
      holders.set(holder, nowMs + ttlMs)
      return true
    },
    async release(name, holder) {
      store.now()
      const holders = names.get(name)
      if (holders?.delete(holder) && holders.size === 0) names.delete(name)
    },
  }
}
