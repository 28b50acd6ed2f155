import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { JournalPage, Position } from '../backplane.ts'
import { createMemoryBackplane } from '../memory.ts'

const retentionMs = 5000
const ttlMs = 3000

type Step =
  | { readonly do: 'append'; readonly sizes: readonly number[]; readonly events: number; readonly bytes: number }
  | { readonly do: 'read'; readonly reader: number }
  | { readonly do: 'forget'; readonly reader: number }
  | { readonly do: 'end' }
  | { readonly do: 'drop' }
  | { readonly do: 'pass'; readonly ms: number }

const reader = fc.nat(2)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        sizes: fc.array(fc.nat(40), { maxLength: 6 }),
        events: fc.integer({ min: 1, max: 8 }),
        bytes: fc.integer({ min: 1, max: 120 }),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), reader }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), reader }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 4000 }) }) },
  ),
  { maxLength: 60 },
)

/** A model of one incarnation of the journal: all its events, how many were dropped, and when it expires. */
interface Life {
  readonly log: string[]
  dropped: number
  ended: boolean
  untilMs: number
}

function keptOf(life: Life): readonly string[] {
  return life.log.slice(life.dropped)
}

function drop(life: Life, bounds: { readonly events: number; readonly bytes: number }): void {
  const sizeOf = (events: readonly string[]): number => events.join('').length
  while (keptOf(life).length > 1 && (keptOf(life).length > bounds.events || sizeOf(keptOf(life)) > bounds.bytes))
    life.dropped++
}

function lastOf(page: JournalPage, before: Position | undefined): Position {
  return { epoch: page.epoch, offset: page.events.at(-1)?.offset ?? before?.offset ?? page.missed }
}

describe('journals in memory, under any sequence of steps', () => {
  it('give a resuming reader each event once and in order, or report that events are lost', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const clock = manualClock()
        const { journals, close } = createMemoryBackplane({ clock })
        const lives = new Map<string, Life>()
        const positions: Array<Position | undefined> = [undefined, undefined, undefined]
        let present: Life | undefined
        let written = 0
        const alive = (): Life | undefined => (present && clock.now() < present.untilMs ? present : undefined)

        for (const step of sequence) {
          if (step.do === 'pass') clock.advance(step.ms)
          if (step.do === 'forget') positions[step.reader] = undefined
          if (step.do === 'drop') {
            await journals.drop('stream')
            present = undefined
          }
          if (step.do === 'end') {
            await journals.end('stream', retentionMs)
            present = alive() ?? { log: [], dropped: 0, ended: false, untilMs: 0 }
            if (!present.ended) present.untilMs = clock.now() + retentionMs
            present.ended = true
          }
          if (step.do === 'append') {
            const events = step.sizes.map((size) => `${++written}`.padEnd(size, '.'))
            const position = await journals.append('stream', events, { events: step.events, bytes: step.bytes, ttlMs })
            present = alive() ?? { log: [], dropped: 0, ended: false, untilMs: 0 }
            if (!present.ended) {
              present.log.push(...events)
              present.untilMs = clock.now() + ttlMs
              drop(present, step)
            }
            assert.equal(position.offset, present.log.length)
            const known = lives.get(position.epoch)
            // An epoch belongs to one incarnation; ending an empty stream begins one whose epoch no append has returned yet.
            assert.ok(known === undefined ? ![...lives.values()].includes(present) : known === present)
            lives.set(position.epoch, present)
          }
          if (step.do === 'read') {
            const before = positions[step.reader]
            const page = await journals.read('stream', before)
            const life = alive()
            if (page === 'unknown') {
              assert.equal(life, undefined)
              positions[step.reader] = undefined
              continue
            }
            assert.ok(life)
            if (page === 'expired') {
              // 'expired' is never returned without reason: it is another incarnation, or the next event is gone.
              assert.ok(before)
              assert.ok(lives.get(before.epoch) !== life || before.offset < life.dropped)
              positions[step.reader] = undefined
              continue
            }
            const from = before?.offset ?? page.missed
            if (before) assert.deepEqual([page.epoch, page.missed], [before.epoch, 0])
            else assert.equal(page.missed, life.dropped)
            assert.deepEqual(
              page.events,
              life.log.slice(from).map((data, at) => ({ offset: from + at + 1, data })),
            )
            assert.equal(page.ended, life.ended)
            positions[step.reader] = lastOf(page, before)
            if (!lives.has(page.epoch)) lives.set(page.epoch, life)
            assert.equal(lives.get(page.epoch), life)
          }
        }
        await close()
      }),
      { numRuns: 500 },
    )
  })

  it('keep no more than the bounds, except for the newest event', async () => {
    const batch = fc.array(fc.nat(50), { maxLength: 20 })
    const limits = fc.record({ events: fc.integer({ min: 1, max: 10 }), bytes: fc.integer({ min: 1, max: 200 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 30 }), limits, async (batches, { events, bytes }) => {
        const { journals } = createMemoryBackplane({ clock: manualClock() })
        for (const sizes of batches) {
          await journals.append(
            'stream',
            sizes.map((size) => 'x'.repeat(size)),
            { events, bytes, ttlMs },
          )
          const page = await journals.read('stream', undefined)
          assert.ok(typeof page !== 'string')
          const kept = page.events.map(({ data }) => data.length)
          assert.ok(kept.length <= events)
          assert.ok(kept.length <= 1 || kept.reduce((sum, size) => sum + size, 0) <= bytes)
        }
      }),
    )
  })
})
