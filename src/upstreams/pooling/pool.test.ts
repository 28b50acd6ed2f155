/** A pool with real slots, groups and connections, and calls that come, wait, end and are cancelled in any order. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  callOf,
  createPoolFixture,
  poolClock as clock,
  poolSettings,
  queueWaitMs,
  settled,
} from '../../../test/support/pool-fixture.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { Call } from '../../protocol/call.ts'
import { byTenant } from '../../protocol/fairness.ts'
import type { Worker, WorkerCall } from '../worker.ts'
import type { WorkerState } from '../worker-states.ts'

const states: readonly WorkerState[] = [
  'starting',
  'spare',
  'restoring',
  'idle',
  'busy',
  'unresponsive',
  'retiring',
  'ending',
]

test('calls only get workers of their group with room, within the limit, and every wait ends, in any order', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('call' as const), client: fc.constantFrom('a', 'b', 'c', 'd') }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constantFrom('finish', 'cancel', 'crash', 'silence', 'retire'), at: fc.nat(5) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(500, 6000, 70_000) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('session' as const, 'shared' as const),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 40 }),
      async (mode, bound, steps) => {
        const { groups, slots, pool, instances } = createPoolFixture(mode, bound)
        const running: Array<{ readonly worker: Worker; readonly call: WorkerCall }> = []
        const waits = new Set<Call>()
        const refused: Array<string | undefined> = []
        const begin = (worker: Worker, call: Call): void => {
          assert(groups.of(call).workers.has(worker), 'a worker of its own group')
          running.push({ worker, call: worker.begin(call, mode === 'session') })
          assert(worker.callsInFlight <= poolSettings.callsPerProcess)
        }
        const wait = async (call: Call): Promise<void> => {
          waits.add(call)
          try {
            const worker = await pool.wait(groups.of(call), call)
            worker.unreserve()
            if (worker.closed || call.cancel.cancelled) pool.callEnded()
            else begin(worker, call)
          } catch (error) {
            refused.push(asRefusal(error)?.code)
          }
          waits.delete(call)
        }
        const finish = (at: number): void => {
          const [one] = running.splice(at, 1)
          one?.worker.finish(one.call, undefined)
          pool.callEnded()
        }
        for (const one of steps) {
          if (one.do === 'call') {
            const call = callOf(one.client)
            const worker = pool.take(groups.of(call), call)
            if (worker) begin(worker, call)
            else void wait(call)
          } else if (one.do === 'pass') {
            clock.advance(one.ms)
            pool.sweep()
          } else if (one.do === 'finish') finish(one.at)
          else if (one.do === 'cancel') [...waits][one.at]?.cancel.cancel('enough')
          else if (one.do === 'crash') [...instances.values()][one.at]?.exit(false)
          else if (one.do === 'retire') slots.all[one.at]?.retire()
          else {
            const worker = [...instances.keys()][one.at]
            if (worker?.state === 'idle' || worker?.state === 'busy') worker.markUnresponsive()
          }
          await settled()
          const all = states.flatMap((state) => [...slots.in(state)].map((slot) => [state, slot] as const))
          assert(all.every(([state, slot]) => slot.state === state && slot.worker?.state === state))
          assert.equal(new Set(all.map(([, slot]) => slot)).size, all.length, 'each in one set')
          assert.deepEqual([slots.taken, slots.taken <= bound], [all.length, true])
          assert.equal(pool.waiting, waits.size)
          for (const { worker } of running) assert(worker.closed || worker.state !== 'idle')
        }
        while (running.length > 0) finish(0)
        for (const instance of instances.values()) instance.exit(false)
        pool.close()
        await settled()
        assert.equal(pool.waiting + waits.size, 0)
        const codes = new Set([undefined, 'overloaded', 'cancelled', 'draining', 'upstream_unavailable'])
        assert(refused.every((code) => code !== undefined && codes.has(code)))
      },
    ),
    { numRuns: 150 },
  )
})

test('the worker that has been idle longest is ended for a call of another client, and not before its time', async () => {
  const { groups, slots, pool } = createPoolFixture('session', 2)
  const [a, b, c] = ['a', 'b', 'c'].map((client) => callOf(client))
  assert(a && b && c)
  for (const call of [a, b]) {
    const worker = await pool.wait(groups.of(call), call)
    clock.advance(1000)
    worker.unreserve()
  }
  let given: Worker | undefined
  void pool.wait(groups.of(c), c).then((worker) => (given = worker))
  for (const ms of [3000, 900]) {
    clock.advance(ms)
    pool.sweep()
    await settled()
  }
  expect([given, pool.lacksSlots, pool.waiting, slots.in('idle').size]).toEqual([undefined, true, 1, 2])
  clock.advance(200)
  pool.sweep()
  await settled()
  pool.sweep()
  await settled()
  expect([given?.state, pool.waiting, groups.of(a).workers.size, groups.of(b).workers.size]).toEqual(['busy', 0, 0, 1])
})

test('a worker of the reserve is only for calls that have waited for long, and ends once it is no longer needed', async () => {
  const { groups, slots, pool } = createPoolFixture('session', 1, 1)
  const [a, b, c] = ['a', 'b', 'c'].map((client) => callOf(client))
  assert(a && b && c)
  const first = await pool.wait(groups.of(a), a)
  const given: Array<Worker | string | undefined> = []
  const waits = [b, c].map((call) => pool.wait(groups.of(call), call).then((worker) => given.push(worker)))
  waits[1]?.catch((error: unknown) => given.push(asRefusal(error)?.code))
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    pool.sweep()
    await settled()
  }
  await pass(2900)
  expect([given.length, slots.taken]).toEqual([0, 1])
  await pass(200)
  expect([given.length, slots.taken, slots.free]).toEqual([1, 2, -1])
  await pass(4000)
  expect([given.length, slots.taken], 'the reserve is in use').toEqual([1, 2])
  await pass(4000)
  expect(given[1]).toBe('overloaded')
  first.unreserve()
  await pass(4900)
  expect(slots.taken).toBe(2)
  await pass(200)
  expect([slots.taken, first.closed]).toEqual([1, true])
})

test('workers that are ending count when the reserve is no longer needed: no more of them end than are too many', async () => {
  const { groups, slots, pool, instances } = createPoolFixture('session', 2, 1)
  const given: Worker[] = []
  for (const call of ['a', 'b', 'c'].map((client) => callOf(client))) {
    void pool.wait(groups.of(call), call).then((worker) => given.push(worker))
    clock.advance(3100)
    pool.sweep()
    await settled()
  }
  expect([given.length, slots.free]).toEqual([3, -1])
  for (const instance of instances.values()) instance.lingers = true
  for (const worker of given) worker.unreserve()
  clock.advance(6000)
  for (let round = 0; round < 3; round++) pool.sweep()
  expect([slots.in('ending').size, slots.in('idle').size]).toEqual([1, 2])
})

test.each(['retiring', 'ending'] as const)(
  'a failed start beside a worker that is %s is told at once',
  async (state) => {
    const { groups, slots, pool, instances, failing } = createPoolFixture('shared', 2)
    const call = callOf('a')
    const worker = await pool.wait(groups.of(call), call)
    for (const instance of instances.values()) instance.lingers = true
    if (state === 'ending') worker.unreserve()
    slots.all[0]?.retire()
    expect(worker.state).toBe(state)
    failing.isOn = true
    let refused: string | undefined
    void pool.wait(groups.of(call), call).catch((error: unknown) => (refused = asRefusal(error)?.code))
    await settled()
    expect([refused, worker.state]).toEqual(['upstream_unavailable', state])
  },
)

test('calls wait on after a failed start while another worker of their group serves', async () => {
  const { groups, pool, failing } = createPoolFixture('shared', 2)
  const call = callOf('a')
  const [first] = [await pool.wait(groups.of(call), call), await pool.wait(groups.of(call), call)]
  failing.isOn = true
  let given: Worker | undefined
  void pool.wait(groups.of(call), call).then((worker) => (given = worker))
  await settled()
  expect([given, pool.waiting]).toEqual([undefined, 1])
  first?.unreserve()
  pool.callEnded()
  await settled()
  expect(given).toBe(first)
})

/** A shared pool of one worker that runs two calls, both taken, after calls that took four seconds each. */
async function takenPool() {
  const { groups, pool } = createPoolFixture('shared', 1)
  const group = groups.of(callOf('a'))
  for (let calls = 0; calls < 9; calls++) pool.callRan(4000)
  const workers = [await pool.wait(group, callOf('a')), await pool.wait(group, callOf('b'))]
  return { pool, group, workers }
}

