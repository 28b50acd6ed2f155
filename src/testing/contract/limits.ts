/** What `Limits` promises. The decisions of each algorithm are tested beside it. */
import assert from 'node:assert/strict'
import type { Algorithm } from '../../backplane/backplane.ts'
import type { ContractTest } from './fixture.ts'

/**
 * An algorithm that allows a cost of `limit` within `windowMs` of the first cost, to test what a store does with an
 * algorithm. A store that has its own implementation of each algorithm needs one of this, too.
 */
export function contractWindow(limit: number, windowMs: number): Algorithm {
  return {
    name: 'contract-window',
    rule: [limit, windowMs],
    step(state, nowMs, cost) {
      const [used = 0, endMs = nowMs + windowMs] = state ?? []
      const allowed = used + cost <= limit
      const after = allowed ? used + cost : used
      const decision = { allowed, remaining: limit - after, retryAfterMs: allowed ? 0 : endMs - nowMs }
      return { state: [after, endMs], decision, ttlMs: endMs - nowMs }
    },
  }
}

export function limitsContract(contractTest: ContractTest): void {
  contractTest(
    'of many takes at once on several instances, as many as the limit are allowed',
    async ({ a, b, tickMs }) => {
      const five = contractWindow(5, 100 * tickMs)
      const takes = Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).limits.take('key', five, 1))
      const decisions = await Promise.all(takes)
      const allowed = decisions.filter((decision) => decision.allowed)
      assert.deepEqual(allowed.map(({ remaining }) => remaining).sort(), [0, 1, 2, 3, 4])
      for (const { retryAfterMs } of allowed) assert.equal(retryAfterMs, 0)
    },
  )

  contractTest('the state follows the clock of the store', async ({ a, b, tickMs, pass }) => {
    const one = contractWindow(1, 4 * tickMs)
    await a.limits.take('key', one, 1)
    await pass(2)
    const refused = await b.limits.take('key', one, 1)
    assert.equal(refused.allowed, false)
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 2 * tickMs)
  })

  contractTest('the state expires after its time to live', async ({ a, b, tickMs, pass }) => {
    const one = contractWindow(1, 2 * tickMs)
    assert.equal((await a.limits.take('key', one, 1)).allowed, true)
    assert.equal((await b.limits.take('key', one, 1)).allowed, false)
    await pass(2)
    assert.equal((await b.limits.take('key', one, 1)).allowed, true)
  })

  contractTest('the algorithm gets the cost, and keys share no state', async ({ a, tickMs }) => {
    const five = contractWindow(5, 100 * tickMs)
    assert.equal((await a.limits.take('one', five, 4)).remaining, 1)
    assert.equal((await a.limits.take('one', five, 2)).allowed, false)
    assert.equal((await a.limits.take('two', five, 5)).remaining, 0)
  })
}
