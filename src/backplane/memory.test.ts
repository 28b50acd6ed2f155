import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, it } from 'vitest'
import { manualClock, type Clock, type Timer } from '../base/clock.ts'
import type { Algorithm, Decision } from './backplane.ts'
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

  it('hands out one frozen record to everybody, without a copy', async () => {
    const { records } = createMemoryBackplane({ clock: manualClock() })
    const value = { nested: { list: [{}] } }
    await records.create('key', value, 1000)
    const read = await records.read('key')
    assert.equal(read, await records.read('key', 1000))
    assert.equal(read?.value, value)
    assert.ok([value, value.nested, value.nested.list, value.nested.list[0]].every(Object.isFrozen))
  })

  it('needs one timer for everything, and none after it was closed', async () => {
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

  it('gives back by itself the memory of what nobody asks for any more', async () => {
    const clock = manualClock()
    const { records, slots, limits, journals } = createMemoryBackplane({ clock })
    const forgotten: Algorithm = {
      name: 'forgotten',
      rule: [],
      step: () => ({ state: Array.from({ length: 20 }, (_, n) => n), decision, ttlMs: 1000 }),
    }
    const before = heapBytes()
    for (let n = 0; n < 5000; n++) {
      await records.create(`key ${n}`, { n }, 1000)
      await slots.claim(`name ${n}`, 'holder', 1, 1000)
      await limits.take(`key ${n}`, forgotten, 1)
      await journals.append(`stream ${n}`, ['event'], bounds)
    }
    const held = heapBytes() - before
    clock.advance(sweepEveryMs)
    const left = heapBytes() - before
    assert.ok(left < held / 4, `${left} of ${held} bytes left`)
    // Used again, so that it is not the end of the backplane that gave the memory back.
    assert.equal(await records.create('key 1', {}, 1000), true)
  })

  it('forgets dropped events, not only their numbers', async () => {
    const { journals } = createMemoryBackplane({ clock: manualClock() })
    const append = (n: number): Promise<unknown> => journals.append('stream', [`${n}`.padEnd(10_000, '.')], { ...bounds, bytes: 100_000 })
    for (let n = 0; n < 20; n++) await append(n)
    const before = heapBytes()
    for (let n = 0; n < 2000; n++) await append(n)
    assert.ok(heapBytes() - before < 2_000_000)
    await journals.drop('stream')
  })

  it('costs nothing for a stream that was only asked for, and little for one that is tailed', async () => {
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

  it('takes less than 300 bytes for an idle record, its value apart', async () => {
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

/** A manual clock that tells how many timers are set. */
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
    clock: { now: clock.now, after: (ms, task) => count(clock.after(ms, task)), every: (ms, task) => count(clock.every(ms, task)) },
    timers: () => timers,
  }
}

/** What is on the heap after everything unreachable was collected. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
