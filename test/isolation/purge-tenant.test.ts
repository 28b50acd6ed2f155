/** What `mcplex tenants purge` deletes: everything of one tenant, and nothing of another one under equal names. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, afterAll, expect, onTestFinished, test } from 'vitest'
import { createAdmin, type Admin } from '../../src/admin/admin.ts'
import type { Backplane } from '../../src/backplane/backplane.ts'
import { createMemoryBackplane } from '../../src/backplane/memory.ts'
import { systemClock as clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { Refusal } from '../../src/base/refusal.ts'
import { SecretValues } from '../../src/base/secret-values.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import { composeGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { nodeHandler } from '../../src/transports/http/listen.ts'
import { runs } from '../children/processes.ts'
import { askAt } from '../support/door.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

/** The keys that a backplane holds at this moment. */
function watched(backplane: Backplane, keys: Set<string>): Backplane {
  const { records, journals } = backplane
  const owners = new Map<string, string>()
  return {
    ...backplane,
    slots: backplane.slots,
    limits: backplane.limits,
    mailboxes: backplane.mailboxes,
    close: () => backplane.close(),
    records: {
      read: (key, extendMs) => records.read(key, extendMs),
      timeLeft: (key) => records.timeLeft(key),
      replace: (key, value, version, ttlMs) => records.replace(key, value, version, ttlMs),
      create(key, value, ttlMs) {
        keys.add(key)
        return records.create(key, value, ttlMs)
      },
      remove(key) {
        if (isStoreAway) return Promise.reject(new Refusal('store_unavailable'))
        keys.delete(key)
        return records.remove(key)
      },
    },
    journals: {
      read: (stream, after) => journals.read(stream, after),
      tail: (stream, wake) => journals.tail(stream, wake),
      end: (stream, retentionMs) => journals.end(stream, retentionMs),
      append(stream, events, bounds) {
        keys.add(stream)
        owners.set(stream, bounds.owner?.name ?? '')
        return journals.append(stream, events, bounds)
      },
      drop(stream) {
        keys.delete(stream)
        return journals.drop(stream)
      },
      dropAll(owner) {
        for (const [stream, of] of owners) if (of === owner) keys.delete(stream)
        return journals.dropAll(owner)
      },
    },
  }
}

let isStoreAway = false
const kept = new Set<string>()
const folder = mkdtempSync(join(tmpdir(), 'mcplex-purge-'))
const door = join(folder, 'door')
let gateway: Gateway
let admin: Admin
let urlOf: (tenant: string, endpoint: string, subject?: string) => string
let end: () => Promise<void>

beforeAll(async () => {
  const memory = createMemoryBudget(512 * 1024 ** 2)
  const tenant = { upstreams: ['*'], rate: '1000/h', subjectRate: '500/h', quota: ['1000/day'] }
  gateway = composeGateway({
    settings: fillSettings(
      {
        upstreams: upstreamsOf({
          own: { args: [echoLegacy], mode: 'session' },
          team: { args: [echoLegacy], mode: 'tenant' },
          all: { args: [echoLegacy], mode: 'shared' },
        }),
        // A busy machine must not have sessions refused here.
        limits: { hasOverloadSteps: false },
        tenants: {
          red: tenant,
          blue: tenant,
          green: { ...tenant, args: { all: { unused: 'of green' } } },
          grey: { ...tenant, args: { all: { unused: 'of grey' } } },
        },
      },
      thisMachine(),
    ),
    backplane: watched(createMemoryBackplane({ clock, memory }), kept),
    authenticate: async ({ query }) => {
      const said = new URLSearchParams(query)
      return { tenant: said.get('tenant') ?? 'none', subject: said.get('subject') ?? 'same' }
    },
  })
  await gateway.start()
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  const port = typeof address === 'object' && address ? address.port : 0
  urlOf = (of, endpoint, subject = 'same') =>
    `http://127.0.0.1:${port}/mcp/${endpoint}?${new URLSearchParams({ tenant: of, subject }).toString()}`
  admin = createAdmin({
    gateway,
    process: {
      endpoint: undefined,
      config: undefined,
      drainMs: 1000,
      drain() {},
      reload: () => undefined,
      reloads: () => ({ begun: 0 }),
    },
    secretValues: new SecretValues(),
    clock,
    log: silentLog,
  })
  await admin.openSocket(door)
  end = async () => {
    admin.close()
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await gateway.close()
  }
})
afterAll(async () => {
  await end?.()
  rmSync(folder, { recursive: true, force: true })
})

