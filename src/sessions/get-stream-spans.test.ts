import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type StreamStart, GetStreamSpans } from './get-stream-spans.ts'

const at = (offset: number, epoch = 'e'): { epoch: string; offset: number } => ({ epoch, offset })

/** The offsets that a stream with this beginning gets, of events 1 to `last`. */
function offsets({ resend, from }: StreamStart, last: number): number[] {
  const all: number[] = []
  for (const span of resend) for (let i = span.from.offset + 1; i <= span.to; i++) all.push(i)
  for (let i = (from?.offset ?? 0) + 1; i <= last; i++) all.push(i)
  return all
}

describe('a GET stream', () => {
  test('that is new begins after all events that were sent', () => {
    const spans = new GetStreamSpans()
    expect(spans.startOf('a', undefined)).toEqual({ resend: [], from: undefined })
    spans.note('a', at(3))
    expect(spans.startOf('b', undefined)).toEqual({ resend: [], from: at(3) })
  })

  test('that is resumed gets the events it lost, and none that were sent on another stream', () => {
    const spans = new GetStreamSpans()
    spans.note('a', at(3))
    spans.note('b', at(5))
    spans.note('a', at(6))
    spans.note('c', at(9))
    expect(offsets(spans.startOf('a', at(1)), 10)).toEqual([2, 3, 6, 10])
    expect(offsets(spans.startOf('b', at(5)), 10)).toEqual([10])
    expect(offsets(spans.startOf('c', at(7)), 10)).toEqual([8, 9, 10])
  })

  test('with a position of another epoch leaves the decision to the journal', () => {
    const spans = new GetStreamSpans()
    spans.note('a', at(3))
    expect(spans.startOf('a', at(1, 'older'))).toEqual({ resend: [], from: at(1, 'older') })
    expect(spans.startOf('a', at(99))).toEqual({ resend: [], from: at(99) })
    spans.note('a', undefined)
    expect(spans.startOf('a', undefined)).toEqual({ resend: [], from: undefined })
    spans.note('a', at(2, 'newer'))
    expect(offsets(spans.startOf('a', at(0, 'newer')), 2)).toEqual([1, 2])
  })
})

test('every event is sent on one stream, and each stream resumes exactly its own events', () => {
  const steps = fc.array(fc.record({ stream: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(steps, fc.nat(40), (taken, seen) => {
      const spans = new GetStreamSpans()
      const mine: number[] = []
      let last = 0
      for (const { stream, count } of taken) {
        for (let i = 1; i <= count; i++) if (stream === 'a' && last + i > seen) mine.push(last + i)
        last += count
        spans.note(stream, at(last))
      }
      // A client can only have seen events that were sent.
      fc.pre(last > 0 && seen <= last)
      expect(offsets(spans.startOf('a', at(seen)), last)).toEqual(mine)
    }),
  )
})
