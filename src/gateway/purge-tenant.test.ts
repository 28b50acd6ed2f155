/** What of a tenant ends with its data: its own upstreams as well, with what was learnt with its credentials. */
import { expect, test } from 'vitest'
import { type PurgeNeeds, purgeTenant } from './purge-tenant.ts'
import { nameIn } from './tenant-setups.ts'

function needsOf(): { readonly needs: PurgeNeeds; readonly done: unknown[] } {
  const done: unknown[] = []
  const all = ['github', 'github@acme', 'files', 'github@acme2', 'github@default'].map((key) => ({
    key,
    name: nameIn(key),
    facts: undefined,
    behind: { endTenant: (tenant: string) => (done.push(`${key} ends ${tenant}`), 0) },
  }))
  const upstreams = {
    all,
    put: (keys: readonly string[]) => all.filter(({ key }) => !keys.includes(key)),
    discard: async ({ key }: { readonly key: string }) => void done.push(`discard ${key}`),
  }
  const needs = {
    sessions: { all: () => [] },
    runningCalls: [],
    upstreams,
    endpoints: { forget: (tenant: string) => void done.push(`forget ${tenant}`) },
    rateLimits: { forget: () => 0 },
    inForce: { settings: {} },
  } as unknown as PurgeNeeds
  return { needs, done }
}

test('the upstreams of the tenant alone end after its endpoints, those of others stay', async () => {
  const { needs, done } = needsOf()
  await purgeTenant('acme', needs)
  expect(done.slice(-2)).toEqual(['forget acme', 'discard github@acme'])
  expect(done.filter((one) => String(one).startsWith('discard'))).toHaveLength(1)
})

test('the upstreams of default stay: they are of all tenants without a name', async () => {
  const { needs, done } = needsOf()
  await purgeTenant('default', needs)
  expect(done.at(-1)).toBe('forget default')
})
