import { expect, test } from 'vitest'
import { ArrivingText } from './arriving-text.ts'
import { createMemoryBudget } from './memory-budget.ts'

test('one character outside of Latin-1 makes the whole text count two bytes a character, earlier pieces included', () => {
  const account = createMemoryBudget(1000).account()
  const text = new ArrivingText(account)
  text.add('x'.repeat(100))
  expect(account.heldBytes).toBe(100)
  text.add('€')
  expect(account.heldBytes).toBe(202)
  text.add('yy')
  expect(account.heldBytes).toBe(206)
  text.end()
  expect(account.heldBytes).toBe(0)
})

test('a piece without room is refused and not counted', () => {
  const account = createMemoryBudget(1000).account(100)
  const text = new ArrivingText(account)
  text.add('x'.repeat(80))
  expect(() => text.add('x'.repeat(30))).toThrow(expect.objectContaining({ code: 'memory_share_exceeded' }))
  expect(account.heldBytes).toBe(80)
})

test('handing on a part gives back its memory and keeps that of the rest', () => {
  const account = createMemoryBudget(1000).account()
  const text = new ArrivingText(account)
  text.add('x'.repeat(100))
  text.release('x'.repeat(60))
  expect(account.heldBytes).toBe(40)
  text.keepLast(10)
  expect(account.heldBytes).toBe(10)
  text.keepLast(0)
  text.add('z')
  expect(account.heldBytes).toBe(1)
})
