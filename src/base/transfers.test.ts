import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from './clock.ts'
import { createMemoryBudget, type MemoryBudget } from './memory-budget.ts'
import { shareFor, type Transfer, Transfers } from './transfers.ts'

const mebibyte = 1024 ** 2

interface Fixture {
  readonly clock: ManualClock
  readonly memory: MemoryBudget
  readonly cut: string[]
  begin(name: string, bytes: number): Transfer
}

function fixture(limitBytes: number): Fixture {
  const clock = manualClock()
  const memory = createMemoryBudget(limitBytes)
  const cut: string[] = []
  const transfers = new Transfers(memory, clock, Infinity, () => {})
  return {
    clock,
    memory,
    cut,
    begin(name, bytes) {
      const transfer = transfers.begin(transfers.account(), () => void cut.push(name))
      transfer.add(bytes)
      return transfer
    },
  }
}

describe('when memory is short', () => {
  test('the largest transfers without progress are cut, and no more of them than needed', () => {
    const { clock, memory, cut, begin } = fixture(100_000)
    begin('small', 10_000)
    begin('large', 50_000)
    begin('middle', 40_000)
    clock.advance(1000)
    expect(memory.account().take(60_000)).toBe('reserved')
    expect(cut).toEqual(['large', 'middle'])
    expect(memory.heldBytes).toBe(70_000)
  })

  test.each(['take', 'add'] as const)('one that is cut to make room for itself keeps nothing: %s', (verb) => {
    const { clock, memory, cut, begin } = fixture(100_000)
    const transfer = begin('itself', 60_000)
    clock.advance(1000)
    expect(transfer[verb](50_000)).toBe(verb === 'take' ? 'budget' : undefined)
    expect(cut).toEqual(['itself'])
    transfer.end()
    expect(memory.heldBytes).toBe(0)
  })

  test('a transfer that has just begun or makes progress is not cut', () => {
    const { clock, memory, cut, begin } = fixture(100_000)
    const busy = begin('busy', 60_000)
    for (let second = 0; second < 10; second++) {
      clock.advance(999)
      busy.noteProgress(100_000)
    }
    begin('new', 40_000)
    expect(memory.account().take(1)).toBe('budget')
    expect(cut).toEqual([])
  })

  test('a transfer that was fast at first is slow once it stops or only trickles', () => {
    const { clock, memory, cut, begin } = fixture(100_000)
    const stopped = begin('stopped', 60_000)
    stopped.noteProgress(10_000_000)
    const dropping = begin('dropping', 40_000)
    dropping.noteProgress(10_000_000)
    for (let drops = 0; drops < 8; drops++) {
      clock.advance(900)
      dropping.noteProgress(1)
    }
    expect(memory.account().take(100_000)).toBe('reserved')
    expect(cut).toEqual(['stopped', 'dropping'])
  })

  test('after a search that found no slow transfer, the next one waits a moment', () => {
    const { clock, memory, begin, cut } = fixture(1000)
    begin('new', 1000)
    clock.advance(999)
    expect(memory.account().take(1)).toBe('budget')
    clock.advance(50)
    expect(memory.account().take(1)).toBe('budget')
    clock.advance(50)
    expect(memory.account().take(1)).toBe('reserved')
    expect(cut).toEqual(['new'])
  })
})

test('a transfer that has ended counts nothing, whatever is called on it afterwards', () => {
  const { memory, begin } = fixture(1000)
  const transfers = [begin('a', 100), begin('b', 200), begin('c', 300)]
  for (const transfer of transfers) {
    transfer.end()
    transfer.end()
    transfer.add(5)
    expect(transfer.take(5)).toBe('budget')
  }
  expect(memory.heldBytes).toBe(0)
})

test('the share of a connection is the usual one or room for the largest messages, at most half of the budget', () => {
  const share = (limit: number, largest: number): number =>
    shareFor(createMemoryBudget(limit * mebibyte), largest * mebibyte) / mebibyte
  expect([share(1024, 4), share(128, 4), share(128, 16), share(32, 16)]).toEqual([128, 32, 48, 16])
})
