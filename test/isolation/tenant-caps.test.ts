/** How much a tenant may use at once: beyond it the tenant is refused, and no other one. What ends gives its room back. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { callTool, toolResponse } from '../support/stateless.ts'
import { type ForTenants, postHeaders, startForTenants } from './two-tenants.ts'

const settingsWith = (maxConnections: number): PartialSettings => ({
  upstreams: upstreamsOf({ only: { args: [echoModern], stateless: 'shared' } }),
  tenants: {
    small: { upstreams: ['*'], maxConnections },
    busy: { upstreams: ['*'], maxCalls: 2 },
    other: { upstreams: ['*'] },
  },
})

let served: ForTenants
const hi = { text: 'hi' }

beforeAll(async () => {
  served = await startForTenants(settingsWith(2), afterAll)
})

function used(tenant: string): unknown {
  return served.gateway.overview.tenantUse().find((one) => one.tenant === tenant)
}

test('sessions and exchanges beyond the bound are refused, and the room of one that ends is free', async () => {
  const small = served.url('small')
  const [first] = [await openSession(small), await openSession(small)]
  const refused = await send(small, {
    method: 'POST',
    headers: postHeaders,
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    }),
  })
  await refused.whole()
  const [message] = messagesOf(refused)
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1'])
  expect(message?.error?.data).toMatchObject({ reason: 'tenant_at_capacity', scope: 'clients', limit: 2 })
  expect(reasonOf(await toolResponse(small, 'echo', hi))).toBe('tenant_at_capacity')
  expect((await initialize(served.url('other'))).status).toBe(200)
  // Sessions that are open go on.
  expect(await first.text('echo', hi)).toBe('hi')
  await first.end()
  expect((await initialize(small)).status).toBe(200)
  expect((await initialize(small)).status).toBe(429)
  await served.gateway.reload(fillSettings(settingsWith(3), thisMachine()))
  expect((await initialize(small)).status).toBe(200)
  expect(used('small')).toMatchObject({ clients: 3, maxClients: 3 })
})

test('calls beyond the bound are refused in both eras, and an end by any way gives room back', async () => {
  const busy = served.url('busy')
  const session = await openSession(busy)
  const cut = await callTool(busy, 'slow', { ms: 60_000, steps: 600 }, { meta: { progressToken: 1 } })
  const running = session.call('slow', { ms: 60_000 }, { id: 9 })
  await eventually('both calls run', () => JSON.stringify(used('busy')).includes('"calls":2'))
  expect(reasonOf(await session.response('echo', hi))).toBe('tenant_at_capacity')
  expect(reasonOf(await toolResponse(busy, 'echo', hi))).toBe('tenant_at_capacity')
  expect(reasonOf(await toolResponse(served.url('other'), 'echo', hi))).toBeUndefined()
  cut.cut()
  await session.notify('notifications/cancelled', { requestId: 9 })
  await running
  await eventually('nothing runs', () => JSON.stringify(used('busy')).includes('"calls":0'))
  expect(await session.text('echo', hi)).toBe('hi')
  expect(reasonOf(await toolResponse(busy, 'echo', hi))).toBeUndefined()
  await session.end()
  await eventually('nothing is counted', () => used('busy') === undefined)
})

test('sessions of a tenant wait for the workers that it may have, and those of another tenant do not', async () => {
  const tenants = { tight: { upstreams: ['*'], maxWorkers: 1 }, other: { upstreams: ['*'] } }
  const upstreams = upstreamsOf({ only: { args: [echoLegacy], mode: 'session' } })
  const { gateway, url } = await startForTenants({ upstreams, tenants }, onTestFinished)
  const usedBy = (name: string): unknown => gateway.overview.tenantUse().find(({ tenant }) => tenant === name)
  const [one, next, free] = [
    await openSession(url('tight')),
    await openSession(url('tight')),
    await openSession(url('other')),
  ]
  expect(await one.text('echo', hi)).toBe('hi')
  const waits = next.text('echo', hi)
  await eventually('it waits', () => JSON.stringify(usedBy('tight')).includes('"calls":1'))
  expect(await free.text('echo', hi)).toBe('hi')
  expect([usedBy('tight'), usedBy('other')]).toMatchObject([{ workers: 1, maxWorkers: 1, calls: 1 }, { workers: 1 }])
  await one.end()
  expect(await waits).toBe('hi')
})
