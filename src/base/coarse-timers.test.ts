import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { CoarseTimers } from './coarse-timers.ts'

/** The longest time between when a timer is due and when it fires. */
const tickMs = 100

type Step =
  | { readonly do: 'after'; readonly ms: number; readonly again: boolean }
  | { readonly do: 'stop'; readonly at: number }
  | { readonly do: 'advance'; readonly ms: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('after' as const), ms: fc.constantFrom(0, 1, 100, 150, 2000), again: fc.boolean() }),
    fc.record({ do: fc.constant('stop' as const), at: fc.nat(20) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 1000 }) }),
  ),
  { maxLength: 60 },
)

describe('a coarse timer', () => {
  test('fires once, not early and at most a tick late, unless it was stopped', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const clock = manualClock(0)
        const timers = new CoarseTimers(clock)
        const made: Array<{
          dueMs: number
          firedMs: number | undefined
          stoppedMs: number | undefined
          stop: () => void
        }> = []
        const make = (ms: number, again: boolean): void => {
          const one: (typeof made)[number] = {
            dueMs: clock.now() + ms,
            firedMs: undefined,
            stoppedMs: undefined,
            stop: () => {},
          }
          one.stop = timers.after(ms, () => {
            expect(one.firedMs).toBeUndefined()
            one.firedMs = clock.now()
            if (again && ms > 0) make(ms, false)
          })
          made.push(one)
        }
        for (const step of sequence) {
          if (step.do === 'after') make(step.ms, step.again)
          else if (step.do === 'advance') clock.advance(step.ms)
          else {
            const one = made[step.at]
            if (one && one.firedMs === undefined) one.stoppedMs ??= clock.now()
            one?.stop()
          }
        }
        clock.advance(2000 + tickMs)
        for (const { dueMs, firedMs, stoppedMs } of made) {
          if (stoppedMs !== undefined) assert.equal(firedMs, undefined)
          else if (dueMs + tickMs <= clock.now()) {
            assert(firedMs !== undefined && firedMs >= dueMs && firedMs <= dueMs + tickMs)
          }
        }
        timers.close()
      }),
    )
  })

  test('of many due at once fires in portions, each timer once, in the order in which they were added', () => {
    const clock = manualClock(0)
    const timers = new CoarseTimers(clock)
    const fired: number[] = []
    for (let i = 0; i < 1700; i++) timers.after(1000, () => fired.push(i))
    clock.advance(1000 - 1)
    const portions: number[] = []
    for (let ms = 0; ms < tickMs; ms++) {
      clock.advance(1)
      portions.push(fired.length)
    }
    expect(Math.max(...portions.map((count, i) => count - (portions[i - 1] ?? 0)))).toBeLessThanOrEqual(500)
    expect(fired).toEqual(Array.from({ length: 1700 }, (_, i) => i))
  })

  test.each([1000, 6000, 60_000])('fires in time beside %i others a second, of its duration or another', (rate) => {
    const clock = manualClock(0)
    const timers = new CoarseTimers(clock)
    const late: number[] = []
    const make = (ms: number): void => {
      const dueMs = clock.now() + ms
      timers.after(ms, () => late.push(clock.now() - dueMs))
    }
    // The crowd's duration comes first, so its list is looked at before the others.
    make(tickMs)
    const rareMs = [250, 1000, 2000]
    for (let ms = 0; ms < 3000; ms++) {
      for (let i = 0; i < rate / 1000; i++) make(tickMs)
      if (ms < 500) for (const rare of rareMs) make(rare)
      clock.advance(1)
    }
    // All but those of the last moments have fired.
    expect(late.length).toBeGreaterThanOrEqual(1 + 500 * rareMs.length + (3000 - 3 * tickMs) * (rate / 1000))
    // Those that are due at one tick fire in portions of 500, a millisecond apart.
    const portionsMs = Math.ceil((rate * tickMs) / 1000 / 500)
    expect(late.reduce((most, ms) => Math.max(most, ms), 0)).toBeLessThanOrEqual(tickMs + portionsMs)
  })

  test('does not fire after close', () => {
    const clock = manualClock(0)
    const timers = new CoarseTimers(clock)
    let count = 0
    const stop = timers.after(100, () => count++)
    timers.close()
    timers.after(100, () => count++)
    clock.advance(1000)
    stop()
    expect(count).toBe(0)
  })
})
