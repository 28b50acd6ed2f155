import { expect, test } from 'vitest'
import { sumCounts } from './sum-counts.ts'

test('counts are summed, and of times the longest is taken', () => {
  expect(sumCounts([{ calls: 1, oldestWaitMs: 40 }, { calls: 2, sessions: 1, oldestWaitMs: 30 }, {}])).toEqual({
    calls: 3,
    sessions: 1,
    oldestWaitMs: 40,
  })
})
