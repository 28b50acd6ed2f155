import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Call } from '../../protocol/call.ts'
import { PendingCall } from './pending-call.ts'
import { PendingCalls } from './pending-calls.ts'

const call: Call = {
  id: '1',
  method: 'tools/call',
  params: undefined,
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  principal: { tenant: '', subject: '' },
  session: undefined,
  fairnessKey: 'c',
  clientKey: 'c',
  progressToken: undefined,
  logLevel: undefined,
  process: undefined,
  cancel: new Cancel(),
}

const memory = createMemoryBudget(Infinity)
const waiting = holderOf(new Transfers(memory, manualClock(), Infinity, () => {}), memory.account())

type Step =
  | { readonly do: 'add' }
  | { readonly do: 'nextId' }
  | { readonly do: 'remove' | 'end'; readonly at: number }
  | { readonly do: 'get'; readonly id: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('nextId' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'end' as const), at: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('get' as const), id: fc.oneof(fc.integer(), fc.double()) }) },
  ),
  { maxLength: 80 },
)

test('an id finds its exchange as long as it is there, and after that nobody, however places are used again', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const exchanges = new PendingCalls()
      const given = new Set<number>()
      const ever: PendingCall[] = []
      let live: PendingCall[] = []
      const note = (id: number): number => {
        assert(Number.isSafeInteger(id) && !given.has(id), 'an id is exact, and given once')
        given.add(id)
        return id
      }
      for (const step of sequence) {
        if (step.do === 'add') {
          const exchange = exchanges.add((id) => new PendingCall(call, note(id), 0, 0, waiting))
          assert(exchange)
          ever.push(exchange)
          live.push(exchange)
        } else if (step.do === 'nextId') assert.equal(exchanges.get(note(exchanges.nextId())), undefined)
        else if (step.do === 'get')
          assert.equal(
            exchanges.get(step.id),
            live.find(({ id }) => id === step.id),
          )
        else {
          const exchange = ever[step.at]
          if (step.do === 'end') exchange?.fail(new Refusal('cancelled'))
          else if (exchange) {
            assert.equal(exchanges.remove(exchange), live.includes(exchange))
            live = live.filter((one) => one !== exchange)
          }
        }
        assert.equal(exchanges.size, live.length)
        assert.deepEqual(new Set(exchanges.all()), new Set(live))
        assert.equal(
          exchanges.youngest(),
          live.findLast(({ ended }) => !ended),
        )
        for (const exchange of ever)
          assert.equal(exchanges.get(exchange.id), live.includes(exchange) ? exchange : undefined)
      }
      assert.equal(exchanges.get(Number.NaN), undefined)
    }),
    { numRuns: 300 },
  )
})

test('there is a bound, and a place that was given back can be had again', () => {
  const exchanges = new PendingCalls()
  const all: PendingCall[] = []
  for (;;) {
    const exchange = exchanges.add((id) => new PendingCall(call, id, 0, 0, waiting))
    if (!exchange) break
    all.push(exchange)
  }
  expect(all).toHaveLength(65_535)
  const [first] = all
  assert(first)
  exchanges.remove(first)
  const again = exchanges.add((id) => new PendingCall(call, id, 0, 0, waiting))
  expect(again?.id).not.toBe(first.id)
  expect(exchanges.get(first.id)).toBeUndefined()
})
