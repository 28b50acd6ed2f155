import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { CoarseTimers } from '../../base/coarse-timers.ts'
import type { ClientDescription } from '../../protocol/call.ts'
import { createEndedSseClients } from './ended-sse-clients.ts'

const client = (name: string): ClientDescription => ({
  era: 'legacy',
  version: '2025-06-18',
  capabilities: {},
  info: { name },
})

test('a client is remembered once, and for an hour', () => {
  const clock = manualClock()
  const budget = createMemoryBudget(1_000_000)
  const ended = createEndedSseClients(new CoarseTimers(clock), 60 * 60_000, budget.account())
  ended.add('a', client('a'))
  ended.add('b', client('b'))
  clock.advance(59 * 60_000)
  expect([ended.take('a'), ended.take('a')]).toEqual([client('a'), undefined])
  clock.advance(90_000)
  expect(ended.take('b')).toBeUndefined()
  expect(budget.heldBytes).toBe(0)
})

test('the last thousand clients are remembered, without those whose descriptions are large', () => {
  const budget = createMemoryBudget(10_000_000)
  const ended = createEndedSseClients(new CoarseTimers(manualClock()), 60 * 60_000, budget.account())
  for (let i = 0; i < 1001; i++) ended.add(`${i}`, client(`${i}`))
  expect(ended.take('0')).toBeUndefined()
  expect(ended.take('1')).toEqual(client('1'))
  ended.add('large', client('x'.repeat(20_000)))
  expect(ended.take('large')).toBeUndefined()
})

test('remembered clients count as memory, tiny members included, and are dropped where there is none', () => {
  const budget = createMemoryBudget(100_000)
  const ended = createEndedSseClients(new CoarseTimers(manualClock()), 60 * 60_000, budget.account(20_000))
  const info = { name: 'a', list: Array.from({ length: 100 }, () => ({})) }
  for (const key of ['a', 'b', 'c']) ended.add(key, { ...client(key), info })
  expect(budget.heldBytes).toBeGreaterThan(2 * 7200)
  expect([ended.take('a'), ended.take('b'), ended.take('c')].map((found) => found !== undefined)).toEqual([
    true,
    true,
    false,
  ])
  expect(budget.heldBytes).toBe(0)
})
