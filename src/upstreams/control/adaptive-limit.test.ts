/** A limit that adapts, in front of a simulated server: so many slots, and a queue in front of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { Cancel } from '../../base/cancel.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { type AdaptiveBounds, type AdaptiveState, adaptiveStep, concurrencyOf, firstState } from './adaptive-step.ts'
import { randomFrom } from '../../../test/support/random.ts'
import { CallLine } from './call-line.ts'

type Times = (random: () => number) => number
const even =
  (ms: number): Times =>
  (random) =>
    ms * (0.8 + 0.4 * random())
const exponential =
  (ms: number): Times =>
  (random) =>
    -ms * Math.log(1 - random())
/** One tool in two takes twenty times as long as the other. */
const twoTools: Times = (random) => even(random() < 0.5 ? 10 : 200)(random)
/** One tool in ten takes a hundred times as long as the others. */
const rareTool: Times = (random) => even(random() < 0.9 ? 10 : 1000)(random)

interface Simulation {
  readonly slots: (calls: number) => number
  readonly times: (calls: number) => Times
  readonly calls: number
  readonly bounds?: AdaptiveBounds
  /** How many calls there are at a time at most. */
  readonly demand?: number
}

/** Calls that are always there, as many as may run; returns the limit after each call. */
function limitsOf({ slots, times, calls, bounds = { min: 1, max: 1000 }, demand = Infinity }: Simulation): number[] {
  const random = randomFrom(1)
  let nowMs = 0
  const limit = new AdaptiveLimit({ ...manualClock(), now: () => nowMs }, bounds)
  const inSlots: Array<{ readonly atMs: number; readonly end: () => void }> = []
  const inQueue: Array<(tookMs: number) => void> = []
  const begunAtMs: number[] = []
  const limits: number[] = []
  while (limits.length < calls) {
    while (inQueue.length + inSlots.length < Math.min(demand, limit.concurrency)) {
      inQueue.push(limit.begin(inQueue.length + inSlots.length + 1))
      begunAtMs.push(nowMs)
    }
    while (inQueue.length > 0 && inSlots.length < slots(limits.length)) {
      const [end, sinceMs] = [inQueue.shift(), begunAtMs.shift() ?? 0]
      const atMs = nowMs + times(limits.length)(random)
      const later = inSlots.findIndex((other) => other.atMs > atMs)
      inSlots.splice(later < 0 ? inSlots.length : later, 0, { atMs, end: () => end?.(nowMs - sinceMs) })
    }
    const first = inSlots.shift()
    if (!first) break
    nowMs = first.atMs
    first.end()
    limits.push(limit.concurrency)
  }
  return limits
}

const meanOf = (limits: readonly number[]): number => limits.reduce((sum, one) => sum + one, 0) / limits.length

test('a limit is never below the lowest nor above the highest, whatever calls take', () => {
  const bounds = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 500 }))
  const interval = fc.record({
    meanMs: fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constantFrom(0, 1e-9, 1)),
    mostAtOnce: fc.integer({ min: 0, max: 2000 }),
  })
  fc.assert(
    fc.property(
      bounds,
      bounds,
      fc.array(interval, { maxLength: 80 }),
      ([min, more], [otherMin, otherMore], intervals) => {
        const ofFirst = { min, max: min + more }
        const ofSecond = { min: otherMin, max: otherMin + otherMore }
        let state: AdaptiveState = firstState(ofFirst)
        for (const [at, one] of intervals.entries()) {
          const inForce = at < 40 ? ofFirst : ofSecond
          const concurrency = concurrencyOf(state, inForce)
          expect(Number.isInteger(concurrency)).toBe(true)
          expect(concurrency).toBeGreaterThanOrEqual(inForce.min)
          expect(concurrency).toBeLessThanOrEqual(inForce.max)
          state = adaptiveStep(state, one, inForce)
        }
      },
    ),
  )
})

