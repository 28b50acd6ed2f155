/** Other settings while clients are served: what is the same stays, what is not is replaced, and no session is lost. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { runs } from './children/processes.ts'
import { createGateway, type PartialUpstream, ReloadError } from '../src/index.ts'
import { scripted } from './several-servers/members.ts'
import { eventually } from './support/eventually.ts'
import { startSeveral, upstreamsOf } from './support/in-process.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { messagesOf, reasonOf } from './support/rpc.ts'
import { initialize, openSession, type Session } from './support/session.ts'
import { ask } from './support/stateless.ts'

const at = (url: string, name: string): string => `${url}/${name}`
const hi = { text: 'hi' }

/** Settings of a server that make it another one, although it does the same. */
const other = (file: string): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } => ({
  args: [file],
  env: { OTHER: '1' },
})

async function toolsOf(session: Session): Promise<string> {
  return JSON.stringify((await session.request('tools/list')).result)
}

test('an upstream with the same settings stays as it is; others come, go and are replaced', async () => {
  const one = await startSeveral({ same: [echoLegacy], old: [echoLegacy], gone: [echoLegacy] })
  const { url, gateway } = one
  const [together, same, old, gone] = [
    await openSession(url),
    await openSession(at(url, 'same')),
    await openSession(at(url, 'old')),
    await openSession(at(url, 'gone')),
  ]
  const before = await same.whoami()
  const replaced = await old.whoami()
  await together.text('same__remember', { key: 'k', value: 'kept' })
  await gone.whoami()
  const stream = await together.listen()
  onTestFinished(() => stream.cut())

  const report = await gateway.reload({
    upstreams: upstreamsOf({ same: [echoLegacy], old: other(echoLegacy), new: [echoLegacy] }),
    endpoints: { view: { tools: ['new__echo'] } },
    http: { port: 9999 },
  })
  expect(report).toEqual({
    added: ['new'],
    changed: ['old'],
    removed: ['gone'],
    kept: ['same'],
    endpoints: { added: ['view'], changed: [], removed: [] },
    tenants: { added: [], changed: [], removed: [] },
    needsRestart: ['http.port'],
  })

  await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  expect((await same.whoami()).pid).toBe(before.pid)
  expect(await together.text('same__recall', { key: 'k' })).toBe('kept')
  expect((await old.whoami()).pid).not.toBe(replaced.pid)
  expect(await together.text('new__echo', hi)).toBe('hi')
  expect(await toolsOf(together)).not.toContain('gone__')
  expect(reasonOf(await together.response('gone__echo', hi))).toBe('invalid_params')
  expect(await toolsOf(await openSession(at(url, 'view')))).toContain('new__echo')
  const lost = await initialize(at(url, 'gone'))
  expect(lost.status).toBe(404)
  await eventually('the session of the endpoint that is gone has ended', async () => {
    return (await one.counts())['sessions'] === 4
  })
  await eventually('the processes of the old ones have ended', () => !runs(replaced.pid))
})

test('an upstream is replaced by one with the same settings, before settings whose servers are still being started', async () => {
  const { url, gateway } = await startSeveral({ one: [echoLegacy], two: [echoLegacy] })
  const [one, two] = [await openSession(at(url, 'one')), await openSession(at(url, 'two'))] as const
  const [first, second] = [await one.whoami(), await two.whoami()]
  const late = one.response('slow', { ms: 3000 })
  await eventually('it runs', () => gateway.callsInFlight === 1)
  const none = { added: [], changed: [], removed: [] }
  const nothing = { ...none, endpoints: none, tenants: none }
  const [, report] = await Promise.all([
    gateway.reload({ upstreams: upstreamsOf({ one: [echoLegacy], two: [echoLegacy], three: [echoLegacy] }) }),
    gateway.replaceUpstreams(['one', 'unknown']),
  ])
  expect(report).toEqual({ ...nothing, changed: ['one'], kept: ['two'], needsRestart: [] })
  expect((await one.whoami()).pid).not.toBe(first.pid)
  expect((await two.whoami()).pid).toBe(second.pid)
  expect(await (await openSession(at(url, 'three'))).text('echo', hi)).toBe('hi')
  expect((await late).result).toBeDefined()
  await eventually('the process of the old one has ended', () => !runs(first.pid))
})

