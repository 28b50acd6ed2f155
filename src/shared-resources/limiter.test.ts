/** The queue in front of an API, on a clock that the test moves. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock, pause } from '../base/clock.ts'
import type { CallerOfResource } from './caller-of-resource.ts'
import { type LimitedOptions, limitedSettings } from './limited-options.ts'
import { Limiter } from './limiter.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** How a call ends: with its value or its error. */
function endOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error)
}

interface Bench {
  readonly clock: ManualClock
  readonly limiter: Limiter
  /** Has what follows run for this session. */
  as(session: string, tenant?: string): void
  /** Moves the clock in small steps. */
  pass(ms: number, stepMs?: number): Promise<void>
}

function benchOf(options: LimitedOptions): Bench {
  const clock = manualClock(0)
  let caller: CallerOfResource | undefined
  const settings = limitedSettings('limited("api")', options)
  const limiter = new Limiter({ resource: 'limited("api")', settings, clock, caller: () => caller })
  return {
    clock,
    limiter,
    as(session, tenant = 'default') {
      caller = { tenant, subject: 'anonymous', session: { id: session }, signal: new AbortController().signal }
    },
    async pass(ms, stepMs = 50) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(Math.min(stepMs, ms - passed))
        await settled()
      }
    },
  }
}

test('two hundred sessions that never stop calling get equal parts, and the API its rate', async () => {
  const { clock, limiter, as, pass } = benchOf({ rate: 10, maxWait: 600_000 })
  const counts = new Map<string, number>()
  const begun: number[] = []
  const loop = async (session: string): Promise<void> => {
    for (;;) {
      as(session)
      await limiter.run(() => {
        begun.push(clock.now())
        counts.set(session, (counts.get(session) ?? 0) + 1)
      })
    }
  }
  const loops = Array.from({ length: 200 }, (_, at) => loop(`session ${at}`))
  // One of them has a hundred times as many calls.
  for (let at = 0; at < 100; at++) loops.push(loop('session 0'))
  const ended = Promise.allSettled(loops)
  while (begun.length < 200 * 8) await pass(1000)
  for (let at = 10; at < begun.length; at++) assert.ok((begun[at] ?? 0) - (begun[at - 10] ?? 0) >= 1000)
  const [most, least] = [Math.max(...counts.values()), Math.min(...counts.values())]
  expect(counts.size).toBe(200)
  expect(most / least).toBeLessThan(1.2)
  expect(begun.length / (clock.now() / 1000)).toBeGreaterThan(9)
  limiter.close()
  await ended
})

test('every call ends exactly once, within the limits, whatever comes, ends, fails and is cancelled', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('run' as const),
        session: fc.constantFrom('a', 'b', 'c'),
        tenant: fc.constantFrom('s', 't'),
        runMs: fc.nat(700),
        how: fc.constantFrom('value', 'error', 'again', 'hangs'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), at: fc.nat(20) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 100, 1000, 3000) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { clock, limiter, as, pass } = benchOf({
        rate: 4,
        concurrency: 3,
        maxWait: 5000,
        maxQueue: 8,
        timeout: 2000,
      })
      const begun: number[] = []
      const all: Array<{ readonly cancel: AbortController; ends: number }> = []
      let running = 0
      for (const one of steps) {
        if (one.do === 'pass') await pass(one.ms)
        else if (one.do === 'cancel') all[one.at]?.cancel.abort(new Error('gone'))
        else {
          as(one.session, one.tenant)
          const call = { cancel: new AbortController(), ends: 0 }
          all.push(call)
          let attempts = 0
          limiter
            .run(
              async ({ signal, retryAfter }) => {
                begun.push(clock.now())
                assert.ok(++running <= 3)
                attempts++
                await (one.how === 'hangs'
                  ? new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
                  : pause(clock, one.runMs))
                running--
                if (one.how === 'again' && attempts === 1) retryAfter('1')
                if (one.how === 'error') throw new Error('of the task')
              },
              { signal: call.cancel.signal },
            )
            .then(
              () => call.ends++,
              (error: unknown) => {
                call.ends++
                assert.match(String(error), /of the task|gone|limited\("api"\): /)
              },
            )
        }
        await settled()
        assert.ok(limiter.waiting <= 8)
      }
      await pass(30_000, 200)
      assert.deepEqual(
        all.map(({ ends }) => ends),
        all.map(() => 1),
      )
      assert.deepEqual([limiter.running, limiter.waiting, limiter.isIdle], [0, 0, true])
      for (let at = 4; at < begun.length; at++) assert.ok((begun[at] ?? 0) - (begun[at - 4] ?? 0) >= 1000)
    }),
    { numRuns: 100 },
  )
})

