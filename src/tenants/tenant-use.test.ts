import { expect, test } from 'vitest'
import { asRefusal } from '../base/refusal.ts'
import { TenantUse } from './tenant-use.ts'

const caps = { maxConnections: 2, maxCalls: 1, maxWorkers: 0, maxWaiting: 0, weight: 3 }

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
