import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { createSpares, type Spares } from './spares.ts'
import type { Child, ChildExit } from '../stdio/child.ts'

const exit: ChildExit = { code: null, signal: null, expected: false, stderr: '', error: 'ENOENT' }

/** A child that runs or has ended, as the test sets it. */
function fakeChild(): Child & { over: boolean } {
  return {
    over: false,
    id: undefined,
    worker: undefined,
    pid: undefined,
    backlog: 0,
    memory: createMemoryBudget(0).account(),
    inputRequestMemory: createMemoryBudget(0).account(),
    roomFor: () => 'reserved',
    ending: false,
    get exited() {
      return this.over
    },
    send() {},
    hold() {},
    kill() {},
    close: () => Promise.resolve(),
    listen: (listener) => queueMicrotask(() => listener.exit(exit)),
  }
}

interface Fixture {
  readonly spares: Spares
  readonly started: ReadonlyArray<Child & { over: boolean }>
  readonly told: readonly ChildExit[]
  /** Whether children started from now on run. */
  runs: boolean
  fill(times: number, everyMs?: number): void
  pass(ms: number): void
}

function createFixture(room = 10): Fixture {
  const clock = manualClock()
  const started: Array<Child & { over: boolean }> = []
  const told: ChildExit[] = []
  const spares = createSpares({
    wanted: 2,
    clock,
    slots: { move() {} },
    slot() {
      if (started.filter(({ over }) => !over).length >= room) return undefined
      return {
        start() {
          const child = fakeChild()
          child.over = !fixture.runs
          started.push(child)
          return child
        },
        release() {},
      }
    },
    mayStart: () => true,
    failed: (how) => void told.push(how),
  })
  const fixture: Fixture = {
    spares,
    started,
    told,
    runs: true,
    fill(times, everyMs = 0) {
      for (let at = 0; at < times; at++) {
        clock.advance(everyMs)
        spares.fill()
      }
    },
    pass: (ms) => clock.advance(ms),
  }
  return fixture
}

test('a program that cannot be run is tried once, and then after growing pauses, however often it is wanted', async () => {
  const fixture = createFixture()
  fixture.runs = false
  fixture.fill(100)
  expect(fixture.started.length).toBe(1)
  fixture.fill(60, 1000)
  // After 0.5, 1, 2, 4, 8, 16 and 32 s, since `fill` is called every second.
  expect(fixture.started.length).toBeLessThanOrEqual(7)
  await Promise.resolve()
  expect(fixture.told.length).toBe(fixture.started.length)
  fixture.runs = true
  fixture.pass(64_000)
  fixture.fill(1)
  expect(fixture.started.filter(({ over }) => !over).length).toBe(2)
})

test('spares that end by themselves are replaced more and more rarely, one that lived long at once', () => {
  const fixture = createFixture()
  for (let second = 0; second < 600; second++) {
    fixture.fill(1, 1000)
    for (const child of fixture.started) child.over = true
  }
  expect(fixture.started.length).toBeLessThan(30)
  fixture.pass(10 * 60_000)
  fixture.fill(1)
  fixture.pass(60_000)
  for (const child of fixture.started) child.over = true
  const { length } = fixture.started
  fixture.fill(3, 1000)
  expect(fixture.started.length).toBe(length + 2)
})

test('no more spares are started than there are free slots', () => {
  const fixture = createFixture(1)
  fixture.fill(10)
  expect(fixture.started.length).toBe(1)
})