test('a call that waits for a worker has a place in the fair line, and a time by what calls took of late', async () => {
  const { pool, group } = await takenPool()
  const calls = [callOf('a'), callOf('a'), callOf('a'), callOf('b')]
  for (const call of calls) void pool.wait(group, call).catch(() => {})
  const places = calls.map((call) => pool.placeOf(group, call))
  expect(places[0]).toEqual({ ahead: 0, expectedMs: 2000 })
  expect(places[3], 'one of each client in turn').toEqual({ ahead: 1, expectedMs: 4000 })
  expect(places[2]).toEqual({ ahead: 3, expectedMs: 8000 })
})

test('calls that wait get workers in turns of their tenants, by weight, however many sessions a tenant has', async () => {
  const fairness = byTenant((tenant) => (tenant === 'paying' ? 3 : 1))
  const { groups, pool } = createPoolFixture('shared', 1, 0, fairness)
  const group = groups.of(callOf('a'))
  const worker = await pool.wait(group, callOf('a'))
  await pool.wait(group, callOf('b'))
  const order: string[] = []
  const waiting = ['crowd', 'crowd', 'crowd', 'crowd', 'paying', 'paying', 'paying', 'paying']
  for (const [at, tenant] of waiting.entries())
    void pool.wait(group, callOf(tenant === 'paying' ? 'only' : `${at}`, tenant)).then(() => order.push(tenant))
  expect(pool.waiting).toBe(8)
  for (let ended = 0; ended < 8; ended++) {
    worker.unreserve()
    pool.callEnded()
    await settled()
  }
  expect(order).toEqual(['crowd', 'paying', 'paying', 'paying', 'crowd', 'paying', 'crowd', 'crowd'])
})

