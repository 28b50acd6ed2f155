/**
 * What a tenant may use: its clients see it, and nothing else, in lists and in calls, in both eras. What is hidden looks
 * as what is not there.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, reasonOf, type RpcMessage } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import { type ForTenants, startForTenants } from './two-tenants.ts'

const settings: PartialSettings = {
  upstreams: upstreamsOf({
    one: { args: [echoModern], stateless: 'shared' },
    two: { args: [echoModern], stateless: 'shared' },
  }),
  endpoints: { view: { tools: ['one__*'] }, rest: { tools: ['two__*'] } },
  tenants: {
    all: { upstreams: ['*'] },
    some: {
      upstreams: ['one'],
      tools: ['one__*', '!one__tool_*', '!one__env'],
      prompts: ['!*'],
      resources: ['*', '!echo://nonce'],
    },
    toolsOnly: { tools: ['two__echo'] },
    elsewhere: { upstreams: ['*'], endpoints: ['view', '/mcp/two'] },
    nothing: {},
  },
}

let served: ForTenants

// One gateway for all tests: none of them changes it.
beforeAll(async () => {
  served = await startForTenants(settings, afterAll)
  // One that has not started counts as a server with sessions.
  await eventually('both servers have started', async () =>
    (await ask(served.url('all'), 'tools/list').then((one) => one.whole())).includes('two__echo'),
  )
})

async function asked(tenant: string, method: string, params: JsonMap = {}, endpoint?: string): Promise<RpcMessage> {
  const answered = await ask(served.url(tenant, endpoint), method, params, { id: 1 })
  await answered.whole()
  const [message] = messagesOf(answered)
  if (!message) throw new Error(`no answer: ${answered.status} ${answered.text}`)
  return message
}

async function listed(tenant: string, kind: string, endpoint?: string): Promise<unknown[]> {
  const { result, error } = await asked(tenant, `${kind}/list`, {}, endpoint)
  if (error) throw new Error(JSON.stringify(error))
  const entries = result?.[kind] as ReadonlyArray<JsonMap>
  return entries.map(({ name, uri }) => uri ?? name)
}

/** A refusal without what differs in each: the id under which the log has it. */
function worded({ error }: RpcMessage): unknown {
  return { ...error, data: { ...error?.data, requestId: '' } }
}

test('lists show what the tenant may use, and calls reach it', async () => {
  const [all, some] = [await listed('all', 'tools'), await listed('some', 'tools')]
  expect(all).toEqual(expect.arrayContaining(['one__echo', 'one__tool_01', 'two__echo']))
  expect(some).toEqual(all.filter((name) => /^one__(?!tool_|env$)/.test(String(name))))
  expect(await listed('toolsOnly', 'tools')).toEqual(['two__echo'])
  const called = await asked('toolsOnly', 'tools/call', { name: 'two__echo', arguments: { text: 'hi' } })
  expect(JSON.stringify(called.result)).toContain('hi')
})

test('a hidden tool is refused with the words for one that is not there', async () => {
  const call = (tenant: string, name: string): Promise<RpcMessage> => asked(tenant, 'tools/call', { name })
  const hidden = [await call('some', 'one__env'), await call('some', 'two__echo'), await call('toolsOnly', 'two__env')]
  const unknown = [
    await call('some', 'one__nothing'),
    await call('some', 'three__x'),
    await call('all', 'two__nothing'),
  ]
  expect(new Set([...hidden, ...unknown].map((one) => JSON.stringify(worded(one)))).size).toBe(1)
  expect(reasonOf(hidden[0] ?? {})).toBe('invalid_params')
  const short = await asked('some', 'tools/call', { name: 'env' }, 'one')
  expect(worded(short)).toEqual(worded(hidden[0] ?? {}))
  expect(reasonOf(await asked('some', 'tools/call', { name: 'echo', arguments: { text: 'x' } }, 'one'))).toBeUndefined()
})

