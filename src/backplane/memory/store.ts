/** What the five ports in memory have in common: the clock, and whether the backplane is open. */
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { StoredObject } from '../backplane.ts'

export interface Store {
  /** Now, in milliseconds. Throws the refusal `store_unavailable` once the backplane is closed. */
  now(): number
  /** Runs `forget` with the present time now and then, and with Infinity at the close. */
  onSweep(forget: (nowMs: number) => void): void
}

/** How long something may stay in memory after its time is over. Long: a sweep walks over everything that is held. */
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
 * Freezes data that is given away, so that two holders cannot meet in it. What is frozen is taken to be frozen all
 * the way down: data made from data that came out of here costs only what is new in it.
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
