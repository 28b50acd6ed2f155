/** What `Records` promises. */
import assert from 'node:assert/strict'
import type { ContractTest } from './fixture.ts'

export function recordsContract(contractTest: ContractTest): void {
  contractTest('another instance reads a record that one instance created', async ({ a, b, tickMs }) => {
    const value = { text: 'gr\u00fc\u00df \u{1f600}', nested: { list: [1, null, true, ''] } }
    assert.equal(await a.records.create('key', value, 10 * tickMs), true)
    assert.deepEqual((await b.records.read('key'))?.value, value)
    assert.equal(await b.records.read('other'), undefined)
  })

  contractTest(
    'of many creates of one record at once, one succeeds and its value is stored',
    async ({ a, b, tickMs }) => {
      const tries = Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).records.create('key', { n }, 10 * tickMs))
      const made = await Promise.all(tries)
      assert.equal(made.filter(Boolean).length, 1)
      assert.deepEqual((await a.records.read('key'))?.value, { n: made.indexOf(true) })
    },
  )

  contractTest('a record is replaced only under its current version', async ({ a, b, tickMs }) => {
    await a.records.create('key', { n: 1 }, 10 * tickMs)
    const first = await a.records.read('key')
    assert.ok(first)
    const both = [a, b].map(({ records }, n) => records.replace('key', { by: n }, first.version, 10 * tickMs))
    const replaced = await Promise.all(both)
    assert.equal(replaced.filter(Boolean).length, 1)
    const second = await b.records.read('key')
    assert.deepEqual(second?.value, { by: replaced.indexOf(true) })
    assert.ok(second.version > first.version)
    assert.equal(await a.records.replace('key', { late: true }, first.version, 10 * tickMs), false)
    assert.deepEqual(await b.records.read('key'), second)
  })

  contractTest('a late replace does not bring back a removed record', async ({ a, b, tickMs }) => {
    await a.records.create('key', {}, 10 * tickMs)
    const version = (await a.records.read('key'))?.version ?? 0
    assert.equal(await b.records.remove('key'), true)
    assert.equal(await b.records.remove('key'), false)
    assert.equal(await a.records.replace('key', {}, version, 10 * tickMs), false)
    assert.equal(await a.records.read('key'), undefined)
  })

  contractTest(
    'a version from before a remove does not match the record created after it',
    async ({ a, b, tickMs }) => {
      await a.records.create('key', {}, 10 * tickMs)
      const version = (await a.records.read('key'))?.version ?? 0
      await b.records.remove('key')
      await b.records.create('key', { second: true }, 10 * tickMs)
      assert.equal(await a.records.replace('key', { first: true }, version, 10 * tickMs), false)
      assert.deepEqual((await a.records.read('key'))?.value, { second: true })
    },
  )

  contractTest('after its time to live, no method finds a record', async ({ a, b, tickMs, pass }) => {
    await a.records.create('key', { n: 1 }, 2 * tickMs)
    const version = (await a.records.read('key'))?.version ?? 0
    await pass(1)
    assert.ok(await b.records.read('key'))
    await pass(1)
    assert.equal(await b.records.replace('key', { n: 2 }, version, 2 * tickMs), false)
    assert.equal(await b.records.remove('key'), false)
    assert.equal(await b.records.read('key', 2 * tickMs), undefined)
    assert.equal(await b.records.create('key', { n: 3 }, 2 * tickMs), true)
  })

  contractTest(
    'a read extends the time to live only if asked to, and does not change the version',
    async ({ a, b, tickMs, pass }) => {
      await a.records.create('read', {}, 2 * tickMs)
      await a.records.create('extended', {}, 2 * tickMs)
      const before = await a.records.read('extended')
      await pass(1)
      await b.records.read('read')
      assert.deepEqual(await b.records.read('extended', 3 * tickMs), before)
      await pass(2)
      assert.equal(await a.records.read('read'), undefined)
      assert.deepEqual(await a.records.read('extended'), before)
      await pass(1)
      assert.equal(await a.records.read('extended'), undefined)
    },
  )

  contractTest('the time left of a record counts from its last write or extension', async ({ a, b, tickMs, pass }) => {
    const between = async (least: number, most: number): Promise<void> => {
      const left = (await b.records.timeLeft('key')) ?? Number.NaN
      assert.ok(left > least * tickMs && left <= most * tickMs, `${left} ms are left`)
    }
    assert.equal(await a.records.timeLeft('key'), undefined)
    await a.records.create('key', {}, 10 * tickMs)
    await between(9, 10)
    await pass(2)
    await between(7, 8)
    await a.records.read('key')
    await between(7, 8)
    await a.records.read('key', 20 * tickMs)
    await between(19, 20)
    const version = (await a.records.read('key'))?.version ?? 0
    await a.records.replace('key', {}, version, 5 * tickMs)
    await between(4, 5)
    await a.records.remove('key')
    assert.equal(await b.records.timeLeft('key'), undefined)
  })

  contractTest('an extension counts from now, even if the record then expires sooner', async ({ a, tickMs, pass }) => {
    await a.records.create('key', {}, 10 * tickMs)
    await a.records.read('key', tickMs)
    await pass(1)
    assert.equal(await a.records.read('key'), undefined)
  })

  contractTest('a replace gives the record its own time to live', async ({ a, tickMs, pass }) => {
    await a.records.create('key', {}, 2 * tickMs)
    const version = (await a.records.read('key'))?.version ?? 0
    await a.records.replace('key', {}, version, 4 * tickMs)
    await pass(3)
    assert.ok(await a.records.read('key'))
    await pass(1)
    assert.equal(await a.records.read('key'), undefined)
  })

  contractTest('changing a value that was read or written does not change the record', async ({ a, b, tickMs }) => {
    const nested: Record<string, unknown> = { kept: true }
    await a.records.create('key', { nested }, 10 * tickMs)
    const out = (await a.records.read('key'))?.value['nested']
    for (const held of [nested, out]) {
      // A store that copies allows this change, one that shares must freeze the value; either way the record is
      // unchanged.
      if (typeof held === 'object' && held !== null) Reflect.set(held, 'kept', false)
    }
    assert.deepEqual((await b.records.read('key'))?.value, { nested: { kept: true } })
  })

  contractTest('keys are opaque: similar keys name different records', async ({ a, b, tickMs }) => {
    const keys = [
      '__proto__',
      'constructor',
      'a',
      'A',
      'a ',
      'a:b',
      '{a}:b',
      'a*',
      '\u00e4',
      'a\u0308',
      'x'.repeat(500),
    ]
    for (const key of keys) assert.equal(await a.records.create(key, { key }, 10 * tickMs), true, key)
    for (const key of keys) assert.deepEqual((await b.records.read(key))?.value, { key })
  })
}
