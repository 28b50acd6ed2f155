import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { LineLimit } from './line-limit.ts'

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('a', 'b') }) },
    { weight: 1, arbitrary: fc.record({ ms: fc.constantFrom(1, 300, 1000, 5000) }) },
  ),
  { maxLength: 100 },
)

test('every line is logged or reported as skipped, and no kind has more lines in a second than its bound', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (sequence, most) => {
      const clock = manualClock(0)
      const reported = { a: 0, b: 0 }
      /** When a line of a kind was written: those that were allowed, and reports. */
      const written: { [Kind in 'a' | 'b']: number[] } = { a: [], b: [] }
      const limit = new LineLimit<'a' | 'b'>(clock, most, (kind, skipped) => {
        reported[kind] += skipped
        written[kind].push(clock.now())
      })
      const skipped = { a: 0, b: 0 }
      for (const step of sequence) {
        if ('ms' in step) clock.advance(step.ms)
        else {
          const kind = step.kind === 'a' ? 'a' : 'b'
          if (limit.allows(kind)) written[kind].push(clock.now())
          else skipped[kind]++
        }
      }
      clock.advance(2000)
      assert.deepEqual(reported, skipped)
      for (const times of Object.values(written))
        for (const at of times) {
          // Two seconds of a kind can overlap one of the clock.
          const near = times.filter((time) => time >= at && time < at + 1000)
          assert.ok(near.length <= 2 * most)
        }
    }),
  )
})

test('the report of skipped lines is the first line of the next second', () => {
  const clock = manualClock(0)
  const reports: Array<[string, number]> = []
  const limit = new LineLimit<string>(clock, 2, (kind, skipped) => void reports.push([kind, skipped]))
  expect([1, 2, 3, 4].map(() => limit.allows('a'))).toEqual([true, true, false, false])
  expect(limit.allows('b')).toBe(true)
  clock.advance(1000)
  expect(reports.splice(0)).toEqual([['a', 2]])
  expect([1, 2].map(() => limit.allows('a'))).toEqual([true, false])
  clock.advance(1000)
  expect(reports.splice(0)).toEqual([['a', 1]])
  clock.advance(1000)
  expect([1, 2].map(() => limit.allows('a'))).toEqual([true, true])
})

test('nothing is reported after the end', () => {
  const clock = manualClock(0)
  let reports = 0
  const limit = new LineLimit<string>(clock, 1, () => reports++)
  limit.allows('a')
  limit.allows('a')
  limit.stop()
  clock.advance(2000)
  expect(reports).toBe(0)
})

test('lines can be counted as skipped unseen, and reported at once', () => {
  const reports: Array<[string, number]> = []
  const limit = new LineLimit<string>(manualClock(0), 1, (kind, skipped) => void reports.push([kind, skipped]))
  expect([limit.hasRoom('a'), limit.hasRoom('a'), limit.allows('a'), limit.hasRoom('a')]).toEqual([
    true,
    true,
    true,
    false,
  ])
  limit.skip('a', 40)
  limit.allows('a')
  limit.flush()
  limit.flush()
  expect(reports).toEqual([['a', 41]])
  expect(limit.allows('a')).toBe(true)
})
