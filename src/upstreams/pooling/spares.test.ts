import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { OpenedWorker, ServerInstance } from '../worker.ts'
import type { WorkerExit } from '../worker-exit.ts'
import { createSpares, type Spares } from './spares.ts'
import { WorkerSlots } from './worker-slots.ts'

const exit: WorkerExit = { code: null, signal: null, expected: false, stderr: '', error: 'ENOENT' }

/** An instance of a server that runs or has ended, as the test sets it. */
class ManualInstance implements ServerInstance {
  #hasExited: boolean
  #exited: (() => void) | undefined

  constructor(runs: boolean) {
    this.#hasExited = !runs
  }

  get runs(): boolean {
    return !this.#hasExited
  }

  exit(): void {
    if (this.#hasExited) return
    this.#hasExited = true
    this.#exited?.()
  }

  whenExited(exited: () => void): void {
    if (this.#hasExited) exited()
    else this.#exited = exited
  }

  watch(exited: (how: WorkerExit) => void): void {
    queueMicrotask(() => exited(exit))
  }

  open(): Promise<OpenedWorker> {
    return Promise.reject(new Error('it is never opened here'))
  }

  async close(): Promise<void> {
    this.exit()
  }
}

interface Fixture {
  readonly spares: Spares
  readonly slots: WorkerSlots<ManualInstance>
  readonly started: readonly ManualInstance[]
  readonly told: readonly WorkerExit[]
  /** Whether instances started from now on run. */
  runs: boolean
  fill(times: number, everyMs?: number): void
  pass(ms: number): void
}

function createFixture(room = 10): Fixture {
  const clock = manualClock()
  const started: ManualInstance[] = []
  const told: WorkerExit[] = []
  const slots = new WorkerSlots(
    () => room,
    () => {
      const instance = new ManualInstance(fixture.runs)
      started.push(instance)
      return instance
    },
  )
  const spares = createSpares({
    wanted: () => 2,
    clock,
    takeSlot: () => slots.take('spare'),
    mayStart: () => true,
    failed: (how) => void told.push(how),
  })
  const fixture: Fixture = {
    spares,
    slots,
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
  expect(fixture.started.filter(({ runs }) => runs).length).toBe(2)
})

test('spares that end by themselves are replaced more and more rarely, one that lived long at once', () => {
  const fixture = createFixture()
  for (let second = 0; second < 600; second++) {
    fixture.fill(1, 1000)
    for (const instance of fixture.started) instance.exit()
  }
  expect(fixture.started.length).toBeLessThan(30)
  fixture.pass(10 * 60_000)
  fixture.fill(1)
  fixture.pass(60_000)
  for (const instance of fixture.started) instance.exit()
  const { length } = fixture.started
  fixture.fill(3, 1000)
  expect(fixture.started.length).toBe(length + 2)
})

test('no more spares are started than there are free slots', () => {
  const fixture = createFixture(1)
  fixture.fill(10)
  expect(fixture.started.length).toBe(1)
})

test('a spare that was taken and not used is a spare again', async () => {
  const { spares, slots, fill } = createFixture()
  fill(1)
  const slot = spares.take('serve')
  expect([slot?.state, slots.for('serve').size, slots.in('spare').size]).toEqual(['starting', 1, 1])
  slot?.release()
  expect([slot?.state, slots.for('serve').size, slots.in('spare').size]).toEqual(['spare', 0, 2])
  await spares.close()
  expect(slots.taken).toBe(0)
})