test('the first calls of new and replaced servers are known by the names of their tools', async () => {
  const long = `find_${'every_single_thing_'.repeat(3)}at_once`
  const lists = JSON.stringify({ 'tools/list': { tools: [{ name: long, inputSchema: { type: 'object' } }] } })
  // The lists are waited for, however slow the machine is.
  const limits = { upstreamWaitMs: 60_000 }
  const { url, gateway } = await startSeveral({ same: [echoLegacy], replaced: [echoLegacy] }, { limits })
  const called: unknown[] = []
  gateway.events.on('callEnded', ({ tool, status }) => called.push([tool, status]))
  const session = await openSession(url)
  await gateway.reload({
    upstreams: upstreamsOf({ same: [echoLegacy], replaced: other(echoLegacy), new: [scripted, lists] }),
  })
  const names = ['replaced__echo', `new__${long}`]
  for (const name of names) await session.response(name, hi)
  expect(called).toEqual(names.map((name) => [name, 'ok']))
  await session.response('new__made_up')
  expect(called.at(-1)).toEqual(['unknown', 'ok'])
})

test('calls in flight end where they began', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const sessions = [await openSession(url), await openSession(at(url, 'a'))]
  const calls = sessions.map((session, index) => session.response(index === 0 ? 'a__slow' : 'slow', { ms: 3000 }))
  await eventually('they run', () => gateway.callsInFlight === 2)
  await gateway.reload({ upstreams: upstreamsOf({ a: other(echoLegacy), b: [echoLegacy] }) })
  expect(await sessions[0]?.text('a__echo', hi)).toBe('hi')
  for (const call of calls) expect((await call).result).toBeDefined()
})

test('an upstream that does not end its calls is ended when the time of the drain is over', async () => {
  const settings = { http: { drainMs: 300 } }
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] }, settings)
  const session = await openSession(at(url, 'a'))
  const hangs = session.response('hang')
  await eventually('it hangs', () => gateway.callsInFlight === 1)
  await gateway.reload({ ...settings, upstreams: upstreamsOf({ a: other(echoLegacy), b: [echoLegacy] }) })
  expect(reasonOf(await hangs)).toBe('upstream_closed')
})

test('an upstream that cannot be started leaves everything as it was', async () => {
  const { url, gateway, counts } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const session = await openSession(at(url, 'a'))
  const { pid } = await session.whoami()
  const before = (await counts())['workers']
  const failing = gateway.reload({
    upstreams: upstreamsOf({ a: other(echoLegacy), c: [echoLegacy], d: [echoLegacy, '--start-fail'] }),
  })
  await expect(failing).rejects.toBeInstanceOf(ReloadError)
  await expect(failing).rejects.toMatchObject({ upstream: 'd', cause: { name: 'CommandStartError' } })
  expect((await session.whoami()).pid).toBe(pid)
  expect((await initialize(at(url, 'c'))).status).toBe(404)
  expect(await (await openSession(at(url, 'b'))).text('echo', hi)).toBe('hi')
  await eventually(
    'nothing is left of the new ones',
    async () => Number((await counts())['workers']) <= Number(before) + 3,
  )
})

test('a session of an endpoint that is gone ends with its process, although the server goes on', async () => {
  const upstreams = upstreamsOf({ a: [echoLegacy], b: [echoLegacy] })
  const servers = { a: [echoLegacy], b: [echoLegacy] }
  const { url, gateway } = await startSeveral(servers, { endpoints: { view: { tools: ['a__*'] } } })
  const session = await openSession(at(url, 'view'))
  const { pid } = JSON.parse(await session.text('a__whoami')) as { readonly pid: number }
  expect(await gateway.reload({ upstreams })).toMatchObject({ kept: ['a', 'b'], endpoints: { removed: ['view'] } })
  await eventually('its process has ended', () => !runs(pid))
  expect((await gateway.health()).counts?.['sessions']).toBe(0)
})

test('a client of HTTP+SSE keeps its stream, and is told of the change', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const client = new Client({ name: 'sse', version: '1' })
  let changes = 0
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
  await client.connect(new SSEClientTransport(new URL('/sse/a', url)))
  onTestFinished(() => client.close())
  const echo = { name: 'echo', arguments: hi }
  expect(await client.callTool(echo)).toMatchObject({ content: [hi] })
  await gateway.reload({ upstreams: upstreamsOf({ a: other(echoLegacy), b: [echoLegacy] }) })
  await eventually('it is told', () => changes > 0)
  expect(await client.callTool(echo)).toMatchObject({ content: [hi] })
})

test('settings that are wrong change nothing', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  await expect(gateway.reload({ upstreams: {} })).rejects.toMatchObject({ name: 'ConfigError' })
  expect((await initialize(at(url, 'a'))).status).toBe(200)
})

