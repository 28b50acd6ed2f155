/** The circuit breaker of an upstream, on a clock that the test moves. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { CallWindow } from './call-window.ts'
import { type BreakerResult, type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts'

const settings: BreakerSettings = {
  breakerErrorPercent: 50,
  breakerMinCalls: 4,
  breakerWindowMs: 10_000,
  breakerOpenMs: 1000,
  breakerSlowMs: 0,
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let clock: ManualClock
let breaker: CircuitBreaker
let seen: string[]

beforeEach(() => {
  clock = manualClock()
  seen = []
  breaker = new CircuitBreaker({ clock, changed: ({ state }) => seen.push(state), chance: () => 0 })
  breaker.apply(settings)
})

async function calls(...results: BreakerResult[]): Promise<void> {
  for (const [at, result] of results.entries()) {
    breaker.begin(`session ${at % 3}`)(result)
    await settled()
  }
}

test('opens when enough calls fail, refuses with the time, lets one through, and closes when that is answered', async () => {
  await calls('bad', 'good', 'bad')
  expect(breaker.state.state).toBe('closed')
  await calls('bad')
  expect(breaker.state).toEqual({ state: 'open', isForced: false, retryInMs: 1000 })
  clock.advance(400)
  expect(() => breaker.begin('a')).toThrow(expect.objectContaining({ code: 'breaker_open', retryAfterMs: 600 }))
  clock.advance(600)
  const end = breaker.begin('a')
  expect(breaker.state.state).toBe('half_open')
  expect(() => breaker.begin('b')).toThrow(expect.objectContaining({ code: 'breaker_open' }))
  end('good')
  await settled()
  expect(seen).toEqual(['open', 'half_open', 'closed'])
  // What was counted before is forgotten.
  await calls('bad', 'bad', 'bad')
  expect(breaker.state.state).toBe('closed')
})

test('opens for twice as long after each failure of the one that is let through, up to sixteen times', async () => {
  await calls('bad', 'bad', 'bad', 'bad')
  for (const ms of [1000, 2000, 4000, 8000, 16_000, 16_000]) {
    expect(breaker.state.retryInMs).toBe(ms)
    clock.advance(ms)
    breaker.begin('a')('bad')
    await settled()
  }
})

test('a call that was let through and shows nothing is followed by another one at once, without a longer wait', async () => {
  await calls('bad', 'bad', 'bad', 'bad')
  clock.advance(1000)
  for (let left = 0; left < 5; left++) {
    breaker.begin('one that leaves')('neither')
    await settled()
    expect(breaker.state).toMatchObject({ state: 'open', retryInMs: 0 })
  }
  breaker.begin('a')('bad')
  await settled()
  expect(breaker.state.retryInMs).toBe(2000)
})

test('a call that was let through keeps others back for no longer than calls are refused at first', async () => {
  await calls('bad', 'bad', 'bad', 'bad')
  clock.advance(1000)
  const long = breaker.begin('asks its user')
  clock.advance(1000)
  expect(() => breaker.begin('b')).toThrow()
  await settled()
  expect(breaker.state.state).toBe('half_open')
  clock.advance(1)
  expect(() => breaker.begin('b')).toThrow()
  await settled()
  breaker.begin('b')('good')
  await settled()
  expect(breaker.state.state).toBe('closed')
  // What the first one comes to counts like any other call.
  long('bad')
  await settled()
  expect(breaker.state.state).toBe('closed')
})

test('calls that have begun before it opened do not decide for the one that is let through', async () => {
  const before = [breaker.begin('x'), breaker.begin('y')]
  await calls('bad', 'bad', 'bad', 'bad')
  clock.advance(1000)
  const end = breaker.begin('a')
  for (const one of before) one('bad')
  await settled()
  expect(breaker.state.state).toBe('half_open')
  end('good')
  await settled()
  expect(breaker.state.state).toBe('closed')
})

test.each(['auto', 'close', 'off'] as const)('a call that was let through does not open it after %s', async (word) => {
  await calls('bad', 'bad', 'bad', 'bad')
  clock.advance(1000)
  const end = breaker.begin('a')
  if (word === 'off') breaker.apply({ ...settings, breakerErrorPercent: 0 })
  else breaker.set(word)
  end('bad')
  await settled()
  expect(breaker.state.state).toBe('closed')
  expect(seen.at(-1)).toBe('closed')
})

test('counts for as long as its window, and nothing that says nothing about the server', async () => {
  await calls('bad', 'bad', 'neither', 'neither', 'neither')
  clock.advance(10_000)
  await calls('bad', 'bad', 'good', 'good', 'good')
  expect(breaker.state.state).toBe('closed')
})

test('does not open for one session whose calls fail while those of others do not', async () => {
  for (let call = 0; call < 4; call++) {
    breaker.begin('bad one')('bad')
    await settled()
  }
  // It was alone.
  expect(breaker.state.state).toBe('open')
  breaker.set('auto')
  breaker.begin('good one')('good')
  for (let call = 0; call < 20; call++) {
    breaker.begin('bad one')('bad')
    await settled()
  }
  expect(breaker.state.state).toBe('closed')
  breaker.begin('another one')('bad')
  await settled()
  expect(breaker.state.state).toBe('open')
})

describe('an operator', () => {
  test('holds it open or closed, whatever calls come to, until it is left to itself', async () => {
    breaker.set('open')
    expect(breaker.state).toEqual({ state: 'open', isForced: true, retryInMs: undefined })
    expect(breaker.refusal?.message).toBe('An operator has no call sent to this MCP server at the moment.')
    expect(breaker.refusal?.details.retryAfterMs, 'when clients try again').toBe(settings.breakerOpenMs)
    clock.advance(3_600_000)
    expect(() => breaker.begin('a')).toThrow(expect.objectContaining({ code: 'breaker_open' }))
    breaker.set('close')
    await calls('bad', 'bad', 'bad', 'bad', 'bad')
    expect(breaker.state).toEqual({ state: 'closed', isForced: true, retryInMs: undefined })
    breaker.set('auto')
    await calls('bad', 'bad', 'bad', 'bad')
    expect(breaker.state.state).toBe('open')
    expect(seen).toEqual(['open', 'closed', 'open'])
  })

  test('switches it off, even while it is open', async () => {
    await calls('bad', 'bad', 'bad', 'bad')
    breaker.apply({ ...settings, breakerErrorPercent: 0 })
    expect([breaker.isOff, breaker.refusal, breaker.state.state]).toEqual([true, undefined, 'closed'])
  })
})

test('a window has the sums of the calls within it', () => {
  const step = fc.record({ ms: fc.nat(3000), caller: fc.constantFrom('a', 'b'), isFailure: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const of = manualClock(0)
      const window = new CallWindow(of, 10_000)
      const all: Array<{ readonly slot: number; readonly caller: string; readonly isFailure: boolean }> = []
      for (const { ms, caller, isFailure } of steps) {
        of.advance(ms)
        window.add(caller, isFailure)
        all.push({ slot: Math.floor(of.now() / 1000), caller, isFailure })
      }
      const within = all.filter(({ slot }) => slot > Math.floor(of.now() / 1000) - 10)
      const failures = within.filter(({ isFailure }) => isFailure)
      const several = (some: typeof all): boolean => new Set(some.map(({ caller }) => caller)).size > 1
      expect(window.sums()).toEqual({
        calls: within.length,
        failures: failures.length,
        isOneCallers: several(within) && !several(failures),
      })
    }),
  )
})
