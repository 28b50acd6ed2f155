/**
 * Methods of extensions, and what they list: a tenant that may use some tools gets no further by a method that mcplex does
 * not know, and sees no hidden resource in a folder or skill.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PartialSettings } from '../../src/config/settings.ts'
import { eventually } from '../support/eventually.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { type JsonMap, reasonOf, type RpcMessage } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { type ForTenants, startForTenants } from './two-tenants.ts'

const files = [{ uri: 'file:///open/a' }, { uri: 'file:///secret/b' }, 'file:///secret/c', {}]
const skill = { uri: 'skill://travel/SKILL.md', name: 'travel', resources: files }

const server = JSON.stringify({
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: {},
      resources: { subscribe: true },
      completions: {},
      extensions: { 'io.modelcontextprotocol/skills': {}, 'x/own': {} },
    },
    serverInfo: { name: 'scripted', version: '1' },
  },
  'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
  'resources/list': { resources: [] },
  'resources/templates/list': { resourceTemplates: [] },
  'resources/directory/read': { resources: files },
  'skills/list': { skills: [skill] },
  'skills/get': { skill },
  'x/delete': { deleted: true },
})
const scripted = join(import.meta.dirname, '..', 'fixtures', 'scripted-server.mjs')

const settings: PartialSettings = {
  upstreams: upstreamsOf({
    one: { args: [scripted, server] },
    two: { args: [scripted, '{"tools/list":{"tools":[]}}'] },
  }),
  tenants: {
    guest: { tools: ['one__echo'] },
    reader: { upstreams: ['one'], resources: ['*', '!file:///secret/*'] },
    limited: { upstreams: ['*'], upstreamRates: ['one=1/h'] },
  },
}

let served: ForTenants

beforeAll(async () => {
  served = await startForTenants(settings, afterAll)
  await eventually('the server has started', async () => (await served.gateway.health()).status === 'ok')
})

async function asked(tenant: string, method: string, params: JsonMap = {}, endpoint?: string): Promise<RpcMessage> {
  const session = await openSession(served.url(tenant, endpoint))
  return session.request(method, params)
}

test.each(['one', undefined])('a tenant that may use one tool reaches no method of an extension at %s', async (at) => {
  const refused = await asked('guest', 'x/delete', { name: 'delete_x' }, at)
  expect([refused.error?.code, reasonOf(refused)]).toEqual([-32601, 'method_not_found'])
  const allowed = await asked('reader', 'x/delete', { name: 'delete_x' }, at)
  expect(allowed.result).toMatchObject({ deleted: true })
})

test.each([
  ['guest', 'notifications/roots/list_changed'],
  ['reader', 'notifications/x/own'],
])('of the notifications of a %s, its server gets %s', async (tenant, last) => {
  const session = await openSession(served.url(tenant, 'one'), { capabilities: { roots: { listChanged: true } } })
  // Its process gets notifications once it runs.
  await session.text('echo')
  await session.notify('notifications/x/own')
  await session.notify(last)
  await eventually('the last has come', async () => {
    const methods = JSON.parse(await session.text('echo', { notified: true })) as readonly string[]
    return methods.includes(last) && methods.includes('notifications/x/own') === (tenant === 'reader')
  })
})

test.each([
  ['one', 'file:///open/a', ''],
  [undefined, 'mcplex://one/file:///open/a', 'one/'],
])('a folder and a skill show no hidden resource at %s', async (at, shown, member) => {
  const folder = at === undefined ? 'mcplex://one/file:///open' : 'file:///open'
  const read = await asked('reader', 'resources/directory/read', { uri: folder }, at)
  expect(read.result?.['resources']).toEqual([{ uri: shown }])
  const listed = await asked('reader', 'skills/list', {}, at)
  expect(listed.result?.['skills']).toMatchObject([{ name: 'travel', resources: [{ uri: shown }] }])
  const uri = `skill://${member}travel/SKILL.md`
  const got = await asked('reader', 'skills/get', { uri }, at)
  expect(got.result?.['skill']).toEqual({ uri, name: 'travel', resources: [{ uri: shown }] })
})

test.each([
  'file:///open/../secret/b#{',
  'file:///open/%2e%2e/secret/b?{',
  'file:///s%65cret/b?%ff',
  'file:////secret/b',
  'file://host/secret/b',
])('a hidden resource is not read, subscribed to or completed as %s', async (uri) => {
  const session = await openSession(served.url('reader', 'one'))
  const open = await session.request('resources/read', { uri: 'file:///open/a' })
  expect(open.result).toMatchObject({ contents: [{ uri: 'file:///open/a' }] })
  const ref = { type: 'ref/resource', uri }
  for (const [method, params] of [
    ['resources/read', { uri }],
    ['resources/subscribe', { uri }],
    ['completion/complete', { ref, argument: { name: 'a', value: '' } }],
  ] as const)
    expect([method, reasonOf(await session.request(method, params))]).toEqual([method, 'invalid_params'])
})

test.each(['one', undefined])('a method of an extension counts for its server at %s', async (at) => {
  const reasons = async (): Promise<unknown[]> => {
    const session = await openSession(served.url('limited', at))
    return [reasonOf(await session.request('x/delete')), reasonOf(await session.request('x/delete'))]
  }
  expect((await reasons()).at(-1)).toBe('rate_limited')
})
