import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createSingleInstance, type SingleInstance } from './single-instance.ts'

interface Fixture {
  readonly onlyOne: SingleInstance
  readonly warnings: string[]
  /** The reported changes, in order. */
  readonly changes: boolean[]
  pass(ms: number): void
}

function createFixture(): Fixture {
  const clock = manualClock()
  const warnings: string[] = []
  const changes: boolean[] = []
  const log = { ...silentLog, warn: (_fields: object, text: string) => void warnings.push(text) }
  return {
    onlyOne: createSingleInstance({ clock, log, changed: (isKnown) => void changes.push(isKnown) }),
    warnings,
    changes,
    pass: (ms) => clock.advance(ms),
  }
}

test('where all clients share it, nothing is to be done', () => {
  const told: string[] = []
  const log = {
    ...silentLog,
    warn: () => void told.push('warned'),
    info: (_: object, text: string) => void told.push(text),
  }
  const onlyOne = createSingleInstance({ clock: manualClock(), log, changed() {}, isShared: () => true })
  onlyOne.found('exit code 1')
  expect(told).toEqual(['only one process of the server can run, which all clients share'])
  expect(onlyOne.detail).toBe(
    'only one process of the server can run (a second one: exit code 1); all clients share it',
  )
})

test('it is logged once, with the remedy, and tested again more and more rarely, without end', () => {
  const { onlyOne, warnings, changes, pass } = createFixture()
  expect([onlyOne.isKnown, onlyOne.isUndecided, onlyOne.detail, onlyOne.isTryDue()]).toEqual([
    false,
    true,
    undefined,
    false,
  ])
  const pauses: number[] = []
  for (let tries = 0; tries < 40; tries++) {
    onlyOne.found('exit code 1')
    let paused = 0
    for (; !onlyOne.isTryDue(); paused += 1000) pass(1000)
    pauses.push(paused)
  }
  expect(pauses.slice(0, 3)).toEqual([5000, 10_000, 20_000])
  expect(Math.max(...pauses)).toBe(600_000)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('--mode shared')
  expect(onlyOne.detail).toContain('exit code 1')
  expect(changes).toEqual([true])
})

test('two workers that run at once end it, and disprove it for a while', () => {
  const { onlyOne, changes, pass } = createFixture()
  onlyOne.found('exit code 1')
  onlyOne.ranBeside()
  expect([onlyOne.isKnown, onlyOne.isUndecided]).toEqual([false, false])
  onlyOne.found('exit code 1')
  expect(onlyOne.isKnown).toBe(false)
  pass(600_000)
  onlyOne.found('exit code 1')
  expect(onlyOne.isKnown).toBe(true)
  expect(changes).toEqual([true, false, true])
})

test('two workers that have run for a minute disprove it until others have failed to start and one has not', () => {
  const { onlyOne, pass } = createFixture()
  onlyOne.ranBeside(true)
  onlyOne.ranBeside()
  pass(24 * 3_600_000)
  onlyOne.found('exit code 1')
  expect([onlyOne.isDisproved, onlyOne.isKnown, onlyOne.isUndecided]).toEqual([true, false, false])
  onlyOne.startsAgain()
  expect([onlyOne.isDisproved, onlyOne.isUndecided]).toEqual([false, true])
  onlyOne.found('exit code 1')
  expect(onlyOne.isKnown).toBe(true)
})

test('a failure of the only worker has another cause, and ends it', () => {
  const { onlyOne } = createFixture()
  onlyOne.failedAlone()
  onlyOne.found('exit code 1')
  onlyOne.failedAlone()
  expect([onlyOne.isKnown, onlyOne.isUndecided]).toEqual([false, true])
})
