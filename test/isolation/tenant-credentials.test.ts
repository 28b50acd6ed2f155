/**
 * Credentials and arguments that a tenant has of its own at a server: they reach its own processes and no other one, in
 * whatever way processes are shared, started in advance, replaced or learnt from.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import type { Mode } from '../../src/upstreams/options.ts'
import { eventually } from '../support/eventually.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'
import { type ForTenants, startForTenants } from './two-tenants.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'credentials.mjs')

interface Variables {
  readonly pid: number
  readonly CRED_TOKEN?: string
  readonly CRED_OTHER?: string
}

function tenantsWith(token: string): NonNullable<PartialSettings['tenants']> {
  return {
    default: { upstreams: ['*'] },
    a: { env: { main: { CRED_TOKEN: token, CRED_OTHER: 'of-a' } } },
    b: { env: { main: { CRED_TOKEN: 'token-of-b' } } },
    c: {},
  }
}

function settingsWith(token: string, mode: Mode = 'session'): PartialSettings {
  const main = { args: [server], mode, stateless: 'principal' as const, spares: 2, env: { CRED_BASE: 'of-all' } }
  return { upstreams: upstreamsOf({ main, other: { args: [server] } }), tenants: tenantsWith(token) }
}

async function variablesOf(session: Session): Promise<Variables> {
  return JSON.parse(await session.text('main__env')) as Variables
}

function toolsIn({ result }: RpcMessage): string[] {
  return ((result?.['tools'] ?? []) as Array<{ name: string }>).map(({ name }) => name)
}

/** What the kernel says of the environment of each process of all upstreams, by key of the upstream. */
async function environments({ gateway }: ForTenants): Promise<Record<string, string[]>> {
  const states = await gateway.upstreamStates()
  const entries = states.map(({ name }): [string, string[]] => {
    const pids = (gateway.operations(name)?.workers() ?? []).flatMap(({ pid, state }) =>
      state === 'ended' || pid === undefined ? [] : pid,
    )
    return [name, pids.map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8'))]
  })
  return Object.fromEntries(entries)
}

async function expectNothingForeign(served: ForTenants): Promise<void> {
  const found = await environments(served)
  for (const [key, texts] of Object.entries(found))
    for (const text of texts) {
      expect(text.includes('CRED_TOKEN=token-of-a'), key).toBe(key === 'main@a')
      expect(text.includes('CRED_OTHER=of-a'), key).toBe(key === 'main@a')
      expect(text.includes('CRED_TOKEN=token-of-b'), key).toBe(key === 'main@b')
    }
  expect(found['main@a']?.length).toBeGreaterThan(0)
  expect(found['main']?.length).toBeGreaterThan(0)
}

test.each(['session', 'principal', 'tenant', 'call'] as const)(
  'in mode %s each tenant has the processes and lists of its own credentials',
  async (mode) => {
    const served = await startForTenants(settingsWith('token-of-a', mode))
    // Those of other tenants are there first, and at rest: they would be at hand.
    const c = await openSession(served.url('c'))
    const ofC = await variablesOf(c)
    expect(ofC).toMatchObject({ CRED_BASE: 'of-all' })
    expect(ofC.CRED_TOKEN).toBeUndefined()
    const [a, b] = [await openSession(served.url('a')), await openSession(served.url('b'))]
    expect(await variablesOf(a)).toMatchObject({ CRED_TOKEN: 'token-of-a', CRED_OTHER: 'of-a', CRED_BASE: 'of-all' })
    const ofB = await variablesOf(b)
    expect(ofB).toMatchObject({ CRED_TOKEN: 'token-of-b', CRED_BASE: 'of-all' })
    expect(ofB.CRED_OTHER).toBeUndefined()
    for (const [session, token] of [
      [a, 'token-of-a'],
      [b, 'token-of-b'],
      [c, 'nobody'],
    ] as const) {
      const listed = toolsIn(await session.request('tools/list'))
      expect(listed.filter((name) => name.startsWith('main__of_'))).toEqual([`main__of_${token}`])
      expect(listed).toContain('other__of_nobody')
    }
    await expectNothingForeign(served)
  },
)

test('clients without a session get those of their tenant', async () => {
  const served = await startForTenants(settingsWith('token-of-a'))
  for (const [tenant, token] of [
    ['b', 'token-of-b'],
    ['c', 'nobody'],
    ['a', 'token-of-a'],
  ] as const) {
    const url = served.url(tenant, 'main')
    const listed = toolsIn(await responseTo(await ask(url, 'tools/list', {}, { id: 1 }), 1))
    expect(listed.filter((name) => name.startsWith('of_'))).toEqual([`of_${token}`])
    const said = JSON.parse(textOf(await toolResponse(url, 'env'))) as Variables
    expect(said.CRED_TOKEN ?? 'nobody').toBe(token)
    const foreign = await toolResponse(url, token === 'token-of-a' ? 'of_token-of-b' : 'of_token-of-a')
    expect(foreign.error?.code).toBe(-32602)
  }
  await expectNothingForeign(served)
})

test('after a crash, and a replacement by the operator, a process has the same again', async () => {
  const served = await startForTenants(settingsWith('token-of-a'))
  const [a, b] = [await openSession(served.url('a')), await openSession(served.url('b'))]
  const before = await variablesOf(a)
  await a.response('main__die')
  const after = await variablesOf(a)
  expect(after.pid).not.toBe(before.pid)
  expect(after.CRED_TOKEN).toBe('token-of-a')
  const ofB = await variablesOf(b)
  // By the name of the server, those of tenants are meant as well.
  await served.gateway.operations('main')?.recycle()
  expect((await variablesOf(a)).pid).not.toBe(after.pid)
  expect((await variablesOf(b)).pid).not.toBe(ofB.pid)
  expect((await variablesOf(a)).CRED_TOKEN).toBe('token-of-a')
  expect((await variablesOf(b)).CRED_TOKEN).toBe('token-of-b')
  await expectNothingForeign(served)
})

test('other credentials in a reload replace the processes of that tenant alone', async () => {
  const served = await startForTenants(settingsWith('token-of-a'))
  const sessions = await Promise.all(['a', 'b', 'c'].map((tenant) => openSession(served.url(tenant))))
  const [a, b, c] = sessions
  if (!a || !b || !c) throw new Error('no sessions')
  const [ofA, ofB, ofC] = [await variablesOf(a), await variablesOf(b), await variablesOf(c)]
  await served.gateway.reload(fillSettings(settingsWith('second-token-of-a'), thisMachine()))
  expect(await variablesOf(a)).toMatchObject({ CRED_TOKEN: 'second-token-of-a' })
  expect(toolsIn(await a.request('tools/list'))).toContain('main__of_second-token-of-a')
  expect(await variablesOf(b)).toEqual(ofB)
  expect(await variablesOf(c)).toEqual(ofC)
  await eventually('the process with the old credential has ended', () => isGone(ofA.pid))
  const without = {
    ...settingsWith('x'),
    tenants: { default: { upstreams: ['*'] }, a: {}, b: tenantsWith('')['b'], c: {} },
  }
  await served.gateway.reload(fillSettings(without as PartialSettings, thisMachine()))
  expect((await variablesOf(a)).CRED_TOKEN).toBeUndefined()
  expect(await variablesOf(b)).toEqual(ofB)
})

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

test('a tenant whose credentials do not let the server start keeps no other one from it', async () => {
  const needy = upstreamsOf({ main: { args: [server, '--needs-token'], env: { CRED_TOKEN: 'of-all' } } })
  const served = await startForTenants({
    upstreams: needy,
    tenants: { good: { upstreams: ['*'] }, bad: { upstreams: ['*'], env: { main: { CRED_TOKEN: 'nobody' } } } },
  })
  const good = await openSession(served.url('good'))
  const refused = await openSession(served.url('bad')).then(
    () => 'served',
    (error: unknown) => String(error),
  )
  expect(refused).toContain('upstream_unavailable')
  expect(await good.text('of_of-all')).toBe('"of-all"')
  expect((await openSession(served.url('good'))).id).not.toBe(good.id)
  const states = await served.gateway.upstreamStates()
  expect(states.map(({ name, ok }) => [name, ok])).toEqual([
    ['main', true],
    ['main@bad', false],
  ])
})

test('what an operator does at the name of a server holds for those of tenants, also for those that come later', async () => {
  const served = await startForTenants(settingsWith('token-of-a'))
  const a = await openSession(served.url('a'))
  await variablesOf(a)
  served.gateway.operations('main')?.disable()
  onTestFinished(() => void served.gateway.operations('main')?.enable())
  expect((await a.response('main__env')).error?.data).toMatchObject({ reason: 'upstream_disabled' })
  const b = await openSession(served.url('b'))
  expect((await b.response('main__env')).error?.data).toMatchObject({ reason: 'upstream_disabled' })
  served.gateway.operations('main')?.enable()
  expect((await variablesOf(a)).CRED_TOKEN).toBe('token-of-a')
  expect((await variablesOf(b)).CRED_TOKEN).toBe('token-of-b')
})
