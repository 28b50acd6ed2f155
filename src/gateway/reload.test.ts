/** What a reload does with the upstreams of tenants. */
import { expect, test } from 'vitest'
import type { Settings } from '../config/settings.ts'
import { changedOfTenants } from './reload.ts'
import { setupFor } from './tenant-setups.ts'

const settingsOf = (version: string): Settings =>
  ({
    upstreams: { github: { kind: 'stdio', command: version } },
    tenants: Object.fromEntries(['acme', 'bob', 'eve'].map((name) => [name, { env: { github: { TOKEN: name } } }])),
  }) as unknown as Settings

const upstreamsOf = (settings: Settings): Parameters<typeof changedOfTenants>[0] => ({
  all: (['started', 'failed', 'starting'] as const).map((standing, at) => {
    const tenant = ['acme', 'bob', 'eve'][at] ?? ''
    const setup = setupFor(settings, 'github', tenant)
    if (!setup) throw new Error('the tenant has nothing of its own')
    return { key: `github@${tenant}`, name: 'github', setup, standing }
  }),
})

test('a server that one tenant cannot start does not stop the reload of the others', () => {
  const { kept, prepared } = changedOfTenants(upstreamsOf(settingsOf('1')), settingsOf('2'), [])
  expect([...kept.keys()]).toEqual([])
  expect(prepared.map(([key]) => key)).toEqual(['github@acme', 'github@eve'])
})

test('what stays as it is is kept, whether it has started or not', () => {
  const { kept, prepared } = changedOfTenants(upstreamsOf(settingsOf('1')), settingsOf('1'), [])
  expect([...kept.keys()]).toEqual(['github@acme', 'github@bob', 'github@eve'])
  expect(prepared).toEqual([])
})
