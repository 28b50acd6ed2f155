/** What the five ports in memory share: the clock, and whether the backplane is open. */
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { StoredObject } from '../backplane.ts'

export interface Store {
  /** Now, in milliseconds. Throws the refusal `store_unavailable` once the backplane is closed. */
  now(): number
  /** Runs `forget` regularly with the current time, and with Infinity when the backplane closes. */
  onSweep(forget: (nowMs: number) => void): void
}

/** How long an expired entry may stay in memory. Long, because a sweep walks over all entries. */
export const sweepEveryMs = 10_000

export function createStore(clock: Clock): Store & { close(): void } {
  const forgets: Array<(nowMs: number) => void> = []
  let open = true
  const sweep = (nowMs: number): void => {
    for (const forget of forgets) forget(nowMs)
  }
  const timer = clock.every(sweepEveryMs, () => sweep(clock.now()))
  return {
    now() {
      if (!open) throw new Refusal('store_unavailable')
      return clock.now()
    },
    onSweep: (forget) => void forgets.push(forget),
    close() {
      open = false
      timer.stop()
      sweep(Infinity)
    },
  }
}

/**
 * Freezes data, so that no holder can change it for another. A frozen object is taken to be frozen at every level, so data
 * that reuses parts read from the store costs only its new parts.
 */
export function seal(value: StoredObject): StoredObject {
  sealValue(value)
  return value
}

function sealValue(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const member of Object.values(value)) sealValue(member)
}