interface Begun {
  readonly sessions: readonly Session[]
  readonly pids: readonly number[]
  readonly shared: number
}

/** A tenant at work: sessions at servers of each mode, one that has ended, an error, streams, a call in flight. */
async function atWork(tenant: string): Promise<Begun> {
  const opened = { client: 'same-client' }
  const over = await openSession(urlOf(tenant, 'own'), opened)
  expect(await over.text('echo', { text: 'x' })).toBe('x')
  await over.end()
  const [own, team, all] = await Promise.all(
    ['own', 'team', 'all'].map((name) => openSession(urlOf(tenant, name), opened)),
  )
  if (!own || !team || !all) throw new Error('no session')
  expect(reasonOf(await own.response('no-such-tool'))).toBeDefined()
  const pids = [(await own.whoami()).pid, (await team.whoami()).pid]
  const shared = (await all.whoami()).pid
  await own.listen()
  await own.call('slow', { ms: 600_000 })
  return { sessions: [own, team, all], pids, shared }
}

const all = async (path: string): Promise<unknown> => (await askAt(door, path)).body
const labelsOf = async (): Promise<readonly string[]> =>
  ((await all('/api/v1/sessions')) as { sessions: Array<{ label: string }> }).sessions.map(({ label }) => label)

test('everything of a tenant is deleted, and nothing of another one under equal names', async () => {
  const red = await atWork('red')
  const redLabels = await labelsOf()
  const redKeys = new Set(kept)
  expect(redKeys.size).toBeGreaterThan(3)
  const blue = await atWork('blue')
  const blueLabels = (await labelsOf()).filter((label) => !redLabels.includes(label))
  expect(blueLabels).toHaveLength(3)
  const blueKeys = [...kept].filter((key) => !redKeys.has(key))
  const blueBefore = await all('/api/v1/tenants/blue')

  const purged = await askAt(door, '/api/v1/tenants/red/purge', { method: 'POST' })
  expect([purged.status, purged.body]).toEqual([
    200,
    {
      tenant: 'red',
      sessions: 3,
      calls: 1,
      workers: 1,
      limits: expect.any(Number) as number,
      tokens: 0,
      closedSessions: 4,
      errors: expect.any(Number) as number,
      sharedServers: ['all'],
    },
  ])
  expect(purged.body).not.toMatchObject({ limits: 0 })
  expect(purged.body).not.toMatchObject({ errors: 0 })

  // The API.
  expect(await labelsOf()).toEqual(expect.arrayContaining([...blueLabels]))
  expect(await labelsOf()).toHaveLength(3)
  expect(await all('/api/v1/tenants/red')).toMatchObject({
    clients: 0,
    calls: 0,
    limits: [{ left: 1000, allowed: 0 }, { allowed: 0 }, { left: 1000, allowed: 0 }],
  })
  const closed = (await all('/api/v1/closed-sessions')) as { total: number }
  expect(closed.total).toBe(1)
  const errors = (await all('/api/v1/errors')) as { total: number }
  const workers = (await all('/api/v1/workers')) as { workers: Array<{ pid: number }> }
  for (const pid of red.pids) expect(workers.workers.map((one) => one.pid)).not.toContain(pid)
  await eventually('the processes of red to end', () => red.pids.every((pid) => !runs(pid)))

  // The metrics.
  const { text } = await askAt(door, '/metrics')
  const ofRed = text.split('\n').filter((line) => line.includes('tenant="red"'))
  expect(ofRed.filter((line) => !line.endsWith(' 0'))).toEqual([])
  expect(text).toContain('mcplex_tenant_clients{tenant="blue"} 3')

  // The store.
  const leftOver = [...kept].filter((key) => redKeys.has(key))
  expect(leftOver).toEqual([])
  for (const key of blueKeys) expect(kept.has(key), key).toBe(true)

  // The sessions of red are unknown, and red may begin anew with all of its limits.
  for (const session of red.sessions) expect((await session.call('echo', { text: 'x' })).status).toBe(404)
  const again = await openSession(urlOf('red', 'own'))
  expect(await again.text('echo', { text: 'again' })).toBe('again')

  // Blue has noticed nothing.
  const [own, team, shared] = blue.sessions
  expect((await own?.whoami())?.pid).toBe(blue.pids[0])
  expect((await team?.whoami())?.pid).toBe(blue.pids[1])
  expect((await shared?.whoami())?.pid).toBe(red.shared)
  expect(await all('/api/v1/tenants/blue')).toMatchObject({ clients: 3, calls: 1 })
  const before = blueBefore as { limits: Array<{ left?: number }> }
  const after = (await all('/api/v1/tenants/blue')) as typeof before
  // What blue has used stays used, and has grown by what it has done since.
  const leftOf = ({ limits }: typeof before): number => limits.reduce((sum, { left = 0 }) => sum + left, 0)
  expect(leftOf(after)).toBeLessThan(leftOf(before))
  expect(errors.total).toBeGreaterThan(0)
})

