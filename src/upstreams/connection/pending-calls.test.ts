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
  worker: undefined,
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

test('an id finds its call while that is in flight, and no call after that, however often indexes are reused', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const pendingCalls = new PendingCalls()
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
          const pending = pendingCalls.add((id) => new PendingCall(call, note(id), 0, 0, waiting))
          assert(pending)
          ever.push(pending)
          live.push(pending)
        } else if (step.do === 'nextId') assert.equal(pendingCalls.get(note(pendingCalls.nextId())), undefined)
        else if (step.do === 'get')
          assert.equal(
            pendingCalls.get(step.id),
            live.find(({ id }) => id === step.id),
          )
        else {
          const pendingCall = ever[step.at]
          if (step.do === 'end') pendingCall?.fail(new Refusal('cancelled'))
          else if (pendingCall) {
            assert.equal(pendingCalls.remove(pendingCall), live.includes(pendingCall))
            live = live.filter((one) => one !== pendingCall)
          }
        }
        assert.equal(pendingCalls.size, live.length)
        assert.deepEqual(new Set(pendingCalls.all()), new Set(live))
        assert.equal(
          pendingCalls.youngest(),
          live.findLast(({ ended }) => !ended),
        )
        for (const exchange of ever)
          assert.equal(pendingCalls.get(exchange.id), live.includes(exchange) ? exchange : undefined)
      }
      assert.equal(pendingCalls.get(Number.NaN), undefined)
    }),
    { numRuns: 300 },
  )
})

test('the number of calls is bounded, and a freed index can be used again', () => {
  const pendingCalls = new PendingCalls()
  const all: PendingCall[] = []
  for (;;) {
    const pending = pendingCalls.add((id) => new PendingCall(call, id, 0, 0, waiting))
    if (!pending) break
    all.push(pending)
  }
  expect(all).toHaveLength(65_535)
  const [first] = all
  assert(first)
  pendingCalls.remove(first)
  const again = pendingCalls.add((id) => new PendingCall(call, id, 0, 0, waiting))
  expect(again?.id).not.toBe(first.id)
  expect(pendingCalls.get(first.id)).toBeUndefined()
})
