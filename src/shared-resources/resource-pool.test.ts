/** The pool with real timers, over things that fail to be made, spoil, hang and end slowly. */
import assert from 'node:assert/strict'
import { setTimeout as pauseMs } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Clock, manualClock, systemClock } from '../base/clock.ts'
import type { CallerOfResource } from './caller-of-resource.ts'
import { type PoolOptions, poolSettings } from './pool-options.ts'
import { ResourcePool } from './resource-pool.ts'

interface Thing {
  readonly number: number
  isSpoilt: boolean
  ends: number
}

/** Things that count how many of them there are. */
class Things {
  readonly made: Thing[] = []
  living = 0
  most = 0
  /** How many of the next ones cannot be made. */
  failing = 0

  get options(): PoolOptions<Thing> {
    return {
      create: async () => {
        this.most = Math.max(this.most, ++this.living)
        await pauseMs(1)
        if (this.failing > 0) {
          this.failing--
          this.living--
          throw new Error('it cannot be made')
        }
        const thing = { number: this.made.length, isSpoilt: false, ends: 0 }
        this.made.push(thing)
        return thing
      },
      destroy: async (thing) => {
        thing.ends++
        await pauseMs(1)
        this.living--
      },
      validate: async (thing) => !thing.isSpoilt,
      max: 3,
    }
  }
}

function poolOf(
  options: PoolOptions<Thing>,
  clock: Clock = systemClock,
  caller?: () => CallerOfResource,
  limits?: { readonly createMs?: number; readonly validateMs?: number },
): ResourcePool {
  return new ResourcePool({
    resource: 'pool("things")',
    options,
    settings: poolSettings('pool("things")', options),
    clock,
    caller: caller ?? (() => undefined),
    inModule: (run) => run(),
    ...limits,
  })
}

/** How a call ends: with its value or its error. */
function endOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error)
}

test('there are never more than the bound, each is lent to one task at a time and ended once, whatever fails', async () => {
  const step = fc.record({
    how: fc.constantFrom('value', 'error', 'spoil', 'cancel', 'unmade'),
    runMs: fc.nat(3),
    session: fc.constantFrom('a', 'b'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const things = new Things()
      let session = ''
      const pool = poolOf(things.options, systemClock, () => ({
        tenant: 't',
        subject: 's',
        session: { id: session },
        signal: new AbortController().signal,
      }))
      const lent = new Set<unknown>()
      const ends = steps.map(({ how, runMs, session: own }) => {
        session = own
        const cancel = new AbortController()
        if (how === 'unmade') things.failing++
        const call = pool.run(
          async (thing) => {
            assert.ok(!lent.has(thing), 'lent to one task at a time')
            assert.ok(!(thing as Thing).isSpoilt && (thing as Thing).ends === 0)
            lent.add(thing)
            await pauseMs(runMs)
            lent.delete(thing)
            if (how === 'spoil') (thing as Thing).isSpoilt = true
            if (how === 'error') throw new Error('of the task')
          },
          { signal: cancel.signal },
        )
        if (how === 'cancel') setImmediate(() => cancel.abort(new Error('gone')))
        return endOf(call)
      })
      for (const end of await Promise.all(ends))
        assert.match(String(end), /^undefined$|of the task|gone|it cannot be made/)
      assert.ok(things.most <= 3, `${things.most} at once`)
      await pool.close()
      assert.deepEqual([things.living, pool.size, pool.running, pool.waiting], [0, 0, 0, 0])
      assert.ok(things.made.every(({ ends: count }) => count === 1))
    }),
    { numRuns: 40 },
  )
})

test('what a task has used that took too long is ended, and the next task gets another', async () => {
  const things = new Things()
  const pool = poolOf({ ...things.options, max: 1, timeout: 20 })
  const hanging = pool.run(() => new Promise(() => {}))
  const next = pool.run((thing) => (thing as Thing).number)
  await expect(hanging).rejects.toMatchObject({ code: 'run_timeout' })
  expect(await next).toBe(1)
  expect(things.made[0]?.ends).toBe(1)
  expect(things.most).toBe(1)
  await pool.close()
})

