import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { RateWindow } from './rate-window.ts'

const perMs = 1000

test('an API sees no more calls in any window, at whatever moment of each call it counts it', () => {
  const plan = fc.array(
    fc.record({ waitMs: fc.nat(400), runMs: fc.nat(1500), countedAt: fc.double({ min: 0, max: 1, noNaN: true }) }),
    {
      maxLength: 60,
    },
  )
  fc.assert(
    fc.property(plan, fc.integer({ min: 1, max: 5 }), (calls, limit) => {
      const clock = manualClock(0)
      const window = new RateWindow(clock, { calls: limit, perMs, isFromStart: false })
      const counted: number[] = []
      for (const { waitMs, runMs, countedAt } of calls) {
        clock.advance(waitMs)
        if (window.free <= 0) continue
        window.begin()
        counted.push(clock.now() + runMs * countedAt)
        clock.after(runMs, () => window.end())
      }
      counted.sort((a, b) => a - b)
      for (const [at, ms] of counted.entries()) {
        const inWindow = counted.slice(at).filter((other) => other < ms + perMs).length
        assert.ok(inWindow <= limit, `${inWindow} in one window`)
      }
    }),
    { numRuns: 500 },
  )
})

test('tells how long a call waits, exactly as long as nothing runs', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.nat(12),
      fc.array(fc.nat(400), { maxLength: 5 }),
      (limit, ahead, gaps) => {
        const clock = manualClock(0)
        const window = new RateWindow(clock, { calls: limit, perMs, isFromStart: true })
        for (const gap of gaps) {
          clock.advance(gap)
          if (window.free > 0) window.begin()
        }
        const expectedMs = window.waitMs(ahead)
        const startedMs = clock.now()
        let left = ahead
        for (; left >= 0;) {
          if (window.free > 0) {
            window.begin()
            left--
          } else clock.advance(1)
        }
        // Two milliseconds for each window are for timers that come early.
        const rounds = Math.ceil((ahead + 1) / limit)
        assert.ok(Math.abs(clock.now() - startedMs - expectedMs) <= 2 * rounds)
      },
    ),
    { numRuns: 300 },
  )
})