test('what was started for a tenant alone goes with it, also where its own callers share it', async () => {
  const [green, grey] = await Promise.all(['green', 'grey'].map((of) => openSession(urlOf(of, 'all'))))
  if (!green || !grey) throw new Error('no session')
  const pids = [(await green.whoami()).pid, (await grey.whoami()).pid]
  const { body } = await askAt(door, '/api/v1/tenants/green/purge', { method: 'POST' })
  expect(body).toMatchObject({ sessions: 1, workers: 1, sharedServers: ['all'] })
  await eventually('the process of green to end', () => !runs(pids[0] ?? 0))
  expect((await all('/api/v1/upstreams')) as { upstreams: Array<{ name: string }> }).not.toMatchObject({
    upstreams: expect.arrayContaining([expect.objectContaining({ name: 'all@green' })]) as unknown,
  })
  expect((await grey.whoami()).pid).toBe(pids[1])
  const again = await openSession(urlOf('green', 'all'))
  expect([pids.includes((await again.whoami()).pid), await again.text('echo', { text: 'again' })]).toEqual([
    false,
    'again',
  ])
})

test('clients that vanish during a purge, and streams that nobody reads, keep nothing of their tenant', async () => {
  const [unread, vanishing] = await Promise.all(['own', 'own'].map((name) => openSession(urlOf('grey', name))))
  if (!unread || !vanishing) throw new Error('no session')
  const stream = await unread.listen(undefined, { unread: true })
  const flood = await unread.call('slow', { ms: 600_000, steps: 10_000 }, { progressToken: 'p', unread: true })
  const gone = [
    await vanishing.listen(),
    await vanishing.call('slow', { ms: 600_000, steps: 600 }, { progressToken: 'p' }),
  ]
  const purging = askAt(door, '/api/v1/tenants/grey/purge', { method: 'POST' })
  for (const one of gone) one.cut()
  const purged = await purging
  expect([purged.status, purged.body]).toMatchObject([200, { tenant: 'grey', calls: 2 }])
  expect(await all('/api/v1/sessions?tenant=grey')).toMatchObject({ total: 0 })
  expect(await all('/api/v1/tenants/grey')).toMatchObject({ clients: 0, calls: 0 })
  // What was never read has ended as well, and holds neither a place nor memory.
  for (const one of [stream, flood]) one.read()
  await Promise.all([stream.over, flood.over])
  const again = await openSession(urlOf('grey', 'own'))
  expect(await again.text('echo', { text: 'again' })).toBe('again')
  await again.end()
})

test('a store that fails is told, and all else is deleted', async () => {
  const grey = await openSession(urlOf('grey', 'own'))
  expect(reasonOf(await grey.response('no-such-tool'))).toBeDefined()
  isStoreAway = true
  onTestFinished(() => void (isStoreAway = false))
  const { status } = await askAt(door, '/api/v1/tenants/grey/purge', { method: 'POST' })
  expect(status).toBe(503)
  expect(await all('/api/v1/sessions?tenant=grey')).toMatchObject({ total: 0 })
  expect(await all('/api/v1/closed-sessions?tenant=grey')).toMatchObject({ total: 0 })
  expect(await all('/api/v1/errors?tenant=grey')).toMatchObject({ total: 0 })
})

test('a tenant of which nothing is kept is unknown', async () => {
  const { status, body } = await askAt(door, '/api/v1/tenants/nobody/purge', { method: 'POST' })
  expect([status, body]).toMatchObject([404, { reason: 'tenant_unknown' }])
})
