/** Rates of tenants: how a client is told that one is reached, over each transport, and by which of its names a tool counts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'
import { type ForTenants, postHeaders, startForTenants } from './two-tenants.ts'

const everything = { upstreams: ['*'] }

/** Rates that give nothing back within the test. */
const settings: PartialSettings = {
  upstreams: upstreamsOf({
    one: { args: [echoModern], stateless: 'shared' },
    two: { args: [echoModern], stateless: 'shared' },
  }),
  aliases: { say: 'one__echo' },
  tenants: {
    free: everything,
    narrow: { ...everything, rate: '3/h' },
    users: { ...everything, subjectRate: '2/h' },
    tools: { ...everything, toolRates: ['one__echo=3/h'], upstreamRates: ['two=1/h'] },
    batches: { ...everything, rate: '4/h', costs: ['tools/list=2'] },
    tried: { ...everything, rate: '1/h', dryRun: true },
    changed: { ...everything, rate: '1/h' },
  },
}

let served: ForTenants
const hi = { text: 'hi' }

beforeAll(async () => {
  served = await startForTenants(settings, afterAll)
  await eventually('both servers have started', async () =>
    (await ask(served.url('free'), 'tools/list').then((one) => one.whole())).includes('two__echo'),
  )
})

test('an answer says what is left, and a refusal when to come again', async () => {
  const first = await callTool(served.url('narrow'), 'one__echo', hi)
  await first.whole()
  expect([first.status, first.headers['ratelimit-policy'], first.headers['ratelimit']]).toEqual([
    200,
    '"tenant";q=3;w=3600',
    '"tenant";r=2',
  ])
  await Promise.all([ask(served.url('narrow'), 'tools/list'), ask(served.url('narrow'), 'prompts/list')])
  const refused = await ask(served.url('narrow'), 'tools/list', {}, { id: 7 })
  await refused.whole()
  const [message] = messagesOf(refused)
  const seconds = Number(refused.headers['retry-after'])
  expect([refused.status, message?.id, message?.error?.code]).toEqual([429, 7, -32603])
  expect(message?.error?.data).toMatchObject({ reason: 'rate_limited', scope: 'tenant', limit: '3/h, burst 3' })
  expect(seconds).toBeGreaterThan(1000)
  expect(seconds).toBeLessThanOrEqual(1200)
  expect(Math.ceil(Number(message?.error?.data?.['retryAfterMs']) / 1000)).toBe(seconds)
  expect(refused.headers['ratelimit']).toBe(`"tenant";r=0;t=${seconds}`)
  const free = await ask(served.url('free'), 'tools/list')
  expect([free.status, free.headers['ratelimit']]).toEqual([200, undefined])
})

test('sessions count by their messages, and each subject has a rate of its own', async () => {
  // The handshake is one operation, a ping and notifications are none.
  const session = await openSession(served.url('users', 'one', 'ann'))
  await session.request('ping')
  expect(reasonOf(await session.response('echo', hi))).toBeUndefined()
  expect(reasonOf(await session.response('echo', hi))).toBe('rate_limited')
  expect(reasonOf(await session.request('ping'))).toBeUndefined()
  expect(reasonOf(await toolResponse(served.url('users', 'one', 'ann'), 'echo', hi))).toBe('rate_limited')
  expect(reasonOf(await toolResponse(served.url('users', 'one', 'bob'), 'echo', hi))).toBeUndefined()
})

test('a tool counts under each of its names, at each endpoint', async () => {
  const call = async (tool: string, endpoint?: string): Promise<unknown> =>
    reasonOf(await toolResponse(served.url('tools', endpoint), tool, hi))
  expect([await call('one__echo'), await call('say'), await call('echo', 'one')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  for (const [tool, endpoint] of [['one__echo'], ['say'], ['echo', 'one']] as const)
    expect([tool, await call(tool, endpoint)]).toEqual([tool, 'rate_limited'])
  expect(await call('one__whoami')).toBeUndefined()
  expect([await call('two__echo'), await call('two__whoami'), await call('whoami', 'two')]).toEqual([
    undefined,
    'rate_limited',
    'rate_limited',
  ])
})

test('a batch costs what its messages do together, and takes all or nothing', async () => {
  const session = await openSession(served.url('batches', 'one'), { version: '2025-03-26' })
  const batch = (...methods: readonly string[]): Promise<{ readonly status: number }> => {
    const body = JSON.stringify(methods.map((method, id) => ({ jsonrpc: '2.0', id, method })))
    return send(served.url('batches', 'one'), { method: 'POST', headers: { ...session.headers, ...postHeaders }, body })
  }
  expect((await batch(...Array.from({ length: 60 }, () => 'prompts/list'))).status).toBe(429)
  expect((await batch('tools/list', 'tools/list')).status).toBe(429)
  expect((await batch('tools/list', 'prompts/list')).status).toBe(200)
  expect((await batch('prompts/list')).status).toBe(429)
})

test('a limit that is tried out refuses nothing and counts, a changed one holds at once', async () => {
  for (let at = 0; at < 3; at++) expect((await ask(served.url('tried'), 'tools/list')).status).toBe(200)
  const tried = served.gateway.overview.tenantLimits().filter(({ tenant }) => tenant === 'tried')
  expect(tried).toMatchObject([{ scope: 'tenant', dryRun: true, allowed: 1, refused: 0, wouldRefuse: 2 }])
  expect((await initialize(served.url('changed'))).status).toBe(200)
  expect((await initialize(served.url('changed'))).status).toBe(429)
  const { changed: _changed, ...tenants } = settings.tenants ?? {}
  const next = { ...settings, tenants: { ...tenants, changed: { ...everything, rate: '1/s, burst 50' } } }
  await served.gateway.reload(fillSettings(next, thisMachine()))
  expect((await initialize(served.url('changed'))).status).toBe(200)
  // What is left of others is kept.
  expect((await ask(served.url('narrow'), 'tools/list')).status).toBe(429)
})
