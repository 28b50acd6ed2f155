/** A server of which only one process can run, because it locks its data: that process serves every client. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, echoModern, type LogLine, type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { serveStdio, standalone } from '../support/pipes.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { toolResponse } from '../support/stateless.ts'

const onlyOne = join(import.meta.dirname, '..', 'fixtures', 'single-instance.mjs')
const dual = join(import.meta.dirname, '..', 'fixtures', 'everything-dual.mjs')

interface Locked {
  readonly server: readonly string[]
  readonly options: readonly string[]
  /** From now on any number of processes can run. */
  open(): Promise<void>
}

async function locked(server: string, afterMs = 0): Promise<Locked> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const lock = join(folder, 'lock')
  return {
    server: ['--import', onlyOne, server],
    options: ['--env', `ONLY_ONE_LOCK=${lock}`, '--env', `ONLY_ONE_AFTER=${afterMs}`],
    open: () => writeFile(`${lock}.open`, ''),
  }
}

async function start(options: readonly string[] = [], of?: Locked): Promise<Mcplex> {
  const { server, options: own } = of ?? (await locked(echoLegacy))
  return mcplexForTest({ server, options: ['--log-level', 'info', ...own, ...options] })
}

interface Health {
  readonly httpStatus: number
  readonly checks: { readonly upstream: { readonly ok: boolean; readonly detail?: string } }
}

async function health(mcplex: Mcplex): Promise<Health> {
  const response = await fetch(`${mcplex.origin}/health`)
  return { ...((await response.json()) as Health), httpStatus: response.status }
}

const saysSo = (mcplex: Mcplex): readonly LogLine[] =>
  mcplex.log.filter(({ msg }) => String(msg).startsWith('only one process of the server can run'))

const startsOf = (mcplex: Mcplex): readonly LogLine[] =>
  mcplex.log.filter(({ msg }) => msg === 'worker could not be started')

describe.each([
  ['with a pool of one', ['--pool', '1']],
  ['with the pool by default', []],
] as const)('one client, %s', (name, options) => {
  test('over HTTP: it lists and calls, its process is kept, and health is not wrong', async () => {
    const mcplex = await start(options)
    const session = await openSession(mcplex.url)
    expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
    expect(await session.text('echo', { text: 'first' })).toBe('first')
    await session.text('remember', { key: 'k', value: 'v' })
    expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
    expect(await session.text('recall', { key: 'k' })).toBe('v')
    expect((await health(mcplex)).httpStatus).toBe(200)
    expect(mcplex.servers()).toHaveLength(1)
    if (name === 'with a pool of one') return
    await eventually('it to be recognised', () => saysSo(mcplex).length > 0)
    expect((await health(mcplex)).checks.upstream).toMatchObject({
      ok: true,
      detail: expect.stringContaining('only one process of the server can run'),
    })
  })

  test('over HTTP, with capabilities that were not learnt: the same', async () => {
    const mcplex = await start(options)
    const session = await openSession(mcplex.url, { capabilities: { elicitation: {}, roots: {} } })
    expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
    const { client } = await session.whoami()
    expect(client).toMatchObject({ capabilities: { elicitation: {}, roots: {} }, clientInfo: { name: 'journey' } })
    expect((await session.request('prompts/list')).result?.['prompts']).not.toHaveLength(0)
  })

  test.each([
    ['a session-based server', echoLegacy],
    ['a stateless server', echoModern],
  ])('over pipes, before %s: it lists and calls, in both eras', async (_name, server) => {
    const { server: args, options: own } = await locked(server)
    const client = serveStdio(args, [...own, ...options])
    onTestFinished(() => client.end())
    await client.initialize()
    expect((await client.request('tools/list')).result?.['tools']).not.toHaveLength(0)
    expect(textOf(await client.call('echo', { text: 'first' }))).toBe('first')
    await client.call('remember', { key: 'k', value: 'v' })
    expect((await client.request('prompts/list')).result?.['prompts']).not.toHaveLength(0)
    expect(textOf(await client.call('recall', { key: 'k' }, standalone()))).toBe('v')
  })
})

test('the process that was started for the catalog serves the first session whose client description fits', async () => {
  const mcplex = await start(['--mode', 'session'], await locked(echoModern))
  const [pid] = mcplex.servers()
  const session = await openSession(mcplex.url)
  expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
  expect((await session.whoami()).pid).toBe(pid)
  expect(startsOf(mcplex)).toEqual([])
})

