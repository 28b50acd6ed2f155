/** What `Journals` promises of the journals of one owner. */
import assert from 'node:assert/strict'
import type { Position } from '../../backplane/backplane.ts'
import { wide } from './journals.ts'
import type { ContractTest } from './fixture.ts'
import { until } from './until.ts'

export function journalOwnersContract(contractTest: ContractTest): void {
  contractTest(
    'the journals of one owner share a bound: ended journals are dropped first, then the oldest events',
    async ({ a, b, tickMs }) => {
      const owner = { name: 'owner', bytes: 110_000 }
      const bounds = { ...wide(tickMs), owner }
      const text = (what: string): string => what.padEnd(30_000, '.')
      const isThere = async (stream: string, after?: Position): Promise<boolean> => {
        const page = await b.journals.read(stream, after)
        return typeof page === 'object' && page.missed === 0
      }
      const first = await a.journals.append('ends second', [text('1')], bounds)
      await a.journals.append('ends first', [text('2')], bounds)
      const start = await b.journals.append('goes on', [], bounds)
      await b.journals.append('goes on', [text('3')], bounds)
      await a.journals.append('of no owner', [text('4')], wide(tickMs))
      await a.journals.end('ends first', 100 * tickMs)
      await a.journals.end('ends second', 100 * tickMs)
      await b.journals.append('goes on', [text('5')], bounds)
      assert.deepEqual([await isThere('ends first'), await isThere('ends second')], [false, true])
      await b.journals.append('goes on', [text('6')], bounds)
      assert.equal(await b.journals.read('ends second', first), 'unknown')
      assert.ok(await isThere('goes on', start))
      await b.journals.append('goes on', [text('7')], bounds)
      assert.equal(await b.journals.read('goes on', start), 'expired')
      const rest = await b.journals.read('goes on', undefined)
      assert.ok(typeof rest === 'object')
      assert.equal(rest.events.at(-1)?.data, text('7'))
      assert.ok(await isThere('of no owner'))
    },
  )

  contractTest('dropAll drops all journals of an owner, ended or not, and no other journals', async (fixture) => {
    const { a, b, tickMs } = fixture
    const bounds = { ...wide(tickMs), owner: { name: 'owner', bytes: 100_000 } }
    const first = await a.journals.append('stream', ['one'], bounds)
    await b.journals.append('ended', ['two'], bounds)
    await b.journals.end('ended', 100 * tickMs)
    await b.journals.append('other', ['three'], { ...bounds, owner: { name: 'another', bytes: 100_000 } })
    await a.journals.append('of no owner', ['four'], wide(tickMs))
    await b.journals.dropAll('owner')
    await b.journals.dropAll('unknown')
    const found = ['stream', 'ended', 'other', 'of no owner'].map((stream) => a.journals.read(stream, undefined))
    assert.deepEqual(
      (await Promise.all(found)).map((page) => typeof page),
      ['string', 'string', 'object', 'object'],
    )
    const second = await a.journals.append('stream', ['anew'], bounds)
    assert.equal(second.offset, 1)
    assert.notEqual(second.epoch, first.epoch)
  })

  contractTest('the tail of a stream is woken when the journals of its owner are dropped', async ({ a, b, tickMs }) => {
    const bounds = { ...wide(tickMs), owner: { name: 'owner', bytes: 100_000 } }
    await a.journals.append('stream', ['one'], bounds)
    let wakes = 0
    b.journals.tail('stream', () => void wakes++)
    await a.journals.dropAll('owner')
    await until('a wake', () => wakes > 0)
    assert.equal(await b.journals.read('stream', undefined), 'unknown')
  })
}
