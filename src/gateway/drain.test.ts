import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { createDrain, overdue } from './drain.ts'

test('counts each call once, whatever order they end in and however often they say so', () => {
  const inflight = createDrain(manualClock())
  const leaves = Array.from({ length: 5 }, () => inflight.enter(new Cancel()))
  for (const [at, nth] of [2, 4, 0, 3, 1].entries()) {
    leaves[nth]?.()
    leaves[nth]?.()
    expect(inflight.count).toBe(4 - at)
  }
})

test('a drain ends with the last call', async () => {
  const inflight = createDrain(manualClock())
  const [one, two] = [inflight.enter(new Cancel()), inflight.enter(new Cancel())]
  let isDrained = false
  const drained = inflight.drain(1000).then(() => (isDrained = true))
  one()
  await Promise.resolve()
  expect([inflight.draining, isDrained]).toEqual([true, false])
  two()
  expect(await drained).toBe(true)
})

test('a drain that takes too long cancels what is left, and waits for it a moment longer', async () => {
  const clock = manualClock()
  const inflight = createDrain(clock)
  const [ended, late, deaf] = [new Cancel(), new Cancel(), new Cancel()]
  inflight.enter(ended)()
  late.onCancel(inflight.enter(late))
  inflight.enter(deaf)
  const drained = inflight.drain(1000)
  clock.advance(999)
  expect(late.cancelled).toBe(false)
  clock.advance(1)
  expect([ended.reason, late.reason, deaf.reason]).toEqual([undefined, overdue, overdue])
  expect(inflight.count).toBe(1)
  clock.advance(1000)
  await drained
})
