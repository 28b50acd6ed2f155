import { expect, test } from 'vitest'
import { Wakeup } from './wakeup.ts'
import { manualClock } from './clock.ts'
import { CoarseTimers } from './coarse-timers.ts'

const quietMs = 1000

function bellOn(clock = manualClock()): { bell: Wakeup; pass: (ms: number) => void } {
  return { bell: new Wakeup(new CoarseTimers(clock), quietMs), pass: (ms) => clock.advance(ms) }
}

test('a ring wakes who waits, and one that came before is not lost', async () => {
  const { bell } = bellOn()
  const waiting = bell.next()
  bell.notify()
  expect(await waiting).toBe('rung')
  bell.notify()
  bell.notify()
  expect(await bell.next()).toBe('rung')
})

test('without a ring it is quiet after its time, and again after that', async () => {
  const { bell, pass } = bellOn()
  for (let time = 0; time < 2; time++) {
    const waiting = bell.next()
    pass(quietMs + 100)
    expect(await waiting).toBe('quiet')
  }
})

test('a ring is told once: to who waited, or never once it was cleared', async () => {
  const { bell, pass } = bellOn()
  const first = bell.next()
  bell.notify()
  await first
  const second = bell.next()
  pass(quietMs + 100)
  expect(await second).toBe('quiet')
  bell.notify()
  bell.clear()
  const third = bell.next()
  pass(quietMs + 100)
  expect(await third).toBe('quiet')
})
