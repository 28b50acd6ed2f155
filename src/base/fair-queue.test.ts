import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FairQueue, type Queued } from './fair-queue.ts'

interface Entry {
  readonly client: string
  readonly number: number
}

const client = fc.constantFrom('a', 'b', 'c', '', '__proto__')

type Step =
  | { readonly do: 'add'; readonly client: string }
  | { readonly do: 'offer'; readonly refused: ReadonlySet<string>; readonly removes: boolean }
  | { readonly do: 'remove'; readonly at: number }
  | { readonly do: 'drain' }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), client }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('offer' as const),
        refused: fc.uniqueArray(client, { maxLength: 2 }).map((clients) => new Set(clients)),
        removes: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), at: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  ),
  { maxLength: 80 },
)

/** A simple model of the queue: the clients in the order in which they are served next, each with its entries. */
class Model {
  lines: Array<{ client: string; entries: Entry[] }> = []

  get all(): Entry[] {
    return this.lines.flatMap(({ entries }) => entries)
  }

  add(entry: Entry): void {
    const line = this.lines.find(({ client: name }) => name === entry.client)
    if (line) line.entries.push(entry)
    else this.lines.push({ client: entry.client, entries: [entry] })
  }

  remove(entry: Entry): void {
    for (const line of this.lines) line.entries = line.entries.filter((one) => one !== entry)
    this.lines = this.lines.filter(({ entries }) => entries.length > 0)
  }

  /** The first entry of the first client that is not refused; that client goes to the end. */
  offer(refused: ReadonlySet<string>): Entry | undefined {
    const at = this.lines.findIndex(({ client: name }) => !refused.has(name))
    const [line] = at < 0 ? [] : this.lines.splice(at, 1)
    const entry = line?.entries.shift()
    if (line && line.entries.length > 0) this.lines.push(line)
    return entry
  }
}

describe('a fair queue', () => {
  test('takes one entry of each client in turn, whatever is added, removed and refused in between', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (sequence, bound) => {
        const queue = new FairQueue<Entry>(bound)
        const model = new Model()
        const queued = new Map<Entry, Queued<Entry>>()
        let number = 0
        const placeOf = (entry: Entry): Queued<Entry> => queued.get(entry) ?? assert.fail()
        for (const step of sequence) {
          if (step.do === 'add') {
            const entry = { client: step.client, number: number++ }
            const hasRoom = model.all.length < bound
            const place = queue.add([step.client], entry)
            assert.equal(place !== undefined, hasRoom)
            if (place) queued.set(entry, place)
            if (hasRoom) model.add(entry)
          } else if (step.do === 'offer') {
            let taken: Entry | undefined
            const isTaken = queue.offer((entry) => {
              if (step.refused.has(entry.client)) return false
              taken = entry
              // The entry that is offered may remove itself.
              if (step.removes) queue.remove(placeOf(entry))
              return true
            })
            assert.equal(taken, model.offer(step.refused))
            assert.equal(isTaken, taken !== undefined)
          } else if (step.do === 'remove') {
            const entry = model.all[step.at]
            if (!entry) continue
            model.remove(entry)
            assert.equal(queue.remove(placeOf(entry)), true)
            assert.equal(queue.remove(placeOf(entry)), false)
          } else {
            assert.deepEqual(queue.drain(), model.all)
            model.lines = []
          }
          expect(queue.size).toBe(model.all.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('makes an entry wait for at most one entry of each other client per entry of its own client', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(client, fc.nat(20)), { maxLength: 6 }),
        client,
        fc.nat(5),
        (crowd, name, before) => {
          const queue = new FairQueue<Entry>(1000)
          for (const [other, count] of crowd)
            for (let i = 0; i < count; i++) queue.add([other], { client: other, number: i })
          const own = { client: name, number: 1000 }
          for (let i = 0; i < before; i++) queue.add([name], { client: name, number: i })
          const ahead = crowd.reduce((sum, [other, count]) => (other === name ? sum + count : sum), before)
          queue.add([name], own)
          const others = new Set(crowd.filter(([other, count]) => other !== name && count > 0).map(([other]) => other))
          let served = 0
          let isServed = false
          while (!isServed) {
            expect(queue.offer((entry) => (isServed = entry === own) || true)).toBe(true)
            served++
          }
          expect(served).toBeLessThanOrEqual((ahead + 1) * (others.size + 1))
        },
      ),
    )
  })

  test('stays consistent when `take` adds and removes entries', () => {
    const changes = fc.array(fc.record({ do: fc.constantFrom('add', 'remove', 'drain'), client, at: fc.nat(10) }), {
      maxLength: 6,
    })
    const offers = fc.array(fc.record({ changes: fc.array(changes, { maxLength: 8 }), takes: fc.nat(8) }), {
      maxLength: 10,
    })
    fc.assert(
      fc.property(fc.array(client, { maxLength: 8 }), offers, (crowd, sequence) => {
        const bound = 10
        const queue = new FairQueue<Entry>(bound)
        const waiting = new Map<Entry, Queued<Entry>>()
        let number = 0
        const add = (name: string): void => {
          const entry = { client: name, number: number++ }
          const place = queue.add([name], entry)
          assert.equal(place !== undefined, waiting.size < bound)
          if (place) waiting.set(entry, place)
        }
        crowd.forEach(add)
        for (const step of sequence) {
          let offered = 0
          let taken: Entry | undefined
          const isTaken = queue.offer((entry) => {
            assert.ok(waiting.has(entry), 'an entry that has left is not offered any more')
            for (const change of step.changes[offered % Math.max(1, step.changes.length)] ?? []) {
              if (change.do === 'add') add(change.client)
              else if (change.do === 'drain') {
                queue.drain()
                waiting.clear()
              } else {
                const [leaving, place] = [...waiting][change.at] ?? []
                if (place) assert.ok(queue.remove(place))
                if (leaving) waiting.delete(leaving)
              }
            }
            assert.ok(offered++ < 100, 'an offer comes to an end')
            if (offered <= step.takes) return false
            taken = entry
            return true
          })
          assert.equal(isTaken, taken !== undefined)
          if (taken) waiting.delete(taken)
          assert.equal(queue.size, waiting.size)
        }
        assert.deepEqual(new Set(queue.drain()), new Set(waiting.keys()))
      }),
      { numRuns: 2000 },
    )
  })
})
