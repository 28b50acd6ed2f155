/**
 * What `Journals` promises. A property test of the memory version checks bounds and order under any sequence of steps.
 */
import assert from 'node:assert/strict'
import type { Backplane, JournalBounds, Position, StoredEvent } from '../../backplane/backplane.ts'
import type { ContractTest } from './fixture.ts'
import { until } from './until.ts'

interface Rest {
  readonly events: readonly StoredEvent[]
  readonly ended: boolean
  readonly missed: number
}

/** Reads all pages. */
async function readAll(from: Backplane, after: Position | undefined): Promise<Rest | 'unknown' | 'expired'> {
  const events: StoredEvent[] = []
  let missed: number | undefined
  for (let position = after; ;) {
    const page = await from.journals.read('stream', position)
    if (typeof page === 'string') return page
    missed ??= page.missed
    events.push(...page.events)
    const last = page.events.at(-1)
    if (page.ended || !last) return { events, ended: page.ended, missed }
    position = { epoch: page.epoch, offset: last.offset }
  }
}

function stored(first: number, ...data: string[]): StoredEvent[] {
  return data.map((text, at) => ({ offset: first + at, data: text }))
}

/** Bounds that no test reaches. */
export function wide(tickMs: number): JournalBounds {
  return { events: 1000, bytes: 1_000_000, ttlMs: 100 * tickMs }
}