test('a call that cannot have a worker in time is refused at once, and told when it could have one', async () => {
  const { pool, group } = await takenPool()
  const ends = Array.from({ length: 6 }, (_, at) => pool.wait(group, callOf(`${at}`)).catch(asRefusal))
  await settled()
  expect(pool.waiting).toBe(5)
  expect(await ends[5]).toMatchObject({ code: 'overloaded', retryAfterMs: 2000 })
  clock.advance(queueWaitMs)
  expect(await ends[0], 'those that may come in time wait').toMatchObject({ code: 'overloaded', retryAfterMs: 12_000 })
})

test('a session without a worker is told when the first idle one of another may be ended', async () => {
  const { groups, pool } = createPoolFixture('session', 1)
  const worker = await pool.wait(groups.of(callOf('a')), callOf('a'))
  worker.unreserve()
  const second = callOf('b')
  const refused = pool.wait(groups.of(second), second).catch(asRefusal)
  await settled()
  expect(pool.placeOf(groups.of(second), second)).toEqual({ ahead: 0, expectedMs: undefined })
  worker.reserve()
  clock.advance(queueWaitMs - 1000)
  worker.unreserve()
  clock.advance(1000)
  expect(await refused).toMatchObject({ code: 'overloaded', retryAfterMs: 4000 })
})
