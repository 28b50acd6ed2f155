import { describe, expect, test } from 'vitest'
import { bytesOf, bytesOfValue, createMemoryBudget, reserve, Portion } from './memory-budget.ts'

describe('a memory budget', () => {
  test('the sum of all accounts stays within the limit', () => {
    const budget = createMemoryBudget(100)
    const one = budget.account()
    const other = budget.account()
    expect([one.take(60), other.take(40), other.take(1)]).toEqual(['reserved', 'reserved', 'budget'])
    expect(budget.heldBytes).toBe(100)
    one.release(10)
    expect(other.take(10)).toBe('reserved')
    expect([one.heldBytes, other.heldBytes, budget.heldBytes]).toEqual([50, 50, 100])
  })

  test('an account keeps to its share, whatever the budget has left', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account(30)
    expect([account.take(30), account.take(1)]).toEqual(['reserved', 'share'])
    expect(budget.heldBytes).toBe(30)
  })

  test('lasting accounts get at most half of the limit, so that passing ones always have room', () => {
    const budget = createMemoryBudget(1_000_000)
    const one = budget.account(undefined, 'lasting')
    const other = budget.account(undefined, 'lasting')
    expect([one.take(400_000), other.take(100_000), other.take(20_000)]).toEqual(['reserved', 'reserved', 'budget'])
    expect(budget.account().take(500_000)).toBe('reserved')
    one.release(300_000)
    expect([other.take(310_000), other.take(300_000)]).toEqual(['budget', 'reserved'])
    other.close()
    expect(one.take(400_000)).toBe('reserved')
    expect(budget.heldBytes).toBe(1_000_000)
  })

  test('small lasting amounts have room beyond that, up to three quarters of the limit', () => {
    const budget = createMemoryBudget(1_000_000)
    const account = budget.account(undefined, 'lasting')
    expect(account.take(500_000)).toBe('reserved')
    const taken = Array.from({ length: 30 }, () => account.take(10_000))
    expect(taken).toEqual([...Array<string>(25).fill('reserved'), ...Array<string>(5).fill('budget')])
  })

  test('a portion counts in its account, within the share, and gives back only its own bytes', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account(50)
    account.take(10)
    const portion = new Portion(account)
    expect([portion.take(30), portion.take(20)]).toEqual(['reserved', 'share'])
    portion.add(20)
    expect([portion.heldBytes, account.heldBytes]).toEqual([50, 60])
    portion.release(5)
    portion.release(500)
    portion.take(7)
    portion.close()
    portion.close()
    portion.add(1)
    expect([portion.take(1), portion.isClosed]).toEqual(['share', true])
    expect([portion.heldBytes, account.heldBytes, budget.heldBytes]).toEqual([0, 10, 10])
  })

  test('a share is an eighth of the limit, a lasting share a sixteenth, and more where the limit is small', () => {
    const shares = [16, 64, 128, 1024].map((mebibytes) => {
      const { shareBytes, lastingShareBytes } = createMemoryBudget(mebibytes * 1024 ** 2)
      return [shareBytes / 1024 ** 2, lastingShareBytes / 1024 ** 2]
    })
    expect(shares).toEqual([
      [8, 4],
      [32, 16],
      [32, 16],
      [128, 64],
    ])
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
    expect(account.take(50)).toBe('reserved')
    expect(freed).toEqual(['ended_events 40', 'resumable_events 10'])
    expect(holders.map((holder) => holder.heldBytes)).toEqual([30, 0, 0])
    expect(account.take(40)).toBe('reserved')
    expect(account.take(40)).toBe('budget')
    expect(account.take(101)).toBe('budget')
  })

  test('bytes that cannot be refused are counted beyond the limit, after others were freed', () => {
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

  test('an account that is closed while others are freed for it counts nothing', () => {
    const budget = createMemoryBudget(100)
    const [reader, other] = [budget.account(), budget.account()]
    budget.onPressure('slow_readers', () => reader.close())
    reader.add(60)
    other.add(40)
    expect(reader.take(50)).toBe('share')
    reader.add(70)
    expect([reader.heldBytes, budget.heldBytes]).toEqual([0, 40])
  })

  test('no more is released than is held', () => {
    const budget = createMemoryBudget(100)
    const account = budget.account()
    account.take(10)
    account.release(50)
    expect([account.heldBytes, budget.heldBytes]).toEqual([0, 0])
  })

  test('a removed relief is not called any more, and a relief that takes memory itself does not recurse', () => {
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

test('what can be lost is freed on request, the cheapest first, and no more than asked for', () => {
  const budget = createMemoryBudget(1000)
  const [ended, reader, lasting] = [budget.account(), budget.account(), budget.account()]
  budget.onPressure('slow_readers', (bytes) => reader.release(bytes))
  budget.onPressure('ended_events', (bytes) => ended.release(bytes))
  for (const account of [ended, reader, lasting]) account.add(100)
  budget.relieve(50)
  expect([ended.heldBytes, reader.heldBytes]).toEqual([50, 100])
  budget.relieve(80)
  expect([ended.heldBytes, reader.heldBytes]).toEqual([0, 70])
  budget.relieve(1000)
  expect([reader.heldBytes, lasting.heldBytes]).toEqual([0, 100])
})

test('the refusal says whether the share or the budget is used up', () => {
  const budget = createMemoryBudget(100)
  const account = budget.account(30)
  reserve(account, 30)
  expect(() => reserve(account, 1)).toThrow(expect.objectContaining({ code: 'memory_share_exceeded' }))
  const other = budget.account()
  expect(() => reserve(other, 71)).toThrow(expect.objectContaining({ code: 'overloaded' }))
  reserve(other, 70)
  expect(budget.heldBytes).toBe(100)
})

test('a text counts two bytes a character as soon as one character is outside of Latin-1', () => {
  expect(bytesOf('')).toBe(0)
  expect(bytesOf('abcé\u0000')).toBe(5)
  expect(bytesOf('abc→')).toBe(8)
})

test('a value is counted with its members, of which a short JSON text can have many', () => {
  expect(bytesOfValue('abc')).toBe(27)
  expect([bytesOfValue(1), bytesOfValue(null), bytesOfValue(undefined), bytesOfValue(true)]).toEqual([0, 0, 0, 0])
  expect(bytesOfValue({ key: ['a', 1] })).toBe(64 + 64 + 6 + 32 + 8 + 25 + 8)
  const many = JSON.parse(`[${'{},'.repeat(99)}{}]`) as unknown
  expect(bytesOfValue(many)).toBeGreaterThan(100 * 64)
})