describe('a call', () => {
  test('that would have no turn within its time is refused at once, and others wait', async () => {
    const { limiter, as, pass } = benchOf({ rate: 1, maxWait: 3500 })
    as('a')
    const calls = Array.from({ length: 4 }, (_, at) => endOf(limiter.run(() => at)))
    await expect(limiter.run(() => 'late')).rejects.toMatchObject({ code: 'too_late', retryAfterMs: 500 })
    // The next turn but one is that of another session.
    as('b')
    calls.push(endOf(limiter.run(() => 4)))
    await expect(limiter.run(() => 'now', { maxWait: 0 })).rejects.toMatchObject({ code: 'too_late' })
    await pass(6000)
    // The call of `b` has come before the last one of `a`.
    expect(await Promise.all(calls)).toMatchObject([0, 1, 2, { code: 'wait_timeout' }, 4])
  })

  test('is not refused because some tasks before it were slow', async () => {
    const { clock, limiter, as, pass } = benchOf({ concurrency: 1, maxWait: 10_000 })
    as('a')
    const slow = [pause(clock, 2000), pause(clock, 4000)].map((pausing) => limiter.run(() => pausing))
    await pass(4100)
    await Promise.all(slow)
    const calls = Array.from({ length: 50 }, (_, at) => limiter.run(() => at))
    expect(await Promise.all(calls)).toHaveLength(50)
  })

  test('is refused at once when all tasks before it are slow', async () => {
    const { clock, limiter, as, pass } = benchOf({ concurrency: 1, maxWait: 20_000 })
    as('a')
    const slow = (): Promise<unknown> => endOf(limiter.run(() => pause(clock, 2000)))
    const calls = Array.from({ length: 9 }, slow)
    await pass(19_000)
    calls.push(...Array.from({ length: 12 }, slow))
    await expect(limiter.run(() => 'late')).rejects.toMatchObject({ code: 'too_late' })
    limiter.close()
    await pass(3000)
    expect(await Promise.all(calls)).toHaveLength(21)
  })

  test('is refused when too many wait, unless another session has more', async () => {
    const { limiter, as, pass } = benchOf({ concurrency: 1, maxQueue: 2 })
    as('a')
    let end = (): void => {}
    const held = limiter.run(() => new Promise<void>((resolve) => (end = resolve)))
    const [first, second] = [limiter.run(() => 'first'), limiter.run(() => 'second')]
    await expect(limiter.run(() => 'third')).rejects.toMatchObject({ code: 'queue_full' })
    as('b')
    const other = limiter.run(() => 'other')
    await expect(second).rejects.toMatchObject({ code: 'queue_full' })
    end()
    await pass(100)
    expect(await Promise.all([held, first, other])).toEqual([undefined, 'first', 'other'])
  })

  test('that is cancelled while it waits rejects with the reason of its signal', async () => {
    const { limiter, as } = benchOf({ concurrency: 1 })
    as('a')
    void limiter.run(() => new Promise(() => {})).catch(() => {})
    const cancel = new AbortController()
    const waits = limiter.run(() => 'never', { signal: cancel.signal })
    cancel.abort(new Error('the user has left'))
    await expect(waits).rejects.toThrow('the user has left')
    await expect(limiter.run(() => 'never', { signal: cancel.signal })).rejects.toThrow('the user has left')
    expect(limiter.waiting).toBe(0)
  })

  test('that takes longer than its time limit ends, and gives its place back', async () => {
    const { limiter, as, pass } = benchOf({ concurrency: 1, timeout: 1000 })
    as('a')
    let signalOfTask: AbortSignal | undefined
    const hangs = limiter.run(({ signal }) => new Promise(() => (signalOfTask = signal)))
    const next = limiter.run(() => 'next')
    const refused = endOf(hangs)
    await pass(1100)
    expect(await refused).toMatchObject({ code: 'run_timeout' })
    expect(signalOfTask?.aborted).toBe(true)
    expect(await next).toBe('next')
  })
})

