import { expect, test } from 'vitest'
import { wallMs } from '../base/clock.ts'
import { retryAfterMs } from './retry-after.ts'

test.each([
  ['1', 1000],
  [' 2 ', 2000],
  [0.5, 500],
  ['0', 0],
  [-3, 0],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['1e99', 24 * 3_600_000],
  [Infinity, 24 * 3_600_000],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
  ['soon', undefined],
  [NaN, undefined],
])('Retry-After %j is %j ms', (value, ms) => {
  expect(retryAfterMs(value)).toBe(ms)
})

test('a date is a time from now', () => {
  const ms = retryAfterMs(new Date(wallMs() + 3_600_000).toUTCString()) ?? 0
  expect(ms).toBeGreaterThan(3_000_000)
  expect(ms).toBeLessThanOrEqual(3_600_000)
})
