import { describe, expect, test } from 'vitest'
import { bytesOf, createMemoryBudget } from './memory-budget.ts'

describe('a memory budget', () => {
  test('the sum of all accounts stays within the limit', () => {
    const budget = createMemoryBudget(100)
    const one = budget.account()
    const other = budget.account()
    expect([one.take(60), other.take(40), other.take(1)]).toEqual(['kept', 'kept', 'budget'])
    expect(budget.heldBytes).toBe(100)
    one.release(10)
    expect(other.take(10)).toBe('kept')
    expect([one.heldBytes, other.heldBytes, budget.heldBytes]).toEqual([50, 50, 100])
  })

  test('an account keeps to its share, whatever the budget has left', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account(30)
    expect([account.take(30), account.take(1)]).toEqual(['kept', 'share'])
    expect(budget.heldBytes).toBe(30)
  })

  test('the cheapest loss is freed first, and no more than is needed', () => {
    const budget = createMemoryBudget(100)
    const freed: string[] = []
    const holders = (['slow_readers', 'ended_events', 'resumable_events'] as const).map((relief) => {
      const account = budget.account()
      account.take(30)
      budget.onPressure(relief, (bytes) => {
        freed.push(`${relief} ${bytes}`)
        account.close()
      })
      return account
    })
    const account = budget.account()
    expect(account.take(50)).toBe('kept')
    expect(freed).toEqual(['ended_events 40', 'resumable_events 10'])
    expect(holders.map((holder) => holder.heldBytes)).toEqual([30, 0, 0])
    expect(account.take(40)).toBe('kept')
    expect(account.take(40)).toBe('budget')
    expect(account.take(101)).toBe('budget')
  })

  test('what cannot be refused is counted beyond the limit, after others were freed', () => {
    const budget = createMemoryBudget(100)
    const kept = budget.account()
    kept.take(80)
    budget.onPressure('resumable_events', () => kept.close())
    const account = budget.account(10)
    account.add(120)
    expect([kept.heldBytes, account.heldBytes, budget.heldBytes]).toEqual([0, 120, 120])
  })

  test('an account gives back everything at its close and counts nothing afterwards', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account()
    account.take(70)
    account.close()
    account.close()
    account.add(5)
    account.release(5)
    expect(account.take(1)).toBe('share')
    expect(budget.heldBytes).toBe(0)
  })

  test('more is never released than is held', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account()
    account.take(10)
    account.release(50)
    expect([account.heldBytes, budget.heldBytes]).toEqual([0, 0])
  })

  test('a relief that was taken back is not asked any more, and one that takes memory itself ends', () => {
    const budget = createMemoryBudget(10)
    const account = budget.account()
    account.take(10)
    let asked = 0
    const stop = budget.onPressure('ended_events', () => {
      asked++
      account.take(5)
    })
    expect(account.take(1)).toBe('budget')
    stop()
    expect(account.take(1)).toBe('budget')
    expect(asked).toBe(1)
  })
})

test('text is counted as it is held: two bytes a character as soon as one is outside of Latin-1', () => {
  expect(bytesOf('')).toBe(0)
  expect(bytesOf('abcé\u0000')).toBe(5)
  expect(bytesOf('abc→')).toBe(8)
})