test('the operator is told which hidden tool was called, and of a name that a client made up only that it is unknown', async () => {
  const tools: unknown[] = []
  const stop = served.gateway.events.on('callEnded', ({ tool, upstream }) => tools.push([tool, upstream]))
  await asked('some', 'tools/call', { name: 'one__env' })
  await asked('some', 'tools/call', { name: 'env' }, 'one')
  await asked('some', 'tools/call', { name: 'one__made_up_by_a_client' })
  stop()
  expect(tools).toEqual([
    ['one__env', 'one'],
    ['env', 'one'],
    ['unknown', 'one'],
  ])
})

test('prompts and resources are hidden in lists, reads, completions and subscriptions', async () => {
  expect(await listed('some', 'prompts')).toEqual([])
  expect(await listed('all', 'prompts')).toContain('one__greet')
  const ofAll = await listed('all', 'resources')
  const [nonce, calls] = ['mcplex://one/echo://nonce', 'mcplex://one/echo://calls']
  expect(ofAll).toEqual(expect.arrayContaining([nonce, calls]))
  expect(await listed('some', 'resources')).toEqual([calls])
  expect(await listed('toolsOnly', 'resources')).toEqual([])
  const read = async (uri: string): Promise<unknown> => reasonOf(await asked('some', 'resources/read', { uri }))
  expect(await read(calls)).toBeUndefined()
  for (const uri of [nonce, 'mcplex://one/echo://non%63e', 'mcplex://two/echo://calls'])
    expect([uri, await read(uri)]).toEqual([uri, 'invalid_params'])
  expect(reasonOf(await asked('some', 'prompts/get', { name: 'one__greet', arguments: { name: 'x' } }))).toBe(
    'invalid_params',
  )
  for (const ref of [
    { type: 'ref/prompt', name: 'one__greet' },
    { type: 'ref/resource', uri: nonce },
  ]) {
    const params = { ref, argument: { name: 'name', value: '' } }
    expect(reasonOf(await asked('some', 'completion/complete', params))).toBe('invalid_params')
  }
})

test('an endpoint of which the tenant may use nothing, or not at all, is not there', async () => {
  const status = async (tenant: string, endpoint?: string): Promise<number> =>
    (await ask(served.url(tenant, endpoint), 'tools/list')).status
  expect(await listed('some', 'tools', 'view')).not.toContain('one__env')
  const [hidden, unknown] = [
    await ask(served.url('some', 'rest'), 'tools/list', {}, { id: 1 }),
    await ask(served.url('some', 'xxxxxxxx'), 'tools/list', {}, { id: 1 }),
  ]
  const texts = await Promise.all([hidden, unknown].map((one) => one.whole()))
  const bare = texts.map((text) => text.replace(/rest|xxxxxxxx/, 'NAME').replace(/id: \S+/, ''))
  expect([hidden.status, bare[0]]).toEqual([404, bare[1]])
  expect(texts[0]).not.toContain('two')
  expect(await status('some', 'two')).toBe(404)
  expect(await status('elsewhere')).toBe(404)
  expect([await status('elsewhere', 'view'), await status('elsewhere', 'two')]).toEqual([200, 200])
  expect(await status('elsewhere', 'one')).toBe(404)
})

test('the health report for clients names no server, that for the program all', async () => {
  const report = JSON.parse(await (await send(new URL('/health', served.url('some')).href)).whole()) as object
  expect(report).toMatchObject({ status: 'ok', checks: {} })
  expect(JSON.stringify(report)).not.toContain('two')
  expect(Object.keys((await served.gateway.health()).checks)).toEqual(['one', 'two'])
})

test('a tenant with nothing has no endpoint, and one without a name is refused before anything of it is read', async () => {
  expect((await ask(served.url('nothing'), 'tools/list')).status).toBe(404)
  for (const tenant of ['stranger', '__proto__', 'constructor', '']) {
    const answered = await send(served.url(tenant), { method: 'POST', body: '{' })
    expect([answered.status, await answered.whole()]).toEqual([403, expect.stringMatching(/^unknown_tenant: /)])
  }
})