test('close refuses those who wait, and ends what a task holds that does not end', async () => {
  const things = new Things()
  const clock = manualClock()
  const pool = poolOf({ ...things.options, max: 1 }, clock)
  let isHeld = false
  const holding = endOf(pool.run(() => new Promise(() => (isHeld = true))))
  await expect.poll(() => isHeld).toBe(true)
  const waits = endOf(pool.run(() => 'never'))
  const closing = pool.close()
  expect(await waits).toMatchObject({ code: 'closed' })
  clock.advance(2000)
  await closing
  expect(things.living).toBe(0)
  await expect(pool.run(() => 'never')).rejects.toMatchObject({ code: 'closed' })
  clock.advance(60_000)
  expect(await holding).toMatchObject({ code: 'run_timeout' })
})

test('what is idle for long ends, but for those that are to be kept', async () => {
  const things = new Things()
  const pool = poolOf({ ...things.options, min: 1, idle: 20 })
  await Promise.all([1, 2, 3].map(() => pool.run(() => pauseMs(5))))
  expect(things.living).toBe(3)
  await expect.poll(() => things.living, { timeout: 30_000 }).toBe(1)
  await pool.close()
  expect(things.living).toBe(0)
})

test.each([
  [
    'throws',
    () => {
      throw new Error('of validate')
    },
  ],
  ['rejects', async () => Promise.reject(new Error('of validate'))],
  ['says no', async () => false],
  ['hangs', async () => new Promise<boolean>(() => {})],
])('a validate that %s has one made for each call, and no more', async (_how, validate) => {
  const things = new Things()
  const pool = poolOf({ ...things.options, validate, max: 1 }, systemClock, undefined, { validateMs: 20 })
  const numbers = [1, 2, 3].map(() => pool.run((thing) => (thing as Thing).number))
  expect(await Promise.all(numbers)).toEqual([0, 1, 2])
  expect(things.made).toHaveLength(3)
  await pool.close()
  expect(things.living).toBe(0)
})

test('one that does not answer in time takes along all that are idle, so that no call waits for each', async () => {
  const things = new Things()
  let asked = 0
  const validate = async (): Promise<boolean> => {
    asked++
    return new Promise(() => {})
  }
  const pool = poolOf({ ...things.options, validate }, systemClock, undefined, { validateMs: 20 })
  await Promise.all([1, 2, 3].map(() => pool.run(() => pauseMs(5))))
  expect(await pool.run((thing) => (thing as Thing).number)).toBe(3)
  expect(asked).toBe(1)
  await pool.close()
  expect(things.living).toBe(0)
})

test('validate is asked before each use but that of one just made', async () => {
  const things = new Things()
  const asked: number[] = []
  const validate = (thing: Thing): boolean => asked.push(thing.number) > 0
  const pool = poolOf({ ...things.options, validate, max: 1 })
  for (const _ of [1, 2, 3]) await pool.run(() => {})
  expect(asked).toEqual([0, 0])
  await pool.close()
})

test('a validate that only throws, and returns nothing, keeps what it does not throw for', async () => {
  const things = new Things()
  const validate = (async () => {}) as unknown as () => Promise<boolean>
  const pool = poolOf({ ...things.options, validate, max: 1 })
  for (const _ of [1, 2, 3]) await pool.run(() => {})
  expect(things.made).toHaveLength(1)
  await pool.close()
})

test('a create that hangs is the error that says so', async () => {
  const things = new Things()
  const create = async (): Promise<Thing> => new Promise(() => {})
  const pool = poolOf({ ...things.options, create }, systemClock, undefined, { createMs: 20 })
  await expect(pool.run(() => {})).rejects.toMatchObject({
    name: 'ResourceError',
    code: 'run_timeout',
    message: 'pool("things"): none could be made within 20 ms (create)',
  })
  await pool.close()
})

test.each([
  [{ max: 0 }, 'max is a whole number from 1'],
  [{ max: undefined }, 'max is a whole number'],
  [{ min: 4 }, 'min is at most max'],
  [{ destroy: undefined }, 'destroy is a function'],
  [{ validate: true }, 'validate is a function'],
  [{ idle: 0 }, 'idle is a whole number from 1'],
])('options %j are refused: %s', (wrong, words) => {
  expect(() => poolSettings('pool("things")', { ...new Things().options, ...wrong })).toThrow(words)
})
