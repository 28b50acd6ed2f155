/** The start of several servers: the first that answers is enough, and the others are named, tried again and announced. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createGateway } from '../src/index.ts'
import { nodeHandler } from '../src/transports/http/listen.ts'
import type { Log, LogFields } from '../src/base/log.ts'
import { silentLog } from '../src/base/log.ts'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startSeveral, upstreamsOf } from './support/in-process.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { messagesOf, reasonOf } from './support/rpc.ts'
import { initialize, openSession } from './support/session.ts'
import { ask } from './support/stateless.ts'

interface Line extends LogFields {
  readonly message: string
}

function collect(): { readonly log: Log; readonly lines: Line[] } {
  const lines: Line[] = []
  const add = (fields: LogFields, message: string): void => void lines.push({ ...fields, message })
  return { log: { ...silentLog, info: add, warn: add, error: add }, lines }
}

/** A server that cannot be started before the file is there. */
async function withFile(): Promise<{ readonly server: readonly string[]; appear(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'there')
  const script = `require('node:fs').existsSync(${JSON.stringify(file)}) ? import(${JSON.stringify(echoLegacy)}) : process.exit(3)`
  return { server: ['-e', script], appear: () => writeFile(file, '') }
}

/** A server that answers nothing before the file is there. */
async function waitingForFile(): ReturnType<typeof withFile> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'there')
  const script = `const look = setInterval(() => { if (require('node:fs').existsSync(${JSON.stringify(file)})) { clearInterval(look); import(${JSON.stringify(echoLegacy)}) } }, 50)`
  return { server: ['-e', script], appear: () => writeFile(file, '') }
}

const at = (url: string, name: string): string => `${url}/${name}`

test('one server of three answers: clients are served at once, and the others are named', async () => {
  const { log, lines } = collect()
  const began = Date.now()
  const servers = { good: [echoLegacy], dead: [echoLegacy, '--start-fail'], late: [echoLegacy, '--start-delay=20000'] }
  const { url, gateway } = await startSeveral(servers, {}, { log })
  const facts = await gateway.start()
  expect(facts.upstreams).toMatchObject({ good: { standing: 'started' }, late: { standing: 'starting' } })
  await eventually('the dead one is known', () =>
    lines.some(({ upstream, again_ms: ms }) => upstream === 'dead' && Number(ms) > 0),
  )
  expect(lines.find(({ message }) => message === 'some servers have not started yet')?.['missing']).toContain('late')

  const opening = await initialize(url)
  expect(opening.status).toBe(200)
  expect(JSON.stringify(messagesOf(opening))).toContain('This server is missing at the moment')
  const session = await openSession(url)
  const { result } = await session.request('tools/list')
  expect(JSON.stringify(result?.['tools'])).toContain('"good__echo"')
  const missing = JSON.stringify(result?.['_meta'])
  expect(missing).toContain('"dead"')
  expect(missing).toContain('"late"')
  expect(await session.text('good__echo', { text: 'hi' })).toBe('hi')

  const alone = await initialize(at(url, 'dead'))
  expect(messagesOf(alone).map(reasonOf)).toEqual(['upstream_unavailable'])
  // Far below the delay of the late one.
  expect(Date.now() - began).toBeLessThan(18_000)

  const report = await gateway.health()
  expect(report).toMatchObject({
    status: 'degraded',
    ready: true,
    checks: {
      good: { ok: true },
      dead: { ok: false, detail: expect.stringMatching(/^the program .* \(.*\); it is tried again$/) },
      late: { ok: false, detail: expect.stringContaining('being started') },
    },
  })
})

test('a merged list waits for a late server as long as the settings say', async () => {
  const { server, appear } = await waitingForFile()
  const missingAt = async (upstreamWaitMs: number): Promise<string> => {
    const { url } = await startSeveral({ good: [echoLegacy], late: server }, { limits: { upstreamWaitMs } })
    const { result } = await (await openSession(url)).request('tools/list')
    return JSON.stringify(result?.['_meta'] ?? '')
  }
  expect(await missingAt(100)).toContain('"late"')
  const patient = missingAt(60_000)
  // Longer than by default.
  await new Promise((resolve) => setTimeout(resolve, 4000))
  await appear()
  expect(await patient).not.toContain('"late"')
})

test('a server that hangs at its start is waited for once, not with each list, and is announced when it comes', async () => {
  const { server, appear } = await waitingForFile()
  const upstreamWaitMs = 3000
  const view = { tools: ['good__*', 'hanging__*'] }
  const { url } = await startSeveral(
    { good: [echoLegacy], hanging: server },
    { limits: { upstreamWaitMs }, endpoints: { view } },
  )
  const sessions = await Promise.all(
    [url, url, at(url, 'view')].map((one, client) => openSession(one, { client: `client ${client}` })),
  )
  const beganMs = Date.now()
  for (const session of sessions) {
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'tools/list']) {
      const { result } = await session.request(method)
      expect(result?.['_meta']).toMatchObject({ 'mcplex/missing': [{ upstream: 'hanging' }] })
    }
    // The page of an App may call a tool of any server, by its own name.
    expect(reasonOf(await session.response('save'))).toBe('upstream_unavailable')
  }
  // Eighteen requests, of which the first one alone waits for the whole time.
  expect(Date.now() - beganMs).toBeLessThan(5 * upstreamWaitMs)

  const [session] = sessions
  const stream = await session?.listen()
  onTestFinished(() => stream?.cut())
  await appear()
  await stream?.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  const listed = await session?.request('tools/list')
  expect(JSON.stringify(listed?.result)).toContain('"hanging__echo"')
  expect(listed?.result?.['_meta']).toBeUndefined()
})

