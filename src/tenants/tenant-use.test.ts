import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Lease } from '../base/lease.ts'
import { asRefusal } from '../base/refusal.ts'
import { TenantUse } from './tenant-use.ts'

const caps = { maxConnections: 2, maxCalls: 1, maxWorkers: 0, maxWaiting: 0, limitsOf: '', weight: 3 }

function refusalOf(action: () => unknown): unknown {
  try {
    action()
    return undefined
  } catch (error) {
    const { code, details } = asRefusal(error) ?? {}
    return [code, details?.data]
  }
}

test('a tenant has so many clients and calls at once, and another one is not concerned', () => {
  const use = new TenantUse({ a: caps, default: { ...caps, maxConnections: 1 } })
  const first = use.take('a', 'clients')
  use.take('a', 'clients')
  expect(refusalOf(() => use.take('a', 'clients'))).toEqual(['tenant_at_capacity', { scope: 'clients', limit: 2 }])
  const call = use.take('a', 'calls')
  expect(refusalOf(() => use.take('a', 'calls'))).toEqual(['tenant_at_capacity', { scope: 'calls', limit: 1 }])
  for (const other of ['x', 'y', '__proto__']) {
    expect(use.take(other, 'clients')).toBeDefined()
    expect(refusalOf(() => use.take(other, 'clients'))).toBeDefined()
  }
  first?.release()
  first?.release()
  call?.release()
  expect(use.view()[0]).toMatchObject({ tenant: 'a', clients: 1, maxClients: 2, calls: 0, maxCalls: 1 })
  use.take('a', 'clients')
  expect(refusalOf(() => use.take('a', 'clients'))).toBeDefined()
})

test('a tenant that uses nothing any more takes no memory', () => {
  const use = new TenantUse({ default: caps })
  for (let at = 0; at < 10_000; at++) use.take(`tenant ${at}`, 'calls')?.release()
  expect(use.view()).toEqual([])
})

test('without settings nothing is counted, and a reload holds for what comes', () => {
  const use = new TenantUse({})
  expect([use.take('a', 'clients'), use.weightOf('a')]).toEqual([undefined, 1])
  use.replace({ a: { ...caps, maxConnections: 1 } })
  expect([use.take('a', 'clients') !== undefined, use.weightOf('a'), use.weightOf('b')]).toEqual([true, 3, 1])
  expect(refusalOf(() => use.take('a', 'clients'))).toBeDefined()
  use.replace({ a: caps })
  expect(use.take('a', 'clients')).toBeDefined()
})

test('tenants that share bounds have no more together than these, in any order, and one that shares none is not concerned', () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        tenant: fc.constantFrom('a', 'b', 'group', 'own', 'unnamed'),
        what: fc.constantFrom('clients' as const, 'calls' as const, 'workers' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), at: fc.nat(8) }) },
  )
  const bounds = { clients: 2, calls: 1, workers: 3 }
  const shares = { ...caps, maxConnections: 100, limitsOf: 'group' }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const use = new TenantUse({ a: shares, b: shares, group: { ...caps, maxWorkers: 3 }, own: caps, default: shares })
      let held: Array<{
        readonly tenant: string
        readonly what: keyof typeof bounds
        readonly lease: Lease | undefined
      }> = []
      for (const one of steps) {
        if (one.do === 'release') {
          const [given] = held.splice(one.at, 1)
          given?.lease?.release()
          given?.lease?.release()
          continue
        }
        const { tenant, what } = one
        const together = held.filter((other) => other.what === what && (other.tenant === 'own') === (tenant === 'own'))
        const isFull = together.length >= (tenant === 'own' && what === 'workers' ? Infinity : bounds[what])
        assert.equal(use.isFull(tenant, what), isFull)
        let lease: Lease | undefined
        const refusal = refusalOf(() => (lease = use.take(tenant, what)))
        assert.deepEqual(refusal, isFull ? ['tenant_at_capacity', { scope: what, limit: bounds[what] }] : undefined)
        if (!isFull) held = [...held, { tenant, what, lease }]
      }
      for (const { lease } of held) lease?.release()
      assert.deepEqual(use.view(), [])
    }),
  )
})

test('an operator sees what each tenant uses of shared bounds, and all of them together where the bounds are', () => {
  const use = new TenantUse({ a: { ...caps, limitsOf: 'group' }, b: { ...caps, limitsOf: 'group' }, group: caps })
  use.take('a', 'clients')
  use.take('b', 'clients')
  const clients = use.view().map(({ tenant, clients: now, maxClients }) => [tenant, now, maxClients])
  expect(clients).toEqual([
    ['a', 1, 2],
    ['group', 2, 2],
    ['b', 1, 2],
  ])
  expect(use.refusal('b', 'clients').message).toBe(
    'Tenant b and others that share its limits have 2 clients, and may have no more at once.',
  )
})