describe('an API that asks for a pause', () => {
  test('gets no call before it is over, then the refused one again', async () => {
    const { clock, limiter, as, pass } = benchOf({ concurrency: 2 })
    as('a')
    const begun: number[] = []
    const call = async (): Promise<string> => {
      let attempts = 0
      return limiter.run(({ retryAfter }) => {
        begun.push(clock.now())
        return ++attempts === 1 ? retryAfter('2') : 'done'
      })
    }
    const first = call()
    await settled()
    await pass(500)
    const second = call()
    await pass(6000)
    expect(await Promise.all([first, second])).toEqual(['done', 'done'])
    expect(begun[0]).toBe(0)
    expect(begun.slice(1).every((ms) => ms >= 2000)).toBe(true)
  })

  test('that is longer than calls may wait has them refused at once, with the time', async () => {
    const { limiter, as, pass } = benchOf({ concurrency: 1, maxWait: 5000 })
    as('a')
    let answer = (): void => {}
    const refused = limiter.run(async ({ retryAfter }) => {
      await new Promise<void>((resolve) => (answer = resolve))
      retryAfter(60)
    })
    const waits = limiter.run(() => 'never')
    await settled()
    answer()
    await expect(waits).rejects.toMatchObject({ code: 'too_late', retryAfterMs: 60_000 })
    await expect(refused).rejects.toMatchObject({ code: 'too_late' })
    await expect(limiter.run(() => 'never')).rejects.toMatchObject({ code: 'too_late' })
    await pass(60_000, 1000)
    expect(await limiter.run(() => 'again')).toBe('again')
  })

  test.each([undefined, '0', 'soon'])(
    'without a time (%s) is left alone for longer each time, and not for ever',
    async (value) => {
      const { clock, limiter, as, pass } = benchOf({ concurrency: 1, maxWait: 60_000 })
      as('a')
      const begun: number[] = []
      const refused = endOf(
        limiter.run(({ retryAfter }) => {
          begun.push(clock.now())
          retryAfter(value)
        }),
      )
      await pass(120_000, 500)
      expect(await refused).toMatchObject({ name: 'ResourceError' })
      expect(begun.length).toBeGreaterThan(3)
      expect(begun.length).toBeLessThan(12)
      expect((begun[1] ?? 0) - (begun[0] ?? 0)).toBeGreaterThanOrEqual(1000)
    },
  )
})

test('a task that asks for what it has itself is told so, whichever wait ends first', async () => {
  const hint = 'a task must not ask for what it has itself'
  for (const [options, code] of [
    [{ concurrency: 1, timeout: 1000, maxWait: 60_000 }, 'run_timeout'],
    [{ concurrency: 1, timeout: 60_000, maxWait: 1000 }, 'wait_timeout'],
  ] as const) {
    const { limiter, as, pass } = benchOf(options)
    as('a')
    const nested = endOf(limiter.run(() => limiter.run(() => 'never')))
    await pass(1500)
    expect(await nested).toMatchObject({ code, message: expect.stringContaining(hint) })
  }
  const { limiter, as, pass } = benchOf({ concurrency: 1, timeout: 1000, maxWait: 60_000 })
  as('a')
  const tooLong = endOf(limiter.run(() => new Promise(() => {})))
  as('b')
  const next = limiter.run(() => 'next')
  await pass(1500)
  expect(await tooLong).not.toMatchObject({ message: expect.stringContaining(hint) })
  expect(await next).toBe('next')
})

test('once it is closed, those who wait are refused, and so are all that come', async () => {
  const { limiter, as } = benchOf({ concurrency: 1 })
  as('a')
  const held = limiter.run(() => settled())
  const waits = limiter.run(() => 'never')
  limiter.close()
  await expect(waits).rejects.toMatchObject({ code: 'closed' })
  await expect(limiter.run(() => 'never')).rejects.toMatchObject({ code: 'closed' })
  await held
  expect([limiter.running, limiter.waiting]).toEqual([0, 0])
})

test.each([
  [{}, 'needs a rate, a concurrency, or both'],
  [{ rate: 0 }, 'rate (calls) is a whole number from 1'],
  [{ rate: 2.5 }, 'rate (calls) is a whole number'],
  [{ rate: { calls: 10, per: 0 } }, 'rate.per is a whole number from 1'],
  [{ concurrency: Infinity }, 'concurrency is a whole number'],
  [{ rate: 1, maxQueue: -1 }, 'maxQueue is a whole number from 0'],
  [{ rate: 1, countFrom: 'middle' }, 'countFrom is "end" or "start"'],
])('options %j are refused: %s', (options, words) => {
  expect(() => limitedSettings('limited("api")', options as LimitedOptions)).toThrow(words)
})
