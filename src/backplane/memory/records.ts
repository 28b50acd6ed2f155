/** Records in memory: one map entry and one small object each, returned without a copy. */
import type { StoredObject, Records, Versioned } from '../backplane.ts'
import { seal, type Store } from './store.ts'

class Held implements Versioned {
  readonly value: StoredObject
  readonly version: number
  #untilMs: number

  constructor(value: StoredObject, version: number, untilMs: number) {
    this.value = value
    this.version = version
    this.#untilMs = untilMs
  }

  livesAt(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  timeLeft(nowMs: number): number {
    return this.#untilMs - nowMs
  }

  extend(untilMs: number): void {
    this.#untilMs = untilMs
  }
}

// The other methods are async and await nothing: their work is done when they return, and an error becomes a rejection.
export function createRecords(store: Store): Records {
  const held = new Map<string, Held>()
  // One counter for all keys: a key that is created again must not repeat an earlier version.
  let versions = 0
  const find = (key: string, nowMs: number): Held | undefined => {
    const record = held.get(key)
    if (record === undefined || record.livesAt(nowMs)) return record
    held.delete(key)
    return undefined
  }
  store.onSweep((nowMs) => {
    for (const [key, record] of held) if (!record.livesAt(nowMs)) held.delete(key)
  })
  return {
    async create(key, value, ttlMs) {
      const nowMs = store.now()
      if (find(key, nowMs)) return false
      held.set(key, new Held(seal(value), ++versions, nowMs + ttlMs))
      return true
    },
    read(key, extendMs) {
      const nowMs = store.now()
      const record = find(key, nowMs)
      if (record && extendMs !== undefined) record.extend(nowMs + extendMs)
      return record
    },
    async timeLeft(key) {
      const nowMs = store.now()
      return find(key, nowMs)?.timeLeft(nowMs)
    },
    async replace(key, value, version, ttlMs) {
      const nowMs = store.now()
      if (find(key, nowMs)?.version !== version) return false
      held.set(key, new Held(seal(value), ++versions, nowMs + ttlMs))
      return true
    },
    async remove(key) {
      const was = find(key, store.now()) !== undefined
      held.delete(key)
      return was
    },
  }
}
