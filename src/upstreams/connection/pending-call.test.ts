/** Updates and results that are not taken: counted, and dropped when the memory is needed elsewhere. */
import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { createMemoryBudget, type MemoryBudget } from '../../base/memory-budget.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Call, Outcome, Update } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'
import { PendingCall } from './pending-call.ts'

const call: Call = {
  id: '1',
  method: 'tools/call',
  params: undefined,
  client: { era: 'legacy', version: '', capabilities: {}, info: undefined },
  principal: { tenant: '', subject: '' },
  session: undefined,
  fairnessKey: 'c',
  clientKey: 'c',
  progressToken: undefined,
  logLevel: undefined,
  worker: undefined,
  cancel: new Cancel(),
}
const outcome: Outcome = { answer: { kind: 'result', result: rawObject({}) }, era: 'legacy', worker: undefined }

function fixture(limitBytes = 1_000_000): { clock: ManualClock; memory: MemoryBudget; pending: PendingCall } {
  const clock = manualClock()
  const memory = createMemoryBudget(limitBytes)
  const holder = holderOf(new Transfers(memory, clock, Infinity, () => {}), memory.account())
  return { clock, memory, pending: new PendingCall(call, 1, 0, 0, holder) }
}

const note = (chars: number): Update => ({
  kind: 'notification',
  method: 'notifications/message',
  params: rawObject({ data: 'x'.repeat(chars) }),
})

test('updates that are taken at once or soon are not counted', () => {
  const { memory, pending } = fixture()
  for (let i = 0; i < 10; i++) pending.offer(note(100))
  expect(memory.heldBytes).toBe(0)
})

test('waiting updates are counted until they are taken', () => {
  const { memory, pending } = fixture()
  for (let i = 0; i < 3; i++) pending.offer(note(20_000))
  expect(memory.heldBytes).toBeGreaterThan(80_000)
  for (let i = 0; i < 3; i++) expect(pending.take()).toBeDefined()
  expect(memory.heldBytes).toBe(0)
  pending.settle(outcome, 50_000)
  expect(memory.heldBytes).toBe(50_000)
  pending.abandon()
  expect(memory.heldBytes).toBe(0)
})

test('when the memory is needed, a call whose updates are not taken fails, and input requests are answered', () => {
  const { clock, memory, pending } = fixture(200_000)
  const answers: unknown[] = []
  pending.offer(note(20_000))
  pending.offer({
    kind: 'input_request',
    method: 'roots/list',
    params: undefined,
    answer: (answer) => void answers.push(answer),
    withdrawn: new Cancel(),
  })
  pending.settle(outcome, 150_000)
  clock.advance(999)
  expect(memory.account().take(190_000)).toBe('budget')
  clock.advance(101)
  expect(memory.account().take(190_000)).toBe('reserved')
  expect(pending.take()).toBeUndefined()
  expect(() => pending.outcome()).toThrow(expect.objectContaining({ code: 'overloaded' }))
  expect(answers).toEqual([errorAnswer(-32603, 'The call is over')])
})