test('requests that wait for a start are bounded at all endpoints together', async () => {
  const { server, appear } = await waitingForFile()
  const servers = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, server]))
  const gateway = createGateway({ upstreams: upstreamsOf(servers), limits: { queue: 3 } })
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    listener.closeAllConnections()
    listener.close()
    await gateway.close()
  })
  const { port } = listener.address() as AddressInfo
  const started = gateway.start()
  const opened = ['', '/a', '/b', '/c', '/d'].flatMap((path) =>
    [0, 1].map(() => initialize(`http://127.0.0.1:${port}/mcp${path}`)),
  )
  await eventually('as many wait as may', async () => (await gateway.health()).counts?.['waitingClients'] === 3)
  await appear()
  const answers = await Promise.all(opened)
  await started
  const reasons = answers.flatMap((answered) => messagesOf(answered)).map(reasonOf)
  expect(reasons.filter((reason) => reason === undefined)).toHaveLength(3)
  expect(reasons.filter((reason) => reason === 'starting')).toHaveLength(7)
  // What has waited leaves its room to others.
  expect((await gateway.health()).counts?.['waitingClients']).toBe(0)
})

test('a server that cannot be started is tried again, and its tools are announced when it comes', async () => {
  const { server, appear } = await withFile()
  const { url, gateway } = await startSeveral({ good: [echoLegacy], later: server })
  const session = await openSession(url)
  await session.text('good__echo', { text: 'hi' })
  const stream = await session.listen()
  onTestFinished(() => stream.cut())
  const before = await session.response('later__echo', { text: 'hi' })
  expect(reasonOf(before)).toBe('upstream_unavailable')
  await appear()
  await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
  expect(await session.text('later__echo', { text: 'hi' })).toBe('hi')
  expect((await gateway.health()).status).toBe('ok')
  // The endpoint of that server alone, which has refused its clients until now.
  expect(await (await openSession(at(url, 'later'))).text('echo', { text: 'hi' })).toBe('hi')
})

test('a call for a server that still starts waits for it, and can be cancelled', async () => {
  const { url } = await startSeveral({ good: [echoLegacy], late: [echoLegacy, '--start-delay=2500'] })
  const session = await openSession(url)
  const waits = session.response('late__echo', { text: 'hi' })
  const cancelled = session.call('late__echo', { text: 'hi' }, { id: 'gone' })
  await session.notify('notifications/cancelled', { requestId: 'gone' })
  expect((await (await cancelled).whole()).includes('"result"')).toBe(false)
  expect((await waits).result).toMatchObject({ content: [{ text: 'hi' }] })
})

test('the stateless era is offered once every server has answered and offers it', async () => {
  const { log, lines } = collect()
  const { url } = await startSeveral({ one: [echoModern], two: [echoModern, '--start-delay=1500'] }, {}, { log })
  const early = await ask(url, 'server/discover')
  expect(messagesOf(early).map(reasonOf)).toEqual(['discover_refused'])
  await eventually('both have answered', async () => {
    const [answer] = messagesOf(await ask(url, 'server/discover'))
    return answer?.result !== undefined
  })
  // On a busy machine the other one may be the later one.
  const missing = lines.find(({ message }) => message === 'some servers have not started yet')?.['missing']
  expect(missing).toHaveLength(1)
  await eventually('the log says that the later one has started', () =>
    lines.some(
      ({ message, upstream }) => message.startsWith(`${String(missing)} is ready: `) && upstream === String(missing),
    ),
  )
})

test('the start fails if no server can be started', async () => {
  const failing = { command: process.execPath, args: [echoLegacy, '--start-fail'] }
  const gateway = createGateway({ upstreams: { one: failing, two: failing } })
  await expect(gateway.start()).rejects.toMatchObject({
    name: 'UpstreamsStartError',
    failures: ['one', 'two'].map((upstream) => ({ upstream, error: { name: 'CommandStartError' } })),
  })
  await gateway.close()
})

test('a close while servers are tried again leaves nothing behind', async () => {
  const { server } = await withFile()
  const { gateway } = await startSeveral({ good: [echoLegacy], dead: server })
  const pids: number[] = []
  gateway.events.on('workerStarted', ({ pid }) => pids.push(pid))
  await eventually('it is tried again', () => pids.length > 0)
  await gateway.close()
  expect(pids.filter((pid) => runs(pid))).toEqual([])
})
