import { expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { TokenBucket } from './token-bucket.ts'

const taken = (allowance: TokenBucket, times: number): number =>
  Array.from({ length: times }, () => allowance.take()).filter(Boolean).length

test('a burst passes, one more does not', () => {
  const allowance = new TokenBucket(manualClock(), 10, 5)
  expect(taken(allowance, 12)).toBe(10)
})

test('tokens return with time, up to the burst', () => {
  const clock = manualClock()
  const allowance = new TokenBucket(clock, 10, 5)
  taken(allowance, 10)
  clock.advance(1000)
  expect(taken(allowance, 10)).toBe(5)
  clock.advance(60_000)
  expect(taken(allowance, 20)).toBe(10)
})

test('events within the rate are never refused', () => {
  const clock = manualClock()
  const allowance = new TokenBucket(clock, 2, 5)
  for (let i = 0; i < 100; i++) {
    expect(allowance.take()).toBe(true)
    clock.advance(200)
  }
})
