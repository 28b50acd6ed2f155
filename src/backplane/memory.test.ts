import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, it } from 'vitest'
import { manualClock, type Clock, type Timer } from '../base/clock.ts'
import type { Algorithm, Backplane, Decision } from './backplane.ts'
import { sweepEveryMs } from './memory/store.ts'
import { createMemoryBackplane } from './memory.ts'

const bounds = { events: 10, bytes: 1000, ttlMs: 1000 }

describe('the backplane in memory', () => {
  it('has done its work when a method returns', async () => {
    const { records, slots, journals, mailboxes } = createMemoryBackplane({ clock: manualClock() })
    const seen: string[] = []
    journals.tail('stream', () => seen.push('woken'))
    mailboxes.receive('instance', () => seen.push('taken'))
    const pending = [
      journals.append('stream', ['event'], bounds).then(() => seen.push('appended')),
      mailboxes.send('instance', {}).then(() => seen.push('sent')),
    ]
    assert.deepEqual(seen, ['woken', 'taken'])
    await Promise.all(pending)
    const [first, second] = [records.create('key', {}, 1000), records.create('key', {}, 1000)]
    const [held, full] = [slots.claim('name', 'h1', 1, 1000), slots.claim('name', 'h2', 1, 1000)]
    assert.deepEqual(await Promise.all([first, second, held, full]), [true, false, true, false])
  })

  it('returns the same frozen record to every reader, without a copy', async () => {
    const { records } = createMemoryBackplane({ clock: manualClock() })
    const value = { nested: { list: [{}] } }
    await records.create('key', value, 1000)
    const read = await records.read('key')
    assert.equal(read, await records.read('key', 1000))
    assert.equal(read?.value, value)
    assert.ok([value, value.nested, value.nested.list, value.nested.list[0]].every(Object.isFrozen))
  })

  it('needs a single timer, and none after it was closed', async () => {
    const { clock, timers } = countingClock()
    const { records, slots, journals, close } = createMemoryBackplane({ clock })
    for (let n = 0; n < 100; n++) {
      await records.create(`key ${n}`, {}, 1000)
      await slots.claim(`name ${n}`, 'holder', 1, 1000)
      await journals.append(`stream ${n}`, ['event'], bounds)
    }
    assert.equal(timers(), 1)
    await close()
    assert.equal(timers(), 0)
  })

  const fills: Readonly<Record<string, (backplane: Backplane, n: number) => unknown>> = {
    records: ({ records }, n) => records.create(`key ${n}`, { n }, 1000),
    slots: ({ slots }, n) => slots.claim(`name ${n}`, 'holder', 1, 1000),
    limits: ({ limits }, n) => limits.take(`key ${n}`, remembering, 1),
    journals: ({ journals }, n) => journals.append(`stream ${n}`, ['event'], bounds),
  }

  it.each(Object.keys(fills))('frees by itself the memory of expired %s', (kind) => {
    const clock = manualClock()
    const backplane = createMemoryBackplane({ clock })
    const { held, left } = heldAndLeft(
      (n) => fills[kind]?.(backplane, n),
      () => clock.advance(sweepEveryMs),
    )
    assert.ok(left < held / 2, `${left} of ${held} bytes left`)
    // The backplane is still in use here, so its memory was not freed with the backplane itself.
    assert.ok(backplane.records)
  })

  it.each(['tails', 'receivers'])('lets go of its %s when it is closed', (kind) => {
    const backplane = createMemoryBackplane({ clock: manualClock() })
    const { held, left } = heldAndLeft(
      (n) =>
        kind === 'tails'
          ? backplane.journals.tail(`stream ${n}`, () => n)
          : backplane.mailboxes.receive(`at ${n}`, () => n),
      () => void backplane.close(),
    )
    assert.ok(left < held / 2, `${left} of ${held} bytes left`)
    assert.ok(backplane.records)
  })

  it('forgets the state of a limit at once when the time to live of a step is 0', async () => {
    const { limits } = createMemoryBackplane({ clock: manualClock() })
    const everyOther: Algorithm = {
      name: 'every-other',
      rule: [],
      step: (state) => ({ state: [1], decision: { ...decision, allowed: !state }, ttlMs: state ? 0 : 1000 }),
    }
    for (const allowed of [true, false, true, false]) {
      assert.equal((await limits.take('key', everyOther, 1)).allowed, allowed)
    }
  })

  it('frees dropped events at once, not only when the arrays are cut', async () => {
    const { journals } = createMemoryBackplane({ clock: manualClock() })
    const append = (): Promise<unknown> =>
      journals.append('stream', [Buffer.alloc(100_000, 'x').toString('latin1')], {
        ...bounds,
        events: 200,
        bytes: 10_000_000,
      })
    for (let n = 0; n < 100; n++) await append()
    const before = heapBytes()
    for (let n = 0; n < 100; n++) await append()
    assert.ok(heapBytes() - before < 3_000_000)
    await journals.drop('stream')
  })

  it('cuts the arrays after events were dropped', async () => {
    const { journals } = createMemoryBackplane({ clock: manualClock() })
    const batch = Array.from({ length: 1000 }, () => 'x')
    const before = heapBytes()
    for (let n = 0; n < 500; n++) await journals.append('stream', batch, bounds)
    assert.ok(heapBytes() - before < 1_000_000)
    await journals.drop('stream')
  })

  it('costs nothing for a stream that was only read, and little for one that is tailed', async () => {
    const { journals } = createMemoryBackplane({ clock: manualClock() })
    const before = heapBytes()
    for (let n = 0; n < 50_000; n++) await journals.read(`stream ${n}`, undefined)
    const asked = heapBytes() - before
    const stops: Array<() => void> = []
    for (let n = 0; n < 10_000; n++) stops.push(journals.tail(`stream ${n}`, () => {}))
    const tailed = heapBytes() - before
    for (const stop of stops) stop()
    assert.ok(asked < 50_000 * 20, `${asked} bytes`)
    assert.ok(tailed - asked < 10_000 * 600, `${tailed - asked} bytes`)
  })

  it('takes less than 300 bytes for an idle record besides its value', async () => {
    const { records } = createMemoryBackplane({ clock: manualClock() })
    const value = {}
    const before = heapBytes()
    for (let n = 0; n < 10_000; n++) await records.create(`key ${n}`, value, 1000)
    const each = (heapBytes() - before) / 10_000
    assert.ok(each < 300, `${each} bytes`)
    assert.ok(await records.read('key 1'))
  })
})

const decision: Decision = { allowed: true, remaining: 0, retryAfterMs: 0 }

const remembering: Algorithm = {
  name: 'remembering',
  rule: [],
  step: (_, nowMs) => ({ state: [nowMs], decision, ttlMs: 1000 }),
}

/** Bytes held by 20,000 entries of a kind, and bytes left after `forget`. */
function heldAndLeft(fill: (n: number) => unknown, forget: () => void): { held: number; left: number } {
  const before = heapBytes()
  for (let n = 0; n < 20_000; n++) fill(n)
  const held = heapBytes() - before
  forget()
  return { held, left: heapBytes() - before }
}

/** A manual clock that counts the timers that are set. */
function countingClock(): { clock: Clock; timers: () => number } {
  const clock = manualClock()
  let timers = 0
  const count = (timer: Timer): Timer => {
    timers++
    return {
      stop() {
        timers--
        timer.stop()
      },
    }
  }
  return {
    clock: {
      now: clock.now,
      after: (ms, task) => count(clock.after(ms, task)),
      every: (ms, task) => count(clock.every(ms, task)),
    },
    timers: () => timers,
  }
}

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** The size of the heap after a full garbage collection. */
function heapBytes(): number {
  // A second collection frees what only the first one made unreachable.
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
