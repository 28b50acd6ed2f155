import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cancel } from './cancel.ts'
import { manualClock } from './clock.ts'
import { asRefusal, Refusal } from './refusal.ts'
import { WaitingLine } from './waiting-line.ts'

const waitMs = 1000

interface About {
  readonly key: string
  readonly number: number
}

interface Wait {
  readonly about: About
  readonly cancel: Cancel
  /** When the wait must be over unless it is let wait on. */
  readonly dueMs: number
  left: number
  result: number | undefined
  refused: string | undefined
}

const key = fc.constantFrom('a', 'b', '', '__proto__')

type Step =
  | { readonly do: 'wait'; readonly key: string }
  | { readonly do: 'offer'; readonly refused: ReadonlySet<string> }
  | { readonly do: 'give' | 'refuse' | 'cancel'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'let'; readonly waitOn: boolean }
  | { readonly do: 'drain' }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('wait' as const), key }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('offer' as const),
        refused: fc.uniqueArray(key, { maxLength: 2 }).map((keys) => new Set(keys)),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('give' as const, 'refuse' as const, 'cancel' as const),
        at: fc.nat(9),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 250, 600, 1000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('let' as const), waitOn: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  ),
  { maxLength: 60 },
)

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('every wait ends exactly once, within the bound, by a result, its deadline, its cancel or its owner', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (sequence, bound) => {
      const clock = manualClock(0)
      let isLetOn = false
      const all: Wait[] = []
      const line = new WaitingLine<number, About>({
        clock,
        bound,
        refusalWhenDue: () => (isLetOn ? undefined : new Refusal('overloaded')),
        onLeave({ number }) {
          const wait = all[number]
          assert.ok(wait)
          wait.left++
        },
      })
      const open = (): Wait[] => all.filter(({ left }) => left === 0)
      const waiterOf = (at: number) => line.waiters.find(({ about }) => about.number === open()[at]?.about.number)
      let result = 0
      for (const step of sequence) {
        if (step.do === 'wait') {
          const hasRoom = open().length < bound
          const about = { key: step.key, number: all.length }
          const one: Wait = {
            about,
            cancel: new Cancel(),
            dueMs: clock.now() + waitMs,
            left: 0,
            result: undefined,
            refused: undefined,
          }
          const promise = line.wait([step.key], about, waitMs, one.cancel)
          assert.equal(promise !== undefined, hasRoom)
          if (promise) all.push(one)
          promise?.then(
            (value) => {
              assert.equal(one.result ?? one.refused, undefined)
              one.result = value
            },
            (error: unknown) => {
              assert.equal(one.result ?? one.refused, undefined)
              one.refused = asRefusal(error)?.code ?? String(error)
            },
          )
        } else if (step.do === 'offer') {
          const before = open()
          const isTaken = line.offer((about) => (step.refused.has(about.key) ? undefined : ++result))
          assert.equal(
            isTaken,
            before.some(({ about }) => !step.refused.has(about.key)),
          )
          await settled()
          assert.equal(before.filter((wait) => wait.result === result && isTaken).length, isTaken ? 1 : 0)
        } else if (step.do === 'give') waiterOf(step.at)?.give(++result)
        else if (step.do === 'refuse') {
          const waiter = waiterOf(step.at)
          waiter?.refuse(new Refusal('upstream_unavailable'))
          // A wait that has ended stays as it is.
          waiter?.give(++result)
          waiter?.refuse(new Refusal('internal'))
        } else if (step.do === 'cancel') open()[step.at]?.cancel.cancel('gone')
        else if (step.do === 'pass') clock.advance(step.ms)
        else if (step.do === 'let') isLetOn = step.waitOn
        else {
          line.drain(new Refusal('draining'))
          assert.equal(open().length, 0)
        }
        await settled()
        assert.equal(line.size, open().length)
        assert.deepEqual(
          new Set(line.waiters.map(({ about }) => about.number)),
          new Set(open().map((one) => one.about.number)),
        )
        for (const { left, result: given, refused, cancel, dueMs } of all) {
          assert.equal(left, given === undefined && refused === undefined ? 0 : 1)
          if (left === 0) assert.ok(!cancel.cancelled)
          if (left === 0 && step.do === 'pass' && !isLetOn) assert.ok(clock.now() < dueMs + 250)
        }
      }
    }),
    { numRuns: 300 },
  )
})

