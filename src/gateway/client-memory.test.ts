import { expect, test } from 'vitest'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { createClientMemory } from './client-memory.ts'

test('accounts of one connection count against one share, and a connection with no account left is forgotten', () => {
  const budget = createMemoryBudget(400_000)
  const clients = createClientMemory(budget)
  const [one, two, other] = [clients.account('a'), clients.account('a'), clients.account('b')]
  expect([one.take(60_000), two.take(60_000), two.take(40_000), other.take(60_000)]).toEqual([
    'reserved',
    'share',
    'reserved',
    'reserved',
  ])
  one.close()
  one.close()
  expect(two.take(60_000), 'the second account of the connection still counts').toBe('reserved')
  two.close()
  expect(budget.heldBytes).toBe(60_000)
  expect(clients.account('a').take(100_000)).toBe('reserved')
})
