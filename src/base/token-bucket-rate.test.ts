/** What a token bucket promises, for many clients with all kinds of demand. */
import { expect, test } from 'vitest'
import { bucketAfter, bucketWaitMs, fullBucket, type RateRule } from './token-bucket.ts'

/** Numbers from 0 to 1 that are the same in every run. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const clients = 10_000

interface Admitted {
  readonly atMs: number
  readonly cost: number
}

/**
 * The tokens that were admitted beyond what the rule gives between any two of these times, with 1 % more. Times are whole
 * milliseconds: what one of them gives is allowed.
 */
function excess(admitted: readonly Admitted[], { points, perMs, burst }: RateRule): number {
  const rate = (points / perMs) * 1.01
  let sum = 0
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const { atMs, cost } of admitted) {
    least = Math.min(least, sum - rate * atMs)
    sum += cost
    most = Math.max(most, sum - rate * atMs - least)
  }
  return admitted.length === 0 ? 0 : most - burst - points / perMs
}

test('over ten thousand clients no window admits more than the rule and its burst', () => {
  const next = random(7)
  let worst = Number.NEGATIVE_INFINITY
  for (let client = 0; client < clients; client++) {
    const points = 1 + Math.floor(next() * 100)
    const rule = { points, perMs: 1000 + Math.floor(next() * 60_000), burst: 1 + Math.floor(next() * 50) }
    const admitted: Admitted[] = []
    let [state, nowMs] = [fullBucket, 1_000_000]
    for (let request = 0; request < 60; request++) {
      nowMs += next() < 0.5 ? 0 : Math.floor(next() * 3000)
      const cost = Math.min(rule.burst, next() < 0.8 ? 1 : 1 + Math.floor(next() * 5))
      if (bucketWaitMs(state, nowMs, rule, cost) > 0) continue
      state = bucketAfter(state, nowMs, rule, cost)
      admitted.push({ atMs: nowMs, cost })
    }
    worst = Math.max(worst, excess(admitted, rule))
  }
  expect(worst).toBeLessThanOrEqual(1e-6)
})

test('while there is demand a client gets all that the rule gives, and each wait is exact', () => {
  const next = random(11)
  let [worstLoss, inexact] = [0, 0]
  for (let client = 0; client < clients; client++) {
    const points = 1 + Math.floor(next() * 100)
    const rule = { points, perMs: 1000 + Math.floor(next() * 60_000), burst: 1 + Math.floor(next() * 20) }
    const startMs = 1_000_000
    let [state, nowMs, taken] = [fullBucket, startMs, 0]
    for (let request = 0; request < 60; request++) {
      const waitMs = bucketWaitMs(state, nowMs, rule, 1)
      if (waitMs > 1 && bucketWaitMs(state, nowMs + waitMs - 1, rule, 1) === 0) inexact++
      nowMs += waitMs
      if (bucketWaitMs(state, nowMs, rule, 1) > 0) inexact++
      state = bucketAfter(state, nowMs, rule, 1)
      taken++
    }
    const given = rule.burst + ((nowMs - startMs) * points) / rule.perMs
    worstLoss = Math.max(worstLoss, given - taken)
  }
  expect(inexact).toBe(0)
  expect(worstLoss).toBeLessThanOrEqual(1 + 1e-6)
})

test('a clock that goes back gives nothing away, and an empty bucket takes no longer to fill than ever', () => {
  const rule = { points: 1, perMs: 1000, burst: 2 }
  const state = bucketAfter(fullBucket, 1_000_000, rule, 2)
  expect(bucketWaitMs(state, 500_000, rule, 1)).toBeLessThanOrEqual(1001)
  expect(bucketWaitMs(state, 500_000, rule, 2)).toBeGreaterThanOrEqual(2000)
})
