import { expect, test } from 'vitest'
import { type Clock, manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { ModuleComplaints } from './module-complaints.ts'

/** What is said of a module that is at work while the look of its thread comes late. */
function said(how: { readonly lateMs: number; readonly computesMs: number; readonly isAtWork?: boolean }): string[] {
  const warnings: string[] = []
  let [nowMs, cpuMs] = [1_000_000, 5000]
  let look = (): void => {}
  const clock: Clock = {
    ...manualClock(),
    now: () => nowMs,
    every(_, task) {
      look = task
      return { stop() {} }
    },
  }
  const complaints = new ModuleComplaints({
    log: { ...silentLog, warn: (_, message) => void warnings.push(message) },
    clock,
    objects: () => [{ worker: 1, activeAtMs: how.isAtWork === false ? 0 : nowMs }],
    cpuMs: () => cpuMs,
  })
  nowMs += 500 + how.lateMs
  cpuMs += how.computesMs
  look()
  expect(complaints.last === undefined).toBe(warnings.length === 0)
  // What has passed counts once.
  nowMs += 500
  look()
  expect(warnings.length).toBeLessThan(2)
  return warnings
}

test('a module is blamed if its thread was kept busy while it was at work, and not if the machine was', () => {
  const isBlamed = [expect.stringContaining('the event loop was blocked while this module was at work')]
  expect(said({ lateMs: 1500, computesMs: 1900 })).toEqual(isBlamed)
  expect(said({ lateMs: 1500, computesMs: 1900, isAtWork: false })).toEqual([])
  expect(said({ lateMs: 900, computesMs: 1300 })).toEqual([])
  // The machine has let the thread run for a part of the time.
  expect(said({ lateMs: 3000, computesMs: 1100 })).toEqual(isBlamed)
  expect(said({ lateMs: 1500, computesMs: 400 })).toEqual([])
  expect(said({ lateMs: 10_000, computesMs: 1500 })).toEqual([])
})
