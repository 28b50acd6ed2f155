import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog } from '../base/log.ts'
import { createOverload, type Overload } from './overload.ts'
import type { OverloadMeasurements } from './overload-steps.ts'

const calm: OverloadMeasurements = { event_loop: 0, memory: 0, queue: 0 }

interface Fixture {
  readonly overload: Overload
  /** What is measured from now on. */
  measured: OverloadMeasurements
  mostCalls: number
  readonly told: string[]
  relieved: number
  isMeasured: boolean
  pass(seconds: number): void
}

function createFixture(hasOverloadSteps = true): Fixture {
  const clock = manualClock()
  const events = createEvents()
  const told: string[] = []
  const note = (fields: object, text: string): void => void told.push(`${text} ${JSON.stringify(fields)}`)
  events.on('overloadStep', ({ step, feature, isOff }) => told.push(`${step} ${isOff ? '-' : '+'}${feature}`))
  const given = { measured: calm, mostCalls: 0, told, relieved: 0, isMeasured: false }
  const overload = createOverload({
    settings: {
      hasOverloadSteps,
      overloadLoopDelayMs: 250,
      overloadMemoryPercent: 85,
      overloadQueuePercent: 85,
      overloadHoldMs: 2000,
    },
    clock,
    pressure() {
      given.isMeasured = true
      return { measure: () => given.measured, close: () => (given.isMeasured = false) }
    },
    mostCalls: () => given.mostCalls,
    relieve: () => void given.relieved++,
    events,
    log: { ...silentLog, info: note, warn: note },
  })
  return Object.assign(given, {
    overload,
    pass(seconds: number) {
      for (let second = 0; second < seconds; second++) clock.advance(1000)
    },
  })
}

test('each step is an event, a line of the log and a number, on the way up and down', () => {
  const fixture = createFixture()
  const { overload, told } = fixture
  fixture.measured = { ...calm, memory: 0.8 }
  fixture.pass(3)
  const fields = '"because":"memory","loop_ms":0,"memory_percent":80,"queue_percent":0'
  expect(told).toEqual([
    '1 -background_work',
    `overload: a feature is switched off {"feature":"background_work","step":1,${fields}}`,
  ])
  expect([overload.step, overload.isOff('background_work'), overload.isOff('new_sessions')]).toEqual([1, true, false])
  fixture.measured = calm
  fixture.pass(3)
  expect(told.slice(2)).toEqual([
    '0 +background_work',
    'overload: a feature is switched on again {"feature":"background_work","step":0,"was_because":"memory","loop_ms":0,"memory_percent":0,"queue_percent":0}',
  ])
  expect([overload.step, overload.isOff('background_work')]).toEqual([0, false])
})

test('the busiest sessions are those with at least half of the most calls, and two', () => {
  const fixture = createFixture()
  const { overload } = fixture
  fixture.measured = { ...calm, queue: 1 }
  fixture.mostCalls = 9
  fixture.pass(6)
  expect([overload.step, overload.busyCalls]).toEqual([2, undefined])
  fixture.pass(3)
  expect([overload.step, overload.busyCalls]).toEqual([3, 5])
  fixture.mostCalls = 1
  fixture.pass(1)
  expect(overload.busyCalls).toBe(2)
  fixture.measured = calm
  fixture.pass(3)
  expect(overload.busyCalls).toBe(undefined)
})

test('memory is freed while sessions are refused because of it, and only then', () => {
  const fixture = createFixture()
  fixture.measured = { ...calm, event_loop: 400 }
  fixture.pass(8)
  expect([fixture.overload.step, fixture.relieved]).toEqual([2, 0])
  fixture.measured = { ...calm, memory: 0.87 }
  fixture.pass(2)
  expect(fixture.relieved).toBe(2)
})

test('a refusal says what is refused, and when to try again', () => {
  const refusal = createFixture().overload.refusal('new sessions')
  expect(refusal).toMatchObject({ code: 'overloaded', retryAfterMs: 2000 })
  expect(refusal.message).toContain('takes no new sessions')
})

test('nothing is measured if it is turned off, or closed', () => {
  const off = createFixture(false)
  off.measured = { ...calm, event_loop: 5000 }
  off.pass(60)
  expect([off.overload.step, off.isMeasured]).toEqual([0, false])
  const closed = createFixture()
  closed.overload.close()
  closed.measured = { ...calm, event_loop: 5000 }
  closed.pass(60)
  expect([closed.overload.step, closed.isMeasured]).toEqual([0, false])
})
