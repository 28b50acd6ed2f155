import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Begin, GetStreamSpans } from './get-stream-spans.ts'

const at = (offset: number, epoch = 'e'): { epoch: string; offset: number } => ({ epoch, offset })

/** The offsets that a stream gets which begins so, of events 1 to `last`. */
function offsets({ owed, from }: Begin, last: number): number[] {
  const all: number[] = []
  for (const span of owed) for (let i = span.from.offset + 1; i <= span.to; i++) all.push(i)
  for (let i = (from?.offset ?? 0) + 1; i <= last; i++) all.push(i)
  return all
}

describe('a stream', () => {
  test('that is new goes on after everything that was sent', () => {
    const turns = new GetStreamSpans()
    expect(turns.begin('a', undefined)).toEqual({ owed: [], from: undefined })
    turns.note('a', at(3))
    expect(turns.begin('b', undefined)).toEqual({ owed: [], from: at(3) })
  })

  test('that is resumed gets what it was sent and lost, and nothing of another', () => {
    const turns = new GetStreamSpans()
    turns.note('a', at(3))
    turns.note('b', at(5))
    turns.note('a', at(6))
    turns.note('c', at(9))
    expect(offsets(turns.begin('a', at(1)), 10)).toEqual([2, 3, 6, 10])
    expect(offsets(turns.begin('b', at(5)), 10)).toEqual([10])
    expect(offsets(turns.begin('c', at(7)), 10)).toEqual([8, 9, 10])
  })

  test('of another life of the journal is left to the journal', () => {
    const turns = new GetStreamSpans()
    turns.note('a', at(3))
    expect(turns.begin('a', at(1, 'older'))).toEqual({ owed: [], from: at(1, 'older') })
    expect(turns.begin('a', at(99))).toEqual({ owed: [], from: at(99) })
    turns.note('a', undefined)
    expect(turns.begin('a', undefined)).toEqual({ owed: [], from: undefined })
    turns.note('a', at(2, 'newer'))
    expect(offsets(turns.begin('a', at(0, 'newer')), 2)).toEqual([1, 2])
  })
})

test('every event is sent to one stream, whichever streams take turns, and each resumes exactly its own', () => {
  const steps = fc.array(fc.record({ stream: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(steps, fc.nat(40), (taken, seen) => {
      const turns = new GetStreamSpans()
      const mine: number[] = []
      let last = 0
      for (const { stream, count } of taken) {
        for (let i = 1; i <= count; i++) if (stream === 'a' && last + i > seen) mine.push(last + i)
        last += count
        turns.note(stream, at(last))
      }
      // What a client has seen was sent.
      fc.pre(last > 0 && seen <= last)
      expect(offsets(turns.begin('a', at(seen)), last)).toEqual(mine)
    }),
  )
})