test('the same among sessions of one tenant, whose process is told of none of them', async () => {
  const mcplex = await start(['--mode', 'tenant', '--pool', '1'])
  const [pid] = mcplex.servers()
  const sessions = await Promise.all([openSession(mcplex.url), openSession(mcplex.url)])
  for (const session of sessions) expect((await session.whoami()).pid).toBe(pid)
  for (const session of sessions) expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
})

test('a second session waits for the end of the first, and is told why when that takes too long', async () => {
  const mcplex = await start(['--queue-wait', '2s'])
  const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  await one.text('remember', { key: 'k', value: 'v' })
  const refused = await two.response('whoami')
  expect(reasonOf(refused)).toBe('upstream_unavailable')
  expect(refused.error?.message).toMatch(/only one process of the MCP server can run/i)
  expect(refused.error?.message).toContain('--mode shared')
  expect(await one.text('recall', { key: 'k' }), 'what the first has is kept').toBe('v')
  const waits = two.whoami()
  await one.end()
  expect((await waits).calls).toBe(1)
  expect(saysSo(mcplex), 'said once').toHaveLength(1)
  expect(saysSo(mcplex)[0]).toMatchObject({ level: 'warn' })
  expect((await health(mcplex)).checks.upstream.detail).toContain('--mode shared')
})

test('in shared mode all clients are served by the one process at once', async () => {
  const mcplex = await start(['--mode', 'shared'])
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(mcplex.url)))
  const pids = await Promise.all(sessions.map(async (session) => (await session.whoami()).pid))
  expect(new Set(pids).size).toBe(1)
  for (const session of sessions) expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
  expect((await health(mcplex)).httpStatus).toBe(200)
})

test.each([
  ['share it', {}],
  ['have it one after the other, where they can be asked', { elicitation: {} }],
] as const)('stateless clients of one principal %s', async (_name, capabilities) => {
  const mcplex = await start(['--stateless', 'principal'])
  const calls = Array.from({ length: 3 }, (_, at) =>
    toolResponse(mcplex.url, 'echo', { text: `${at}` }, { capabilities }),
  )
  expect((await Promise.all(calls)).map(textOf)).toEqual(['0', '1', '2'])
})

test('a process that finds the lock only after its first message is recognised as well', async () => {
  const mcplex = await start([], await locked(echoLegacy, 300))
  await eventually('it to be recognised', () => saysSo(mcplex).length > 0)
  const session = await openSession(mcplex.url)
  expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
  expect(await session.text('echo', { text: 'served' })).toBe('served')
})

test('a server of both eras is found to be one, and its clients do not meet', async () => {
  const mcplex = await start(['--queue-wait', '1s'], await locked(dual))
  const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  expect((await one.response('test_simple_text')).result).toHaveProperty('content')
  expect(reasonOf(await two.response('test_simple_text'))).toBe('upstream_unavailable')
})

test('when the lock is gone, more processes run again', async () => {
  const of = await locked(echoLegacy)
  const mcplex = await start(['--queue-wait', '30s'], of)
  const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  const first = await one.whoami()
  await eventually('it to be recognised', () => saysSo(mcplex).length > 0)
  await of.open()
  expect((await two.whoami()).pid).not.toBe(first.pid)
  expect((await one.whoami()).pid).toBe(first.pid)
  expect((await health(mcplex)).checks.upstream).not.toHaveProperty('detail')
})

test('a server that cannot be started any more is reported as not available', async () => {
  const of = await locked(echoLegacy)
  const mcplex = await start(['--queue-wait', '2s'], of)
  const session = await openSession(mcplex.url)
  await session.whoami()
  await eventually('it to be recognised', () => saysSo(mcplex).length > 0)
  const lock = String(of.options[1]).replace('ONLY_ONE_LOCK=', '')
  await session.response('crash')
  // Held by a process of another program: this one.
  await writeFile(lock, String(process.pid))
  expect(reasonOf(await session.response('whoami'))).toBe('upstream_unavailable')
  await eventually('health to say so', async () => (await health(mcplex)).httpStatus === 503)
  await rm(lock)
  await eventually('it to be well again', async () => (await health(mcplex)).httpStatus === 200)
  expect((await session.whoami()).calls).toBe(1)
})
