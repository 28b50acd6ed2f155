import { expect, test } from 'vitest'
import { createMemoryBudget } from './memory-budget.ts'
import { createMemorySection } from './memory-section.ts'

test('a section gives back all that its accounts hold, and nothing of others', () => {
  const memory = createMemoryBudget(1024 ** 2)
  const section = createMemorySection(memory)
  const [one, two] = [section.budget.account(), section.budget.account(1024, 'lasting')]
  const other = memory.account()
  expect([one.take(500), two.take(300), other.take(7)]).toEqual(['reserved', 'reserved', 'reserved'])
  expect(section.budget.heldBytes).toBe(807)
  section.close()
  expect(memory.heldBytes).toBe(7)
  expect(one.take(1)).not.toBe('reserved')
})