export function journalsContract(contractTest: ContractTest): void {
  contractTest('another instance reads the events in order, at offsets from 1 on', async ({ a, b, tickMs }) => {
    const text = 'gr\u00fc\u00df\n\u{1f600}'
    await a.journals.append('stream', ['one', ''], wide(tickMs))
    const last = await b.journals.append('stream', [text], wide(tickMs))
    assert.equal(last.offset, 3)
    assert.match(last.epoch, /^[A-Za-z0-9_-]{1,32}$/)
    assert.deepEqual(await readAll(a, undefined), { events: stored(1, 'one', '', text), ended: false, missed: 0 })
  })

  contractTest('a reader with a position gets what comes after it', async ({ a, b, tickMs }) => {
    const { epoch } = await a.journals.append('stream', ['one', 'two', 'three'], wide(tickMs))
    for (const [offset, data] of [
      [0, ['one', 'two', 'three']],
      [2, ['three']],
      [3, []],
    ] as const) {
      const rest = await readAll(b, { epoch, offset })
      assert.deepEqual(rest, { events: stored(offset + 1, ...data), ended: false, missed: 0 })
    }
  })

  contractTest(
    'the events of concurrent appends are all stored, those of each append together',
    async ({ a, b, tickMs }) => {
      const appends = Array.from({ length: 20 }, (_, n) =>
        (n % 2 ? a : b).journals.append('stream', [`${n} first`, `${n} second`], wide(tickMs)),
      )
      const lasts = await Promise.all(appends)
      const rest = await readAll(a, undefined)
      assert.ok(typeof rest !== 'string')
      assert.equal(rest.events.length, 40)
      lasts.forEach(({ offset }, n) => {
        const two = rest.events.slice(offset - 2, offset)
        assert.deepEqual(two, stored(offset - 1, `${n} first`, `${n} second`))
      })
    },
  )

  contractTest(
    'an append without events begins a journal and returns the position to start from',
    async ({ a, b, tickMs }) => {
      const start = await a.journals.append('stream', [], wide(tickMs))
      assert.equal(start.offset, 0)
      assert.deepEqual(await readAll(b, start), { events: [], ended: false, missed: 0 })
      const next = await b.journals.append('stream', ['one'], wide(tickMs))
      assert.deepEqual(next, { epoch: start.epoch, offset: 1 })
      assert.deepEqual(await b.journals.append('stream', [], wide(tickMs)), next)
    },
  )

  contractTest(
    'beyond the bound of events the oldest are dropped, and a reader that needs them gets expired',
    async ({ a, b, tickMs }) => {
      const bounds = { ...wide(tickMs), events: 3 }
      const { epoch } = await a.journals.append('stream', ['one', 'two'], bounds)
      await a.journals.append('stream', ['three', 'four', 'five'], bounds)
      const kept = stored(3, 'three', 'four', 'five')
      assert.equal(await readAll(b, { epoch, offset: 0 }), 'expired')
      assert.equal(await readAll(b, { epoch, offset: 1 }), 'expired')
      assert.deepEqual(await readAll(b, { epoch, offset: 2 }), { events: kept, ended: false, missed: 0 })
      assert.deepEqual(await readAll(b, undefined), { events: kept, ended: false, missed: 2 })
    },
  )

  contractTest('beyond the bound of bytes the oldest are dropped', async ({ a, b, tickMs }) => {
    const bounds = { ...wide(tickMs), bytes: 100 }
    const thirty = 'x'.repeat(30)
    await a.journals.append('stream', [thirty, thirty, thirty, 'y'.repeat(41)], bounds)
    const rest = await readAll(b, undefined)
    assert.deepEqual(rest, { events: stored(3, thirty, 'y'.repeat(41)), ended: false, missed: 2 })
  })

  contractTest('the newest event is kept even if it alone is beyond the bounds', async ({ a, b, tickMs }) => {
    const big = 'x'.repeat(500)
    await a.journals.append('stream', ['one', big], { ...wide(tickMs), bytes: 100 })
    assert.deepEqual(await readAll(b, undefined), { events: stored(2, big), ended: false, missed: 1 })
  })

  contractTest('a position that was never reached cannot be read from', async ({ a, b, tickMs }) => {
    const { epoch } = await a.journals.append('stream', ['one'], wide(tickMs))
    for (const offset of [2, 1e15, -1, 0.5, NaN]) assert.equal(await readAll(b, { epoch, offset }), 'expired')
    assert.equal(await readAll(b, { epoch: 'another', offset: 1 }), 'expired')
    assert.equal(await readAll(b, { epoch: '', offset: 0 }), 'expired')
  })

  contractTest(
    'a journal that was dropped and begun anew has another epoch and starts at 1',
    async ({ a, b, tickMs }) => {
      const first = await a.journals.append('stream', ['one'], wide(tickMs))
      await b.journals.drop('stream')
      assert.equal(await readAll(a, first), 'unknown')
      assert.equal(await readAll(a, undefined), 'unknown')
      const second = await a.journals.append('stream', ['new'], wide(tickMs))
      assert.equal(second.offset, 1)
      assert.notEqual(second.epoch, first.epoch)
      assert.equal(await readAll(b, first), 'expired')
      assert.deepEqual(await readAll(b, undefined), { events: stored(1, 'new'), ended: false, missed: 0 })
    },
  )

  contractTest(
    'a journal expires some time after its last append, and begins anew with another epoch',
    async ({ a, b, tickMs, pass }) => {
      const bounds = { ...wide(tickMs), ttlMs: 2 * tickMs }
      const first = await a.journals.append('stream', ['one'], bounds)
      await pass(1)
      await a.journals.append('stream', ['two'], bounds)
      await pass(1)
      assert.deepEqual(await readAll(b, first), { events: stored(2, 'two'), ended: false, missed: 0 })
      await pass(1)
      assert.equal(await readAll(b, first), 'unknown')
      const second = await b.journals.append('stream', ['new'], bounds)
      assert.equal(second.offset, 1)
      assert.notEqual(second.epoch, first.epoch)
    },
  )

  contractTest(
    'after its end a journal takes no events, and keeps those that it has for its retention',
    async ({ a, b, tickMs, pass }) => {
      const last = await a.journals.append('stream', ['one'], { ...wide(tickMs), ttlMs: tickMs })
      await a.journals.end('stream', 3 * tickMs)
      assert.deepEqual(await b.journals.append('stream', ['late'], wide(tickMs)), last)
      await pass(2)
      assert.deepEqual(await readAll(b, undefined), { events: stored(1, 'one'), ended: true, missed: 0 })
      assert.deepEqual(await readAll(b, last), { events: [], ended: true, missed: 0 })
      await b.journals.end('stream', 100 * tickMs)
      await pass(1)
      assert.equal(await readAll(b, last), 'unknown')
    },
  )

  contractTest('a later reader finds the end of a stream without events', async ({ a, b, tickMs, pass }) => {
    await a.journals.end('stream', 2 * tickMs)
    await pass(1)
    assert.deepEqual(await readAll(b, undefined), { events: [], ended: true, missed: 0 })
    await pass(1)
    assert.equal(await readAll(b, undefined), 'unknown')
  })

  contractTest('streams share nothing', async ({ a, b, tickMs }) => {
    await a.journals.append('other', ['theirs'], wide(tickMs))
    assert.equal(await readAll(b, undefined), 'unknown')
    await a.journals.append('stream', ['ours'], wide(tickMs))
    await a.journals.drop('other')
    assert.deepEqual(await readAll(b, undefined), { events: stored(1, 'ours'), ended: false, missed: 0 })
  })

  contractTest(
    'the tail of a stream is woken by appends, by the end and by a drop on any instance',
    async ({ a, b, tickMs }) => {
      let wakes = 0
      b.journals.tail('stream', () => void wakes++)
      await until('a wake by an append', async () => {
        await a.journals.append('stream', ['one'], wide(tickMs))
        return wakes > 0
      })
      for (const step of [() => a.journals.end('stream', 10 * tickMs), () => a.journals.drop('stream')]) {
        // Waits until late wakes of earlier steps have come, so that the next wake belongs to this step.
        for (let seen = -1; seen !== wakes;) {
          seen = wakes
          await b.journals.read('stream', undefined)
        }
        const before = wakes
        await step()
        await until('a wake by an end and a drop', () => wakes > before)
      }
    },
  )

  contractTest('a reader that is woken finds the event that woke it', async ({ a, b, tickMs }) => {
    const found: Array<Promise<unknown>> = []
    b.journals.tail('stream', () => void found.push(b.journals.read('stream', undefined)))
    await until('a wake', async () => {
      await a.journals.append('stream', ['one'], wide(tickMs))
      return found.length > 0
    })
    assert.notEqual(await found[0], 'unknown')
  })

  contractTest(
    'a stopped tail is not woken, and a tail that throws does not affect others',
    async ({ a, b, tickMs }) => {
      let stopped = 0
      let wakes = 0
      b.journals.tail('stream', () => {
        throw new Error('of the reader')
      })
      const stop = b.journals.tail('stream', () => void stopped++)
      b.journals.tail('stream', () => void wakes++)
      stop()
      stop()
      await until('a wake', async () => {
        await a.journals.append('stream', ['one'], wide(tickMs))
        return wakes > 0
      })
      assert.equal(stopped, 0)
    },
  )

  contractTest('a tail that another stops while it is woken is not woken any more', async ({ a, b, tickMs }) => {
    const wakes: string[] = []
    b.journals.tail('stream', () => {
      wakes.push('first')
      stop()
    })
    const stop = b.journals.tail('stream', () => wakes.push('second'))
    await until('a wake', async () => {
      await a.journals.append('stream', ['one'], wide(tickMs))
      return wakes.length > 0
    })
    assert.ok(!wakes.includes('second'))
  })
}