test('a gateway that was not started, or is closed, takes over nothing', async () => {
  const upstreams = upstreamsOf({ a: [echoLegacy] })
  const gateway = createGateway({ upstreams })
  await expect(gateway.reload({ upstreams })).rejects.toBeInstanceOf(ReloadError)
  await gateway.start()
  await gateway.close()
  await expect(gateway.reload({ upstreams })).rejects.toBeInstanceOf(ReloadError)
})

test('subscriptions move with their session, and with a stream of subscriptions/listen', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoModern] })
  const session = await openSession(at(url, 'a'))
  await session.request('resources/subscribe', { uri: 'echo://calls' })
  const stream = await session.listen()
  onTestFinished(() => stream.cut())
  const listening = await ask(at(url, 'b'), 'subscriptions/listen', { notifications: { toolsListChanged: true } })
  onTestFinished(() => listening.cut())
  await gateway.reload({ upstreams: upstreamsOf({ a: other(echoLegacy), b: other(echoModern) }) })
  await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  await listening.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  await session.text('update', { uri: 'echo://calls' })
  await stream.event('the update', ({ data }) => data.includes('notifications/resources/updated'))
  // A change at the new server reaches the old stream.
  const changes = listening.events.length
  await ask(at(url, 'b'), 'tools/call', { name: 'touch-list', arguments: {} })
  await eventually('the stream goes on', () => listening.events.length > changes)
  // The endpoint is gone: so is the stream.
  await gateway.reload({ upstreams: upstreamsOf({ a: other(echoLegacy) }) })
  expect(await listening.over).toBe('whole')
})

test('the only server gets a second one beside it: its sessions stay, and names get a prefix', async () => {
  const { url, gateway } = await startSeveral({ server: [echoLegacy] })
  const session = await openSession(url)
  const { pid } = await session.whoami()
  const stream = await session.listen()
  onTestFinished(() => stream.cut())
  await gateway.reload({ upstreams: upstreamsOf({ server: [echoLegacy], more: [echoLegacy] }) })
  await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  expect(JSON.parse(await session.text('server__whoami'))).toMatchObject({ pid })
  expect(await session.text('more__echo', hi)).toBe('hi')
  await gateway.reload({ upstreams: upstreamsOf({ server: [echoLegacy] }) })
  expect((await session.whoami()).pid).toBe(pid)
})

test.each([
  [20, 'session', 20],
  [200, 'shared', 300],
] as const)('%i clients that call all the while, in mode %s, notice nothing', async (count, mode, ms) => {
  const first = { args: [echoLegacy], pool: 40, mode }
  const { url, gateway } = await startSeveral({ a: first, b: [echoLegacy] })
  const sessions = await Promise.all(
    Array.from({ length: count }, (_, index) => openSession(index % 2 ? url : at(url, 'a'))),
  )
  let isOver = false
  let calls = 0
  const faults: unknown[] = []
  const busy = sessions.map(async (session, index) => {
    while (!isOver) {
      const answer = await session.response(index % 2 ? 'a__slow' : 'slow', { ms })
      if (answer.result === undefined) faults.push(answer)
      calls++
    }
  })
  await eventually('all have called', () => calls > 3 * count)
  for (const [env, more] of [
    ['1', 6],
    ['2', 9],
  ] as const) {
    await gateway.reload({ upstreams: upstreamsOf({ a: { ...first, env: { env } }, b: [echoLegacy] }) })
    await eventually('they go on', () => calls > more * count)
  }
  isOver = true
  await Promise.all(busy)
  expect(faults).toEqual([])
})

test('an upstream that may have more workers keeps those that it has', async () => {
  const of = (pool: number): ReturnType<typeof upstreamsOf> =>
    upstreamsOf({ a: { args: [echoLegacy], pool, spares: 0 }, b: [echoLegacy] })
  const one = await startSeveral({ a: { args: [echoLegacy], pool: 1, spares: 0 }, b: [echoLegacy] })
  const [first, second] = [await openSession(at(one.url, 'a')), await openSession(at(one.url, 'a'))]
  const { pid } = await first.whoami()
  const waits = second.whoami()
  await eventually('it waits', async () => (await one.counts())['waitingCalls'] === 1)
  expect(await one.gateway.reload({ upstreams: of(2) })).toMatchObject({ kept: ['a', 'b'], changed: [] })
  expect((await waits).pid).not.toBe(pid)
  expect((await first.whoami()).pid).toBe(pid)
})

