/**
 * What ends abruptly at an endpoint of two processes and a module: a server between request and answer, a client that
 * vanishes, one that never reads, and mcplex itself, asked twice to stop. Nobody else is affected, and nothing is left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { childrenOf, runs, until } from '../children/processes.ts'
import { allReady } from '../support/all-ready.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { messagesOf, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { callTool } from '../support/stateless.ts'
import { fixture, runCommand } from '../support/typed-command.ts'

const modules = join(import.meta.dirname, '..', 'fixtures', 'modules')
const servers = ['one', 'two', 'own'] as const

async function start(settings: Parameters<typeof startUpstreams>[1] = {}): Promise<InProcess> {
  const echo = { command: process.execPath, args: [echoLegacy], stateless: 'principal', spares: 0 } as const
  const module = { module: join(modules, 'echo-v2.mjs'), stateless: 'principal' } as const
  const started = await startUpstreams({ one: echo, two: echo, own: module }, settings)
  await allReady(started.url)
  return started
}

test.each(servers)(
  '%s ends between request and answer: its call fails at once, those of others go on',
  async (name) => {
    const { url } = await start()
    const [session, other] = [await openSession(url), await openSession(url)]
    const rest = servers.filter((one) => one !== name)
    const running = [
      ...rest.map((one) => session.response(`${one}__slow`, { ms: 1500 })),
      ...servers.map((one) => other.response(`${one}__slow`, { ms: 1500 })),
    ]
    const crashed = await session.response(`${name}__crash`)
    expect(crashed.error?.data).toMatchObject({ reason: 'upstream_closed' })
    expect((await Promise.all(running)).map(textOf)).toEqual(running.map(() => 'done after 1500 ms'))
    expect(await eventually('another worker', () => session.text(`${name}__echo`, { text: 'back' }))).toBe('back')
  },
)

test.each(servers)('a client without a session vanishes in a call of %s: the server is told', async (name) => {
  const { url, counts } = await start()
  const gone = new AbortController()
  const dropped = callTool(url, `${name}__slow`, { ms: 60_000 }, { signal: gone.signal }).catch(() => 'dropped')
  await eventually('the call runs', async () => (await counts())['calls'] === 1)
  gone.abort()
  expect(await dropped).toBe('dropped')
  await eventually('no call is left', async () => (await counts())['calls'] === 0)
  await eventually('the server has heard of it', async () => {
    const answered = await callTool(url, `${name}__cancelled`)
    await answered.whole()
    return JSON.stringify(messagesOf(answered)).includes('1')
  })
})

test('sessions whose clients vanish are over with all that was kept for them', async () => {
  const { url, counts } = await start({ sessions: { idleTimeoutMs: 1000 } })
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(url)))
  for (const name of servers) await Promise.all(sessions.map((session) => session.text(`${name}__echo`, { text: 'x' })))
  // All but the workers that list for clients in general.
  await eventually('no session is left', async () => {
    const { sessions: open, servingWorkers } = await counts()
    return open === 0 && (servingWorkers ?? 0) === 0
  })
})

test('a client that never reads what a module says to it delays no other, and keeps no more than its share', async () => {
  const memoryBytes = 32 * 1024 ** 2
  const { url, gateway } = await start({ limits: { memoryBytes } })
  const held = async (): Promise<number> => (await gateway.health()).memory?.heldBytes ?? 0
  const [deaf, other] = [await openSession(url), await openSession(url)]
  await other.text('own__echo', { text: 'there' })
  const flood = await deaf.call('own__notify', { count: 200_000 }, { progressToken: 'flood', unread: true })
  for (let round = 0; round < 20; round++) {
    expect(await other.text('own__echo', { text: String(round) })).toBe(String(round))
    expect(await held()).toBeLessThan(memoryBytes)
  }
  flood.cut()
  await deaf.end()
  await eventually('nothing is kept for it', async () => (await held()) < 1024 ** 2)
})

test('a second SIGTERM while several servers and a module in a thread hang ends all at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-ends-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const command = fixture('echo-legacy.mjs')
  const own = { module: join(modules, 'caller.mjs'), isolate: true }
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, upstreams: { one: { command }, two: { command }, own } }))
  const running = runCommand(['up', '--json', '--config', file])
  onTestFinished(() => void (running.child.exitCode === null && running.child.kill('SIGKILL')))
  const { endpoint, health } = await running.ready()
  await allReady(String(endpoint))
  const session = await openSession(String(endpoint))
  const calls = ['one__hang', 'two__hang', 'own__wait'].map((tool) =>
    session.response(tool).then(
      () => 'answered',
      () => 'cut',
    ),
  )
  await eventually('all calls run', async () => /"calls": 3/.test(await (await fetch(String(health))).text()))
  const processes = childrenOf(running.pid, 'echo-legacy.mjs')
  expect(processes.length).toBeGreaterThan(1)
  running.child.kill('SIGTERM')
  await until('it drains', () => running.stderr().includes('stopping'))
  // What comes within a moment of the first signal counts as its echo.
  const again = setInterval(() => running.child.kill('SIGTERM'), 100)
  expect(await running.exit()).toBe(143)
  clearInterval(again)
  await Promise.all(calls)
  await until('the processes are gone', () => !processes.some(runs))
})
