import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backOffMs, withJitter } from './backoff.ts'

const policy = fc.record({
  firstMs: fc.integer({ min: 1, max: 1000 }),
  longestMs: fc.integer({ min: 1000, max: 600_000 }),
})

test('the wait doubles with each failure, up to the longest', () => {
  expect([1, 2, 3, 4, 5].map((failures) => backOffMs({ firstMs: 500, longestMs: 3000 }, failures))).toEqual([
    500, 1000, 2000, 3000, 3000,
  ])
  fc.assert(
    fc.property(policy, fc.nat(100_000), (one, failures) => {
      const ms = backOffMs(one, failures)
      expect(ms).toBeGreaterThan(0)
      expect(ms).toBeLessThanOrEqual(one.longestMs)
      expect(backOffMs(one, failures + 1)).toBe(Math.min(one.longestMs, 2 * ms))
    }),
  )
})

test('with jitter it lies in the upper half of the wait', () => {
  fc.assert(
    fc.property(fc.nat(600_000), fc.double({ min: 0, max: 1, noNaN: true }), (ms, chance) => {
      const wait = withJitter(ms, chance)
      expect(wait).toBeGreaterThanOrEqual(ms / 2)
      expect(wait).toBeLessThanOrEqual(ms)
    }),
  )
  expect([withJitter(1000, 0), withJitter(1000, 1)]).toEqual([500, 1000])
})
