import { expect, test } from 'vitest'
import { fillSettings } from './assemble.ts'
import { ConfigError } from './problem.ts'

const machine = { env: { PATH: '/bin' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }

/** What is wrong with two upstreams, of which one has these settings. */
function faultsOf(one: object, both: object = {}): string[] {
  try {
    const upstreams = { one: { command: 'a', ...both, ...one }, two: { command: 'b', ...both } }
    fillSettings({ upstreams }, machine)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ message }) => message)
    throw error
  }
}

test.each([
  [{ breakerSlowMs: 5000 }, 'upstreams.one.breakerSlowMs 5000 does nothing without breaker.errorPercent'],
  [{ breakerMinCalls: 5 }, 'upstreams.one.breakerMinCalls 5 does nothing without breaker.errorPercent'],
  [{ breakerOpenMs: 5000 }, 'upstreams.one.breakerOpenMs 5000 does nothing without'],
  [{ breakerWindowMs: 5000 }, 'upstreams.one.breakerWindowMs 5000 does nothing without'],
  [{ reserveAfterMs: 2000 }, 'upstreams.one.reserveAfterMs 2000 does nothing without pool.reserve'],
  [{ pool: 3, poolMin: 9 }, 'upstreams.one.poolMin 9 is more than pool.max, which is 3'],
  [{ adaptiveMin: 9, adaptiveMax: 3 }, 'upstreams.one.adaptiveMin 9 is more than adaptiveConcurrency.max, which is 3'],
  [{ adaptiveMin: 9 }, 'upstreams.one.adaptiveMin 9 does nothing without adaptiveConcurrency.max'],
  [{ limitMemoryBytes: 10 }, 'upstreams.one.limitMemoryBytes 10 has room for no process: a bare number is bytes'],
  [{ recycleMemoryBytes: 400 }, 'upstreams.one.recycleMemoryBytes 400 has room for no process'],
  [{ limit: 'api' }, 'upstreams.one.limit "api" limits nothing'],
])('%j is refused, because it does nothing or too much', (one, words) => {
  expect(faultsOf(one)).toEqual([expect.stringContaining(words)])
})

test.each([
  { breakerSlowMs: 5000, breakerErrorPercent: 50 },
  // Switched off for now, and the rest kept.
  { breakerMinCalls: 5, breakerErrorPercent: 0 },
  { reserveAfterMs: 2000, poolReserve: 0 },
  { pool: 3, poolMin: 3 },
  // How many there are at most depends on the machine.
  { poolMin: 500 },
  { limitMemoryBytes: 0, recycleMemoryBytes: 1024 ** 2 },
])('%j is accepted', (one) => {
  expect(faultsOf(one)).toEqual([])
})

test('each upstream is told of its own settings', () => {
  expect(faultsOf({ breakerErrorPercent: 50 }, { breakerSlowMs: 5000 })).toEqual([
    expect.stringContaining('upstreams.two.breakerSlowMs'),
  ])
})
