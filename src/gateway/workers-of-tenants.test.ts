import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callOf, createPoolFixture, type PoolFixture, queueWaitMs, settled } from '../../test/support/pool-fixture.ts'
import { type ManualClock, manualClock } from '../base/clock.ts'
import { asRefusal } from '../base/refusal.ts'
import type { Call } from '../protocol/call.ts'
import { TenantUse } from '../tenants/tenant-use.ts'
import type { Worker } from '../upstreams/worker.ts'
import { WorkersOfTenants } from './workers-of-tenants.ts'

const caps = { maxConnections: 100, maxCalls: 100, maxWorkers: 0, maxWaiting: 0, limitsOf: '', weight: 1 }

interface TwoPools {
  readonly clock: ManualClock
  readonly use: TenantUse
  readonly pools: readonly PoolFixture[]
}

/** Two upstreams with room for all, of which the tenant `bound` may have two workers together. */
function twoPools(): TwoPools {
  const clock = manualClock()
  const use = new TenantUse({ bound: { ...caps, maxWorkers: 2 }, free: caps })
  const workers = new WorkersOfTenants(use, clock)
  const pools = [0, 1].map(() => createPoolFixture('session', 20, 0, {}, workers, clock))
  for (const { pool } of pools) workers.join(pool)
  return { clock, use, pools }
}

/** Workers of a tenant that have not ended, in all pools. */
function workersOf(tenant: string, pools: readonly PoolFixture[]): number {
  return pools.flatMap(({ slots }) => slots.all).filter(({ owner }) => owner.group?.caller.principal.tenant === tenant)
    .length
}

test('a tenant has no more workers than it may, in any order of calls and ends', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        tenant: fc.constantFrom('bound', 'free'),
        client: fc.constantFrom('a', 'b', 'c'),
        at: fc.nat(1),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('finish', 'crash'), at: fc.nat(5) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(30, 500, 6000) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, use, pools } = twoPools()
      const running: Array<{ readonly fixture: PoolFixture; readonly worker: Worker }> = []
      const waits = new Set<Call>()
      const wait = async (fixture: PoolFixture, call: Call): Promise<void> => {
        waits.add(call)
        try {
          running.push({ fixture, worker: await fixture.pool.wait(fixture.groups.of(call), call) })
        } catch (error) {
          assert.equal(asRefusal(error)?.code, fixture.failing.isOn ? 'draining' : 'tenant_at_capacity')
        }
        waits.delete(call)
      }
      for (const one of steps) {
        const fixture = pools[one.do === 'call' ? one.at : 0]
        if (one.do === 'call' && fixture) void wait(fixture, callOf(`${one.tenant}-${one.client}`, one.tenant))
        else if (one.do === 'pass') {
          clock.advance(one.ms)
          for (const { pool } of pools) pool.sweep()
        } else if (one.do === 'finish') {
          const [ended] = running.splice(one.at, 1)
          ended?.worker.unreserve()
          ended?.fixture.pool.callEnded()
        } else if (one.do === 'crash') {
          const all = pools.flatMap(({ instances }) => [...instances.values()])
          all[one.at]?.exit(false)
        }
        await settled()
        assert(workersOf('bound', pools) <= 2)
        for (const { tenant, workers } of use.view()) assert.equal(workers, workersOf(tenant, pools), tenant)
      }
      for (const { pool, instances, failing } of pools) {
        failing.isOn = true
        pool.close()
        for (const instance of instances.values()) instance.exit(false)
      }
      await settled()
      assert.deepEqual([waits.size, use.view()], [0, []])
    }),
    { numRuns: 100 },
  )
})

test('at its bound a tenant waits, other tenants do not, and an idle worker of it gives way in whichever pool', async () => {
  const { clock, pools } = twoPools()
  const [one, other] = pools
  assert(one && other)
  const ask = (fixture: PoolFixture, client: string, tenant: string): Promise<Worker> => {
    const call = callOf(client, tenant)
    return fixture.pool.wait(fixture.groups.of(call), call)
  }
  const [first] = [await ask(one, 'a', 'bound'), await ask(one, 'b', 'bound')]
  let third: Worker | undefined
  void ask(other, 'c', 'bound').then((worker) => (third = worker))
  await settled()
  expect([third, other.pool.waiting, other.pool.lacksSlots]).toEqual([undefined, 1, false])
  expect(await ask(other, 'd', 'free')).toBeDefined()
  first.unreserve()
  one.pool.callEnded()
  // A worker that keeps the state of a session has to rest first.
  clock.advance(5100)
  other.pool.sweep()
  await settled()
  expect(first.closed).toBe(true)
  clock.advance(20)
  await settled()
  expect([third !== undefined, other.pool.waiting]).toEqual([true, 0])
})

test('a call that waits in vain is told of which bound, and when to try again', async () => {
  const { clock, pools } = twoPools()
  const [one, other] = pools
  assert(one && other)
  const calls = ['a', 'b', 'c'].map((client) => callOf(client, 'bound'))
  const refused: unknown[] = []
  for (const call of calls)
    one.pool.wait(one.groups.of(call), call).catch((error: unknown) => refused.push(asRefusal(error)))
  await settled()
  clock.advance(queueWaitMs)
  await settled()
  expect(refused).toMatchObject([{ code: 'tenant_at_capacity', details: { data: { scope: 'workers', limit: 2 } } }])
})