describe('a wait', () => {
  const lineOf = (refusalWhenDue: () => Refusal | undefined, clock = manualClock(0)): WaitingLine<string, string> =>
    new WaitingLine({ clock, bound: 10, refusalWhenDue })
  const late = (): Refusal => new Refusal('overloaded')

  test('is refused at its deadline, not before', async () => {
    const clock = manualClock(0)
    const line = lineOf(late, clock)
    const waits = line.wait(['a'], 'a', waitMs, new Cancel())
    clock.advance(waitMs - 1)
    expect(line.size).toBe(1)
    clock.advance(1)
    await expect(waits).rejects.toMatchObject({ code: 'overloaded' })
    expect(line.size).toBe(0)
  })

  test('that is let wait on after its deadline still gets a result, and is refused once it is no longer', async () => {
    const clock = manualClock(0)
    let isLetOn = true
    const line = lineOf(() => (isLetOn ? undefined : late()), clock)
    const first = line.wait(['a'], 'first', waitMs, new Cancel())
    const second = line.wait(['a'], 'second', waitMs, new Cancel())
    clock.advance(5 * waitMs)
    expect(line.offer((about) => `for ${about}`)).toBe(true)
    expect(await first).toBe('for first')
    isLetOn = false
    clock.advance(250)
    await expect(second).rejects.toMatchObject({ code: 'overloaded' })
  })

  test('that was cancelled before it began never enters the line', async () => {
    const line = lineOf(late)
    const cancel = new Cancel()
    cancel.cancel('gone')
    await expect(line.wait(['a'], 'a', waitMs, cancel)).rejects.toMatchObject({ code: 'cancelled' })
    expect(line.size).toBe(0)
  })

  test('gets its turn key by key, and in the order of arrival within a key', async () => {
    const line = lineOf(late)
    const order: string[] = []
    const all = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) =>
      Promise.resolve(line.wait([name.slice(0, 1)], name, waitMs, new Cancel())).then(() => order.push(name)),
    )
    while (line.offer((about) => about));
    await Promise.all(all)
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3'])
  })

  test('may begin and end other waits while it is offered something', async () => {
    const line = lineOf(late)
    const first = line.wait(['a'], 'a', waitMs, new Cancel())
    const second = line.wait(['b'], 'b', waitMs, new Cancel())
    let third: Promise<string> | undefined
    const isTaken = line.offer((about) => {
      third ??= line.wait(['c'], 'c', waitMs, new Cancel())
      if (about === 'b') return 'result'
      for (const waiter of line.waiters) if (waiter.about === 'a') waiter.refuse(new Refusal('draining'))
      return undefined
    })
    expect(isTaken).toBe(true)
    await expect(first).rejects.toMatchObject({ code: 'draining' })
    expect(await second).toBe('result')
    expect(line.waiters.map(({ about }) => about)).toEqual(['c'])
    line.drain(new Refusal('draining'))
    await expect(third).rejects.toMatchObject({ code: 'draining' })
  })

  test('that cannot get its result in time is refused at once, by how many are served before it', async () => {
    const line = new WaitingLine<string, string>({
      clock: manualClock(0),
      bound: 10,
      refusalWhenDue: late,
      refusalAtOnce: (ahead, ms) => (ahead() * 400 > ms ? new Error(`${ahead()} are ahead`) : undefined),
    })
    const waits = Array.from({ length: 3 }, () => line.wait(['a'], 'a', waitMs, new Cancel()))
    await expect(line.wait(['a'], 'a', waitMs, new Cancel())).rejects.toThrow('3 are ahead')
    waits.push(line.wait(['b'], 'b', waitMs, new Cancel()))
    expect(line.size).toBe(4)
    while (line.offer((about) => about));
    expect(await Promise.all(waits.map((one) => Promise.resolve(one)))).toEqual(['a', 'a', 'a', 'b'])
  })

  test('of a shorter line takes the place of the last one of the longest line, in a full line', async () => {
    const line = new WaitingLine<string, number>({
      clock: manualClock(0),
      bound: 3,
      refusalWhenDue: late,
      refusalWhenDisplaced: (about) => new Error(`${about} had to go`),
    })
    const crowd = [1, 2, 3].map((number) => line.wait(['a'], number, waitMs, new Cancel()))
    expect(line.wait(['a'], 4, waitMs, new Cancel())).toBeUndefined()
    void line.wait(['b'], 5, waitMs, new Cancel())
    await expect(crowd[2]).rejects.toThrow('3 had to go')
    expect(line.waiters.map(({ about }) => about)).toEqual([1, 2, 5])
    expect(line.wait(['b'], 6, waitMs, new Cancel())).toBeUndefined()
  })
})
