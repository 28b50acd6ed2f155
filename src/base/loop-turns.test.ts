import { expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { LoopTurns } from './loop-turns.ts'

test('a turn is spent when its time is up, and the next one begins with the loop', async () => {
  const clock = manualClock()
  const turns = new LoopTurns(clock, 5)
  expect(turns.isSpent).toBe(false)
  clock.advance(4)
  expect(turns.isSpent).toBe(false)
  clock.advance(1)
  expect(turns.isSpent).toBe(true)
  const seen: string[] = []
  setImmediate(() => seen.push('before'))
  await turns.next()
  expect(turns.isSpent).toBe(false)
  clock.advance(5)
  await new Promise((resolve) => setImmediate(resolve))
  expect([turns.isSpent, seen]).toEqual([false, ['before']])
})
