import { expect, test } from 'vitest'
import { Wakeup } from './wakeup.ts'
import { manualClock } from './clock.ts'
import { CoarseTimers } from './coarse-timers.ts'

const quietMs = 1000

function wakeupOn(clock = manualClock()): { wakeup: Wakeup; pass: (ms: number) => void } {
  return { wakeup: new Wakeup(new CoarseTimers(clock), quietMs), pass: (ms) => clock.advance(ms) }
}

test('a notification wakes the waiter, and one without a waiter is kept', async () => {
  const { wakeup } = wakeupOn()
  const waiting = wakeup.next()
  wakeup.notify()
  expect(await waiting).toBe('notified')
  wakeup.notify()
  wakeup.notify()
  expect(await wakeup.next()).toBe('notified')
})

test('without a notification the wait ends as quiet after its time, and so does the next', async () => {
  const { wakeup, pass } = wakeupOn()
  for (let time = 0; time < 2; time++) {
    const waiting = wakeup.next()
    pass(quietMs + 100)
    expect(await waiting).toBe('quiet')
  }
})

test('a notification wakes one wait only, and none once it was cleared', async () => {
  const { wakeup, pass } = wakeupOn()
  const first = wakeup.next()
  wakeup.notify()
  await first
  const second = wakeup.next()
  pass(quietMs + 100)
  expect(await second).toBe('quiet')
  wakeup.notify()
  wakeup.clear()
  const third = wakeup.next()
  pass(quietMs + 100)
  expect(await third).toBe('quiet')
})

test('without timers a wait lasts until there is a notification', async () => {
  const wakeup = new Wakeup()
  let isWoken = false
  const waiting = wakeup.next().then(() => (isWoken = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isWoken).toBe(false)
  wakeup.notify()
  expect(await waiting).toBe(true)
})
