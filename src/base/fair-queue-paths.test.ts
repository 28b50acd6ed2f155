/** Fairness between tenants by their weights, and between the sessions of each tenant. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FairQueue, type Queued } from './fair-queue.ts'

interface Entry {
  readonly tenant: string
  readonly session: string
  readonly number: number
}

const tenants = ['a', 'b', 'c']
const sessions = ['1', '2', '3']
const path = fc.record({ tenant: fc.constantFrom(...tenants), session: fc.constantFrom(...sessions) })
const weights = fc.record(Object.fromEntries(tenants.map((tenant) => [tenant, fc.constantFrom(1, 1.5, 2, 5, 7.25)])))

function weighted(of: Readonly<Record<string, number>>, bound = 10_000): FairQueue<Entry> {
  return new FairQueue({ bound, weightOf: (keys) => (keys.length === 1 ? (of[keys[0] ?? ''] ?? 1) : 1) })
}

const pathOf = ({ tenant, session }: Omit<Entry, 'number'>): readonly string[] => [tenant, session]

function taken(queue: FairQueue<Entry>): Entry {
  let found: Entry | undefined
  assert.ok(queue.offer((entry) => ((found = entry), true)))
  return found ?? assert.fail()
}

test('tenants get their weights, and the sessions of a tenant equal parts, at every moment while all of them wait', () => {
  fc.assert(
    fc.property(weights, fc.uniqueArray(path, { minLength: 1, selector: (one) => pathOf(one).join() }), (of, paths) => {
      const queue = weighted(of)
      const each = 200
      for (let number = 0; number < each; number++)
        for (const one of paths) assert.ok(queue.add(pathOf(one), { ...one, number }))
      const got = new Map<string, number>()
      const add = (key: string): number => got.set(key, (got.get(key) ?? 0) + 1).get(key) ?? 0
      // Until the first line is empty.
      for (;;) {
        const { tenant, session, number } = taken(queue)
        assert.equal(add(`${tenant}/${session}`), number + 1, 'first come, first served within a session')
        add(tenant)
        if (number === each - 1) break
        const names = new Set(paths.map((one) => one.tenant))
        for (const one of names)
          for (const other of names) {
            const [turns, others] = [one, other].map((name) => (got.get(name) ?? 0) / (of[name] ?? 1))
            assert.ok(Math.abs((turns ?? 0) - (others ?? 0)) < 2, 'no tenant is more than one turn ahead')
          }
        for (const name of names) {
          const counts = paths.filter((one) => one.tenant === name).map((one) => got.get(pathOf(one).join('/')) ?? 0)
          assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
        }
      }
    }),
    { numRuns: 60 },
  )
})

type Step =
  | { readonly do: 'add'; readonly at: Omit<Entry, 'number'> }
  | { readonly do: 'take' }
  | { readonly do: 'leave'; readonly at: number }

const churn: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), at: path }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), at: fc.nat(30) }) },
  ),
  { maxLength: 60 },
)

/** Runs the steps; what waits in the end, in the order in which it came. */
function afterChurn(queue: FairQueue<Entry>, steps: readonly Step[]): Map<Entry, Queued<Entry>> {
  const waiting = new Map<Entry, Queued<Entry>>()
  for (const [number, step] of steps.entries()) {
    if (step.do === 'add') {
      const entry = { ...step.at, number }
      const place = queue.add(pathOf(entry), entry)
      if (place) waiting.set(entry, place)
    } else if (step.do === 'take') {
      if (queue.size > 0) waiting.delete(taken(queue))
    } else {
      const [entry, place] = [...waiting][step.at] ?? []
      if (place) assert.ok(queue.remove(place))
      if (entry) waiting.delete(entry)
    }
    assert.equal(queue.size, waiting.size)
  }
  return waiting
}

test('tells exactly how many are served before a new entry, after any churn', () => {
  fc.assert(
    fc.property(weights, churn, path, (of, steps, at) => {
      const queue = weighted(of)
      afterChurn(queue, steps)
      const own = { ...at, number: -1 }
      const ahead = queue.ahead(pathOf(at))
      queue.add(pathOf(at), own)
      queue.add(pathOf(at), { ...at, number: -2 })
      assert.equal(queue.aheadOf(pathOf(at), own), ahead)
      let served = 0
      while (taken(queue) !== own) served++
      assert.equal(ahead, served)
    }),
    { numRuns: 1000 },
  )
})

test('loses no entry and serves none twice, whatever leaves meanwhile', () => {
  fc.assert(
    fc.property(weights, churn, fc.integer({ min: 1, max: 20 }), (of, steps, bound) => {
      const queue = weighted(of, bound)
      const waiting = afterChurn(queue, steps)
      assert.ok(waiting.size <= bound)
      while (queue.size > 0) assert.ok(waiting.delete(taken(queue)))
      assert.equal(waiting.size, 0)
      assert.deepEqual(queue.entries, [])
    }),
    { numRuns: 500 },
  )
})

test('in a full queue, room for a new session is made at the end of the longest line, never for that line', () => {
  fc.assert(
    fc.property(fc.array(path, { minLength: 2, maxLength: 40 }), path, (crowd, at) => {
      const queue = new FairQueue<Entry>(crowd.length)
      for (const [number, one] of crowd.entries()) queue.add(pathOf(one), { ...one, number })
      assert.equal(queue.add(pathOf(at), { ...at, number: -1 }), undefined)
      const count = (matches: (one: Omit<Entry, 'number'>) => boolean): number => crowd.filter(matches).length
      // With the new entry.
      const ofTenant = (tenant: string): number =>
        count((one) => one.tenant === tenant) + (tenant === at.tenant ? 1 : 0)
      const last = queue.lastOfLongest(pathOf(at))
      if (last) {
        const { tenant, session, number } = last.entry
        assert.equal(ofTenant(tenant), Math.max(...tenants.map(ofTenant)))
        const line = crowd.flatMap((one, index) => (one.tenant === tenant && one.session === session ? index : []))
        assert.equal(number, line.at(-1))
        if (tenant === at.tenant) assert.ok(line.length > count((one) => pathOf(one).join() === pathOf(at).join()) + 1)
        else assert.ok(ofTenant(tenant) > ofTenant(at.tenant))
        assert.ok(queue.remove(last))
        assert.ok(queue.add(pathOf(at), { ...at, number: -1 }))
      } else assert.equal(ofTenant(at.tenant), Math.max(...tenants.map(ofTenant)))
    }),
    { numRuns: 500 },
  )
})

test('a session with many entries delays one of another tenant by its turn alone', () => {
  const queue = weighted({ a: 1, b: 1 })
  for (let number = 0; number < 1000; number++) queue.add(['a', '1'], { tenant: 'a', session: '1', number })
  for (const session of sessions) queue.add(['b', session], { tenant: 'b', session, number: 0 })
  expect(Array.from({ length: 6 }, () => taken(queue).tenant)).toEqual(['a', 'b', 'a', 'b', 'a', 'b'])
})
