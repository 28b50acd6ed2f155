/** Tests how often a missing member is asked again, and how often its return is announced. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { type LogFields, silentLog } from '../base/log.ts'
import { createMissingMembers } from './missing-members.ts'

function fixture() {
  const clock = manualClock()
  const log: string[] = []
  const note = (_: LogFields, message: string): void => void log.push(message)
  let announced = 0
  const missing = createMissingMembers({
    memberWaitMs: 100,
    clock,
    log: { ...silentLog, warn: note, info: note },
    onBack: () => void announced++,
  })
  /** Moves the time on, and lets promises settle in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { missing, log, pass, announced: () => announced }
}

const dead = (): Promise<never> => Promise.reject(new Error('dead'))

test('a missing member is logged once, asked ever less often, and announced when it answers', async () => {
  const { missing, log, pass, announced } = fixture()
  let asked = 0
  let isAlive = false
  const ask = (): Promise<void> => {
    asked++
    return isAlive ? Promise.resolve() : dead()
  }
  for (let time = 0; time < 100; time++) missing.note('m', 'It is dead.', ask, false)
  expect(missing.isMissing('m')).toBe(true)
  await pass(1000)
  expect(asked).toBe(1)
  await pass(120_000)
  expect(asked).toBeLessThan(10)
  expect(log).toHaveLength(1)
  isAlive = true
  await pass(61_000)
  expect([missing.isMissing('m'), announced(), log.length]).toEqual([false, 1, 2])
})

test('a member that comes and goes is announced ever less often', async () => {
  const { missing, pass, announced } = fixture()
  for (let time = 0; time < 600; time++) {
    missing.note('m', 'It is dead.', () => Promise.resolve(), true)
    await pass(100)
  }
  expect(announced()).toBeGreaterThan(2)
  expect(announced()).toBeLessThan(8)
})

test('an answer that comes late counts, and one of a member that is not missing does not', async () => {
  const { missing, announced } = fixture()
  missing.answered('m')
  expect(announced()).toBe(0)
  missing.note('m', 'It is slow.', dead, false)
  missing.answered('m')
  missing.answered('m')
  expect(announced()).toBe(1)
})

test('after the close, and after its removal, a member is not asked any more', async () => {
  const { missing, pass, announced } = fixture()
  const ask = (): Promise<void> => Promise.resolve()
  missing.note('removed', 'It is dead.', ask, false)
  missing.keep(new Set(['other']))
  missing.note('m', 'It is dead.', ask, false)
  missing.close()
  missing.note('m', 'It is dead.', ask, false)
  await pass(5000)
  expect(announced()).toBe(0)
})