test('memory is given back by what is replaced', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  await toolsOf(await openSession(url))
  const held = async (): Promise<number> => (await gateway.health()).memory?.heldBytes ?? 0
  const before = await held()
  for (const value of ['1', '2', '3']) {
    await gateway.reload({ upstreams: upstreamsOf({ a: { args: [echoLegacy], env: { value } }, b: [echoLegacy] }) })
    await toolsOf(await openSession(url))
  }
  // Three more sessions, and nothing of the catalogues of three servers that are gone.
  await eventually('it is given back', async () => (await held()) < before + 3 * 12 * 1024)
})

test('of two reloads at the same time the newer one is applied', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const older = gateway.reload({ upstreams: upstreamsOf({ a: [echoLegacy], b: [echoLegacy], c: [echoLegacy] }) })
  const newer = gateway.reload({ upstreams: upstreamsOf({ a: [echoLegacy], d: [echoLegacy] }) })
  await expect(older).rejects.toMatchObject(replacedByNewer)
  expect(await newer).toMatchObject({ added: ['d'], removed: ['b'], kept: ['a'] })
  expect((await initialize(at(url, 'c'))).status).toBe(404)
  expect(messagesOf(await initialize(at(url, 'd')))[0]?.result).toBeDefined()
})

const replacedByNewer = {
  name: 'ReloadError',
  isReplaced: true,
  message: expect.stringContaining('a newer one') as string,
}

/** A server that never answers; it has ten minutes, which no test waits for. */
function hangingServer(): { readonly settings: Partial<PartialUpstream>; readonly isStarted: () => boolean } {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-hangs-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const mark = join(folder, 'started')
  const script = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, ''); setInterval(() => {}, 1000)`
  return { settings: { args: ['-e', script], startTimeoutMs: 600_000 }, isStarted: () => existsSync(mark) }
}

test('a server that hangs at its start keeps back no newer reload', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const session = await openSession(at(url, 'a'))
  const { pid } = await session.whoami()
  const hangs = hangingServer()
  const older = gateway.reload({ upstreams: upstreamsOf({ a: other(echoLegacy), c: hangs.settings }) })
  await eventually('it hangs', hangs.isStarted)
  const [refused, report] = await Promise.all([
    older.catch((error: unknown) => error),
    gateway.reload({ upstreams: upstreamsOf({ a: [echoLegacy], b: [echoLegacy], c: [echoLegacy] }) }),
  ])
  expect(refused).toMatchObject(replacedByNewer)
  expect(report).toMatchObject({ added: ['c'], changed: [], kept: ['a', 'b'] })
  expect((await session.whoami()).pid).toBe(pid)
  expect(await (await openSession(at(url, 'c'))).text('echo', hi)).toBe('hi')
})

test('a replacement is not kept back by settings whose servers hang, which are tried again after it', async () => {
  const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
  const session = await openSession(at(url, 'a'))
  const { pid } = await session.whoami()
  const hangs = hangingServer()
  const c = hangs.settings
  const settings = gateway.reload({ upstreams: upstreamsOf({ a: [echoLegacy], b: [echoLegacy], c }) })
  await eventually('it hangs', hangs.isStarted)
  const [older, one, two] = [['a'], ['a'], ['b']].map((names) => gateway.replaceUpstreams(names))
  await expect(older).rejects.toMatchObject(replacedByNewer)
  expect(await one).toMatchObject({ changed: ['a'], added: [] })
  expect(await two).toMatchObject({ changed: ['b'], added: [] })
  expect((await session.whoami()).pid).not.toBe(pid)
  const newer = gateway.reload({ upstreams: upstreamsOf({ a: [echoLegacy] }) })
  await expect(settings).rejects.toMatchObject(replacedByNewer)
  expect(await newer).toMatchObject({ removed: ['b'] })
})

test.each(['drain', 'close'] as const)(
  'a %s ends a reload whose server hangs, and nothing is left of it',
  async (end) => {
    const { url, gateway } = await startSeveral({ a: [echoLegacy], b: [echoLegacy] })
    const { pid } = await (await openSession(at(url, 'a'))).whoami()
    const hangs = hangingServer()
    const upstreams = upstreamsOf({ a: [echoLegacy], b: [echoLegacy], c: hangs.settings })
    const results = Promise.allSettled([gateway.replaceUpstreams(['a']), gateway.reload({ upstreams })])
    await eventually('it hangs', hangs.isStarted)
    await gateway[end]()
    for (const result of await results) expect(result).toMatchObject({ reason: { name: 'ReloadError' } })
    await gateway.close()
    expect(runs(pid)).toBe(false)
    await expect(gateway.reload({ upstreams })).rejects.toThrow('shut down')
  },
)