describe('sessions', () => {
  const withSessions = (tenants: NonNullable<PartialSettings['tenants']>): PartialSettings => ({
    upstreams: upstreamsOf({ one: [echoLegacy] }),
    tenants,
  })

  test('a reload changes what running sessions may use, and tells them', async () => {
    const { url, gateway } = await startForTenants(
      withSessions({ acme: { upstreams: ['one'] }, other: { upstreams: ['one'] } }),
    )
    const [acme, other] = [await openSession(url('acme')), await openSession(url('other'))]
    const [stream, quiet] = [await acme.listen(), await other.listen()]
    await acme.request('resources/subscribe', { uri: 'echo://nonce' })
    const { pid } = await acme.whoami()
    expect(await acme.text('echo', { text: 'x' })).toBe('x')
    const report = await gateway.reload(
      fillSettings(
        withSessions({
          acme: { upstreams: ['one'], tools: ['!one__echo'], resources: ['!echo://nonce'] },
          other: { upstreams: ['one'] },
        }),
        thisMachine(),
      ),
    )
    expect(report.tenants).toEqual({ added: [], changed: ['acme'], removed: [] })
    await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
    expect(reasonOf(await acme.response('echo', { text: 'x' }))).toBe('invalid_params')
    expect(JSON.stringify((await acme.request('tools/list')).result)).not.toContain('"echo"')
    expect((await acme.whoami()).pid).toBe(pid)
    // The subscription to what is hidden now is over: the other resource is still told.
    await acme.request('resources/subscribe', { uri: 'echo://calls' })
    await acme.text('update', { uri: 'echo://nonce' })
    await acme.text('update', { uri: 'echo://calls' })
    await stream.event('the update', ({ data }) => data.includes('"echo://calls"'))
    expect(stream.events.some(({ data }) => data.includes('"echo://nonce"'))).toBe(false)
    expect(quiet.events.some(({ data }) => data.includes('list_changed'))).toBe(false)
  })

  test('a tenant that is taken away loses its sessions, and an unknown one may get what default has', async () => {
    const { url, gateway } = await startForTenants({
      ...withSessions({ default: { tools: ['echo'] }, acme: { upstreams: ['one'], tools: ['*'] } }),
      limits: { unknownTenants: 'default' },
    })
    const stranger = await openSession(url('stranger'))
    expect(JSON.stringify((await stranger.request('tools/list')).result)).toContain('"echo"')
    expect(reasonOf(await stranger.response('whoami'))).toBe('invalid_params')
    const acme = await openSession(url('acme'))
    await acme.whoami()
    const reasons: string[] = []
    gateway.events.on('sessionEnded', ({ tenant, reason }) => reasons.push(`${tenant}: ${reason}`))
    await gateway.reload(fillSettings(withSessions({ other: { upstreams: ['one'] } }), thisMachine()))
    await eventually('the sessions have ended', async () => (await gateway.health()).counts?.['sessions'] === 0)
    expect((await initialize(url('acme'))).status).toBe(403)
    expect(reasons.toSorted()).toEqual(['acme: tenant_removed', 'stranger: tenant_removed'])
  })

  test('an endpoint that is taken away is the reason of its sessions', async () => {
    const plain = withSessions({ acme: { upstreams: ['one'] } })
    const { url, gateway } = await startForTenants({ ...plain, endpoints: { view: { tools: ['one__*'] } } })
    await openSession(url('acme', 'view'))
    const stays = await openSession(url('acme'))
    const reasons: string[] = []
    gateway.events.on('sessionEnded', ({ reason }) => reasons.push(reason))
    await gateway.reload(fillSettings(plain, thisMachine()))
    await eventually('the session has ended', () => reasons.length > 0)
    expect(reasons).toEqual(['endpoint_removed'])
    expect(await stays.text('echo', { text: 'x' })).toBe('x')
  })
})
