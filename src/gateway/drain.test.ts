import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { createDrain, overdue } from './drain.ts'

test('counts each call once, in whatever order the calls end and however often an end is reported', () => {
  const drain = createDrain(manualClock())
  const leaves = Array.from({ length: 5 }, () => drain.enter(new Cancel()))
  for (const [at, nth] of [2, 4, 0, 3, 1].entries()) {
    leaves[nth]?.()
    leaves[nth]?.()
    expect(drain.count).toBe(4 - at)
  }
})

test('a drain ends with the last call', async () => {
  const drain = createDrain(manualClock())
  const [one, two] = [drain.enter(new Cancel()), drain.enter(new Cancel())]
  let isDrained = false
  const drained = drain.drain(1000).then(() => (isDrained = true))
  one()
  await Promise.resolve()
  expect([drain.draining, isDrained]).toEqual([true, false])
  two()
  expect(await drained).toBe(true)
})

test('a drain that takes too long cancels the calls that are left, and waits for them a moment longer', async () => {
  const clock = manualClock()
  const drain = createDrain(clock)
  const [ended, late, stuck] = [new Cancel(), new Cancel(), new Cancel()]
  drain.enter(ended)()
  late.onCancel(drain.enter(late))
  drain.enter(stuck)
  const drained = drain.drain(1000)
  clock.advance(999)
  expect(late.cancelled).toBe(false)
  clock.advance(1)
  expect([ended.reason, late.reason, stuck.reason]).toEqual([undefined, overdue, overdue])
  expect(drain.count).toBe(1)
  clock.advance(1000)
  await drained
})
