import { expect, test } from 'vitest'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { UnansweredRequests } from './unanswered-requests.ts'

const budget = createMemoryBudget(1_000_000)

test('a request is answered once, and an id that was never asked is no request', () => {
  const memory = budget.account()
  const requests = new UnansweredRequests(memory)
  requests.add('1')
  requests.add('"one"')
  requests.add('1')
  expect(requests.remove('2')).toBe(false)
  expect(requests.remove('1')).toBe(true)
  expect(requests.remove('1')).toBe(false)
  expect(requests.drain()).toEqual(['"one"'])
  expect(requests.drain()).toEqual([])
  expect(memory.heldBytes).toBe(0)
})

test('all are forgotten where there is no room for one more, and only that one is kept', () => {
  const memory = budget.account(10_000)
  const requests = new UnansweredRequests(memory)
  for (let id = 0; id <= 1024; id++) requests.add(String(id))
  expect(requests.drain()).toEqual(['1024'])
  requests.add('1')
  requests.add(`"${'x'.repeat(20_000)}"`)
  expect(requests.remove('1')).toBe(false)
  expect(requests.drain()).toHaveLength(1)
  expect(memory.heldBytes).toBe(0)
})
