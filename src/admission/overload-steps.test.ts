import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  nextOverload,
  noOverload,
  type OverloadChange,
  type OverloadMeasurements,
  type OverloadState,
  overloadSteps,
} from './overload-steps.ts'

const limits: OverloadMeasurements = { event_loop: 250, memory: 0.85, queue: 0.85 }
const calm: OverloadMeasurements = { event_loop: 0, memory: 0, queue: 0 }
const holdMs = 5000

/** Measures once a second for as many seconds, and returns the changes with their times. */
function measure(
  seconds: number,
  at: (second: number) => Partial<OverloadMeasurements>,
  from: OverloadState = noOverload,
): { readonly state: OverloadState; readonly changes: ReadonlyArray<OverloadChange & { readonly second: number }> } {
  let state = from
  const changes: Array<OverloadChange & { readonly second: number }> = []
  for (let second = 0; second < seconds; second++) {
    const found = nextOverload(state, { ...calm, ...at(second) }, limits, holdMs, second * 1000)
    ;({ state } = found)
    if (found.change) changes.push({ ...found.change, second })
  }
  return { state, changes }
}

const featuresIn = (changes: readonly OverloadChange[]): string[] =>
  changes.map(({ feature, isOff }) => `${isOff ? '-' : '+'}${feature}`)

test('under full pressure all features are switched off one after the other, and back on in the opposite order', () => {
  const { changes, state } = measure(80, (second) => (second < 30 ? { event_loop: 2000 } : {}))
  expect(featuresIn(changes)).toEqual([
    '-background_work',
    '-new_sessions',
    '-busiest_sessions',
    '-new_work',
    '+new_work',
    '+busiest_sessions',
    '+new_sessions',
    '+background_work',
  ])
  expect(state).toEqual(noOverload)
  const [first, second] = changes
  expect(first?.second, 'the pressure must last').toBe(5)
  expect((second?.second ?? 0) - (first?.second ?? 0), 'and again for the next step').toBeGreaterThanOrEqual(5)
})

test.each<[string, Partial<OverloadMeasurements>, number]>([
  ['a loop that is a little late', { event_loop: 160 }, 1],
  ['a loop at the limit', { event_loop: 260 }, 2],
  ['twice the limit', { event_loop: 510 }, 3],
  ['four times the limit', { event_loop: 1010 }, 4],
  ['memory below the limit', { memory: 0.8 }, 1],
  ['memory at the limit', { memory: 0.86 }, 2],
  ['memory above it', { memory: 0.91 }, 3],
  ['hardly any memory', { memory: 0.96 }, 4],
  ['a long queue', { queue: 0.86 }, 2],
  ['a full queue, which refuses by itself', { queue: 1 }, 3],
  ['nothing', {}, 0],
])('how far it goes: %s', (_, measured, taken) => {
  expect(measure(60, () => measured).state.taken).toBe(taken)
})

test('a short peak, or one again and again, switches nothing off', () => {
  expect(measure(60, (second) => (second % 5 === 4 ? {} : { event_loop: 5000 })).changes).toEqual([])
})

test('what is between the limits of a step and its end stays as it is', () => {
  const { state } = measure(20, () => ({ memory: 0.86 }))
  expect(state.taken).toBe(2)
  const between = measure(60, (second) => ({ memory: second % 2 === 0 ? 0.76 : 0.84 }), state)
  expect(between.changes).toEqual([])
  expect(measure(60, () => ({ memory: 0.74 }), state).changes[0]).toMatchObject({
    feature: 'new_sessions',
    isOff: false,
  })
})

test('a change names the measure that is highest in relation to its limit', () => {
  expect(measure(6, () => ({ memory: 0.9, event_loop: 300 })).changes[0]?.because).toBe('event_loop')
  expect(measure(6, () => ({ memory: 0.99, event_loop: 160 })).changes[0]?.because).toBe('memory')
})

test('a feature that is switched on again names why it was off, not what is highest now', () => {
  const { changes } = measure(40, (second) => {
    if (second < 6) return { memory: 0.9 }
    return second < 16 ? { event_loop: 300 } : { queue: 0.1 }
  })
  expect(changes.map(({ isOff, because }) => [isOff, because])).toEqual([
    [true, 'memory'],
    [true, 'event_loop'],
    [false, 'event_loop'],
    [false, 'memory'],
  ])
})

test('whatever is measured: one step at a time, in order, never two within the time that pressure must last', () => {
  const measured = fc.record({
    event_loop: fc.double({ min: 0, max: 5000, noNaN: true }),
    memory: fc.double({ min: 0, max: 1, noNaN: true }),
    queue: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  const lasting = fc.array(fc.tuple(measured, fc.integer({ min: 1, max: 15 })), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(lasting, (parts) => {
      const all = parts.flatMap(([one, seconds]) => Array<OverloadMeasurements>(seconds).fill(one))
      const { changes, state } = measure(all.length, (second) => all[second] ?? calm)
      let taken = 0
      let lastSecond = -Infinity
      for (const { feature, isOff, second } of changes) {
        expect(overloadSteps[isOff ? taken : taken - 1]?.feature).toBe(feature)
        taken += isOff ? 1 : -1
        expect(second - lastSecond).toBeGreaterThanOrEqual(holdMs / 1000)
        lastSecond = second
      }
      expect(state.taken).toBe(taken)
    }),
  )
})
