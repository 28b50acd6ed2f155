import { expect, test } from 'vitest'
import { Bell } from './wakeup.ts'
import { manualClock } from './clock.ts'
import { Pulse } from './coarse-timers.ts'

const quietMs = 1000

function bellOn(clock = manualClock()): { bell: Bell; pass: (ms: number) => void } {
  return { bell: new Bell(new Pulse(clock), quietMs), pass: (ms) => clock.advance(ms) }
}

test('a ring wakes who waits, and one that came before is not lost', async () => {
  const { bell } = bellOn()
  const waiting = bell.next()
  bell.ring()
  expect(await waiting).toBe('rung')
  bell.ring()
  bell.ring()
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
  bell.ring()
  await first
  const second = bell.next()
  pass(quietMs + 100)
  expect(await second).toBe('quiet')
  bell.ring()
  bell.clear()
  const third = bell.next()
  pass(quietMs + 100)
  expect(await third).toBe('quiet')
})