describe('settles near as many calls as the server has slots', () => {
  const kinds: ReadonlyArray<readonly [string, Times]> = [
    ['take as long as each other', even(50)],
    ['take very different times', exponential(50)],
    ['are of two tools', twoTools],
    ['are seldom of a slow tool', rareTool],
  ]
  test.each([4, 20, 100].flatMap((slots) => kinds.map(([name, times]) => [slots, name, times] as const)))(
    'with %i slots, and calls that %s',
    (slots, name, times) => {
      const limits = limitsOf({ slots: () => slots, times: () => times, calls: 60_000 })
      const late = limits.slice(-20_000)
      // Few slots and a slow tool: what calls take says little.
      const least = slots === 4 && name.includes('seldom') ? 0.4 : 0.9
      expect(meanOf(late) / slots).toBeGreaterThan(least)
      expect(meanOf(late) / slots).toBeLessThan(1.6)
    },
  )

  test('with a single one', () => {
    const late = limitsOf({ slots: () => 1, times: () => exponential(50), calls: 20_000 }).slice(-10_000)
    expect(Math.max(...late)).toBeLessThanOrEqual(3)
  })
})

describe('follows a server', () => {
  const change = 30_000
  const after = (limits: readonly number[]): number => meanOf(limits.slice(-10_000))
  const steady = { slots: () => 20, times: () => even(50), calls: 60_000 }

  test('that becomes ten times slower or faster, and has as many slots', () => {
    for (const [before, later] of [
      [20, 200],
      [200, 20],
    ] as const) {
      const limit = after(limitsOf({ ...steady, times: (calls) => even(calls < change ? before : later) }))
      expect(limit / 20).toBeGreaterThan(0.9)
      expect(limit / 20).toBeLessThan(1.6)
    }
  })

  test('that gets ten times fewer or more slots', () => {
    for (const [before, later] of [
      [100, 10],
      [10, 100],
    ] as const) {
      const limit = after(limitsOf({ ...steady, slots: (calls) => (calls < change ? before : later) }))
      expect(limit / later).toBeGreaterThan(0.9)
      expect(limit / later).toBeLessThan(1.6)
    }
  })

  test('and does not grow while calls do not use all of it', () => {
    const limits = limitsOf({ ...steady, demand: 5 })
    expect(Math.max(...limits)).toBeLessThanOrEqual(16)
  })

  test('within its bounds', () => {
    expect(Math.max(...limitsOf({ ...steady, bounds: { min: 2, max: 7 } }))).toBe(7)
    expect(Math.min(...limitsOf({ ...steady, slots: () => 1, bounds: { min: 5, max: 50 } }))).toBe(5)
  })
})

describe('an interval', () => {
  let clock: ManualClock
  const begun = (limit: AdaptiveLimit, calls: number): Array<(tookMs: number | undefined) => void> =>
    Array.from({ length: calls }, () => limit.begin(limit.concurrency))

  test('is not kept open by calls that hang, nor decided by calls that say nothing', () => {
    clock = manualClock()
    const limit = new AdaptiveLimit(clock, { min: 1, max: 100 })
    const first = limit.concurrency
    for (const end of begun(limit, 40)) end(undefined)
    expect(limit.concurrency, 'the base is not known yet').toBe(first)
    const calls = begun(limit, 40)
    for (const end of calls.slice(0, 20)) end(10)
    clock.advance(29_999)
    const next = limit.begin(1)
    next(10)
    expect(limit.concurrency).toBe(first)
    clock.advance(1)
    limit.begin(1)(10)
    expect(limit.concurrency, 'the probe is over').toBe(2 * first)
  })
})

test('the line of an upstream has as many calls run as it finds, and all of them when it no longer adapts', async () => {
  const clock = manualClock()
  const line = new CallLine({ queue: 1000, queueWaitMs: 600_000, clock })
  const member = { name: 'mine', isHeld: false, heldForMs: 0, heldUntilMs: 0, room: Infinity }
  const call = { principal: { tenant: 'a', subject: 'b' }, fairnessKey: 's' }
  line.adapt({ min: 1, max: 64 })
  expect(line.state).toMatchObject({ isAdaptive: true, running: 0 })
  // A server with ten slots, and a queue in front of them.
  for (let turn = 0; turn < 3000; turn++) {
    const turns = []
    for (let next = line.take(member, call as never); next; next = line.take(member, call as never)) turns.push(next)
    clock.advance(10 * Math.ceil(turns.length / 10))
    for (const one of turns) one.end(true)
  }
  expect(line.concurrency).toBeGreaterThanOrEqual(5)
  expect(line.concurrency).toBeLessThanOrEqual(16)
  const late = Array.from({ length: 100 }, () => line.wait(member, call as never, new Cancel()).turn)
  line.concurrency = Infinity
  expect(line.state).toBeUndefined()
  for (const one of await Promise.all(late)) one.end(true)
  expect(line.running).toBe(0)
})
