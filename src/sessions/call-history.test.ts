import { expect, test } from 'vitest'
import { createMemoryBudget } from '../base/memory-budget.ts'
import type { PastCall } from '../protocol/past-call.ts'
import { CallHistory } from './call-history.ts'

const call = (at: number): PastCall => ({ method: 'tools/call', tool: 'echo', at, durationMs: 1, outcome: 'ok' })

test('the last hundred calls are kept, and count as memory', () => {
  const memory = createMemoryBudget(1024 ** 2).account()
  const history = new CallHistory(memory)
  for (let at = 0; at < 250; at++) history.add(call(at))
  expect(history.list().map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, index) => 150 + index))
  expect(memory.heldBytes).toBe(100 * (120 + 2 * 'echo'.length))
})

test('without room the oldest calls make way', () => {
  const memory = createMemoryBudget(1024 ** 2).account(1000)
  const history = new CallHistory(memory)
  for (let at = 0; at < 50; at++) history.add(call(at))
  expect(history.list().map(({ at }) => at)).toEqual([43, 44, 45, 46, 47, 48, 49])
  memory.close()
  history.add(call(50))
  expect(history.list()).toEqual([])
})
