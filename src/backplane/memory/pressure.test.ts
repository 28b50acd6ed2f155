import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import type { Journals, Position } from '../backplane.ts'
import { createMemoryBackplane } from '../memory.ts'
import { sweepEveryMs } from './store.ts'

const wide = { events: 1000, bytes: 1_000_000, ttlMs: 1_000_000 }
const kilobyte = 'x'.repeat(1000)

function open(limitBytes: number): {
  readonly journals: Journals
  readonly memory: ReturnType<typeof createMemoryBudget>
  readonly clock: ReturnType<typeof manualClock>
  readonly close: () => Promise<void>
} {
  const clock = manualClock()
  const memory = createMemoryBudget(limitBytes)
  return { ...createMemoryBackplane({ clock, memory }), memory, clock }
}

/** How many events of a stream are kept. */
async function kept(journals: Journals, stream: string): Promise<number> {
  const page = await journals.read(stream, undefined)
  return typeof page === 'string' ? 0 : page.events.length
}

describe('journals and the memory budget', () => {
  it('count all bytes they hold, even for tiny events and wide characters, and none once they are gone', async () => {
    const { journals, memory, clock, close } = open(1_000_000)
    await journals.append('empty', [], wide)
    const empty = memory.heldBytes
    assert.ok(empty >= 400 && empty < 1000, `${empty}`)
    await journals.append('stream', Array<string>(100).fill(''), wide)
    assert.ok(memory.heldBytes - 2 * empty >= 100 * 40, `${memory.heldBytes}`)
    const before = memory.heldBytes
    await journals.append('stream', ['\u2192'.repeat(1000)], wide)
    assert.ok(memory.heldBytes - before >= 2000)
    await journals.drop('stream')
    assert.equal(memory.heldBytes, empty)
    await journals.end('empty', 1000)
    clock.advance(sweepEveryMs)
    assert.equal(memory.heldBytes, 0)
    await journals.append('stream', [kilobyte], wide)
    await close()
    assert.equal(memory.heldBytes, 0)
  })

  it('drop ended journals first, then events that were read or have no reader, then those a reader waits for', async () => {
    const { journals, memory } = open(40_000)
    const fill = (stream: string): Promise<Position> => journals.append(stream, Array<string>(8).fill(kilobyte), wide)
    const start = await journals.append('read', [], wide)
    await fill('unread')
    journals.tail('unread', () => {})
    await fill('read')
    journals.tail('read', () => {})
    await journals.read('read', undefined)
    await fill('ended')
    await journals.end('ended', 1000)
    const other = memory.account()
    other.add(15_000)
    assert.deepEqual([await kept(journals, 'ended'), await kept(journals, 'read')], [0, 8])
    other.add(9_000)
    const read = await kept(journals, 'read')
    assert.ok(read > 0 && read < 8)
    assert.equal(await journals.read('read', start), 'expired')
    other.add(6_000)
    assert.equal(await kept(journals, 'read'), 0)
    const page = await journals.read('unread', undefined)
    assert.ok(typeof page === 'object')
    assert.equal(page.missed, 0, 'the oldest of all, but a reader waits for it')
    await fill('unread')
    other.add(8_000)
    assert.ok((await kept(journals, 'unread')) < 16)
    assert.ok(memory.heldBytes <= 40_000)
  })

  it('always keep a new event, and exceed the limit by no more than that event', async () => {
    const { journals, memory } = open(10_000)
    memory.account().add(10_000)
    for (let n = 1; n <= 20; n++) {
      await journals.append('stream', [`${n} ${kilobyte}`], wide)
      const page = await journals.read('stream', undefined)
      assert.ok(typeof page === 'object')
      assert.ok(page.events.at(-1)?.data.startsWith(`${n} `))
      assert.ok(memory.heldBytes < 10_000 + 2 * 1100 + 600, `${memory.heldBytes}`)
    }
  })

  it('drop no more than needed: a small part of the limit at a time', async () => {
    const { journals, memory } = open(200_000)
    for (let n = 0; n < 150; n++) await journals.append(`stream ${n % 10}`, [kilobyte], wide)
    memory.account().add(200_000 - memory.heldBytes + 1)
    const left = await Promise.all(Array.from({ length: 10 }, (_, n) => kept(journals, `stream ${n}`)))
    const sum = left.reduce((a, b) => a + b)
    assert.ok(sum >= 140 && sum < 150, `${sum}`)
    assert.ok(Math.min(...left) >= 13, 'the oldest of all, not all of one')
  })

  it('count exactly the bytes they hold, under any sequence of steps', async () => {
    const stream = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constant('append' as const), stream, fc.array(fc.nat(300), { maxLength: 5 })),
      },
      { weight: 2, arbitrary: fc.tuple(fc.constant('end' as const), stream, fc.constant([])) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('drop' as const), stream, fc.constant([])) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('dropAll' as const), stream, fc.constant([])) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('tail' as const), stream, fc.constant([])) },
      {
        weight: 2,
        arbitrary: fc.tuple(fc.constant('other' as const), stream, fc.array(fc.nat(3000), { maxLength: 2 })),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (sequence) => {
        const { journals, memory, close } = open(6000)
        const other = memory.account()
        for (const [what, name, sizes] of sequence) {
          const owner = { name: name === 'a' ? 'one' : 'two', bytes: 3000 }
          const bounds = { events: 6, bytes: 1000, ttlMs: 1000, owner }
          const events = sizes.map((size) => 'x'.repeat(size))
          if (what === 'append') await journals.append(name, events, bounds)
          if (what === 'end') await journals.end(name, 1000)
          if (what === 'drop') await journals.drop(name)
          if (what === 'dropAll') await journals.dropAll(owner.name)
          if (what === 'tail') journals.tail(name, () => {})
          if (what === 'other') for (const size of sizes) if (other.take(size) === 'reserved') other.release(size / 2)
          const pages = await Promise.all(['a', 'b', 'c'].map((one) => journals.read(one, undefined)))
          let held = other.heldBytes
          for (const page of pages)
            if (typeof page === 'object') held += 512 + page.events.reduce((sum, { data }) => sum + data.length + 64, 0)
          assert.equal(memory.heldBytes, held)
        }
        other.close()
        await close()
        assert.equal(memory.heldBytes, 0)
      }),
      { numRuns: 300 },
    )
  })
})
