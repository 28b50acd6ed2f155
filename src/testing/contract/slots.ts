/** What `Slots` promises. */
import assert from 'node:assert/strict'
import type { ContractTest } from './fixture.ts'

export function slotsContract(contractTest: ContractTest): void {
  contractTest('of many claims at once, as many as the limit get a slot', async ({ a, b, tickMs }) => {
    const tries = Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).slots.claim('name', `h${n}`, 3, 10 * tickMs))
    assert.equal((await Promise.all(tries)).filter(Boolean).length, 3)
  })

  contractTest('a limit of 0 grants no slot', async ({ a, tickMs }) => {
    assert.equal(await a.slots.claim('name', 'h', 0, 10 * tickMs), false)
  })

  contractTest('names do not share their slots', async ({ a, b, tickMs }) => {
    assert.equal(await a.slots.claim('one', 'h1', 1, 10 * tickMs), true)
    assert.equal(await b.slots.claim('two', 'h2', 1, 10 * tickMs), true)
  })

  contractTest('a holder that claims again keeps its one slot, also under a lower limit', async ({ a, b, tickMs }) => {
    for (const holder of ['h1', 'h2', 'h1']) assert.equal(await a.slots.claim('name', holder, 2, 10 * tickMs), true)
    assert.equal(await b.slots.claim('name', 'h1', 1, 10 * tickMs), true)
    assert.equal(await b.slots.claim('name', 'h3', 2, 10 * tickMs), false)
    assert.equal(await b.slots.claim('name', 'h3', 3, 10 * tickMs), true)
  })

  contractTest('a released slot is free at once', async ({ a, b, tickMs }) => {
    await a.slots.claim('name', 'h1', 1, 10 * tickMs)
    assert.equal(await b.slots.claim('name', 'h2', 1, 10 * tickMs), false)
    await a.slots.release('name', 'h1')
    assert.equal(await b.slots.claim('name', 'h2', 1, 10 * tickMs), true)
  })

  contractTest(
    'a release by a holder without a slot, or a second release, frees no slot of another holder',
    async ({ a, b, tickMs }) => {
      await a.slots.claim('name', 'h1', 1, 10 * tickMs)
      await a.slots.release('name', 'h1')
      await b.slots.claim('name', 'h2', 1, 10 * tickMs)
      await a.slots.release('name', 'h1')
      await a.slots.release('unknown', 'h1')
      assert.equal(await a.slots.claim('name', 'h3', 1, 10 * tickMs), false)
    },
  )

  contractTest('the slot of a holder that does not renew it expires', async ({ a, b, tickMs, pass }) => {
    await a.slots.claim('name', 'silent', 1, 2 * tickMs)
    await pass(1)
    assert.equal(await b.slots.claim('name', 'next', 1, 2 * tickMs), false)
    await pass(1)
    assert.equal(await b.slots.claim('name', 'next', 1, 2 * tickMs), true)
  })

  contractTest('a slot that is renewed or claimed again does not expire', async ({ a, b, tickMs, pass }) => {
    await a.slots.claim('name', 'h1', 2, 2 * tickMs)
    await a.slots.claim('name', 'h2', 2, 2 * tickMs)
    for (let n = 0; n < 3; n++) {
      await pass(1)
      assert.equal(await a.slots.renew('name', 'h1', 2 * tickMs), true)
      assert.equal(await a.slots.claim('name', 'h2', 2, 2 * tickMs), true)
    }
    assert.equal(await b.slots.claim('name', 'h3', 2, 2 * tickMs), false)
  })

  contractTest(
    'an expired slot cannot be renewed, whether or not another holder has it',
    async ({ a, b, tickMs, pass }) => {
      await a.slots.claim('free', 'h1', 1, tickMs)
      await a.slots.claim('taken', 'h1', 1, tickMs)
      await pass(1)
      await b.slots.claim('taken', 'h2', 1, 10 * tickMs)
      assert.equal(await a.slots.renew('free', 'h1', 10 * tickMs), false)
      assert.equal(await a.slots.renew('taken', 'h1', 10 * tickMs), false)
      assert.equal(await a.slots.renew('never', 'h1', 10 * tickMs), false)
      assert.equal(await b.slots.claim('free', 'h2', 1, 10 * tickMs), true)
    },
  )

  contractTest(
    'a holder whose slot expired is counted like a new one when it claims again',
    async ({ a, b, tickMs, pass }) => {
      for (const limit of [1, 3]) {
        const name = `limit ${limit}`
        await a.slots.claim(name, 'h1', limit, tickMs)
        await pass(1)
        await b.slots.claim(name, 'h2', limit, 10 * tickMs)
        assert.equal(await a.slots.claim(name, 'h1', 1, 10 * tickMs), false)
      }
    },
  )
}
