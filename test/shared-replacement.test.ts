/** Workers that clients share are replaced by ones that have started before, so that no call waits for a start. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startForTest } from './support/in-process.ts'
import { echoLegacy } from './support/mcplex.ts'
import { type Recorded, startRecorded } from './support/recorded-calls.ts'
import { initialize, openSession } from './support/session.ts'
import { responseTo, type RpcMessage } from './support/rpc.ts'

const pid = /^\d+$/
const fixtures = join(import.meta.dirname, 'fixtures')
const recording = join(fixtures, 'recording.mjs')

const isStarting = ({ upstream }: Recorded): boolean => upstream.workers().some(({ state }) => state === 'starting')

test.each([
  ['by hand', {}],
  ['for its age', { recycleAgeMs: 1000 }],
  ['for its memory', { recycleMemoryBytes: 1024 ** 2 }],
] as const)('the only worker takes calls until another one can: %s', async (how, settings) => {
  const recorded = await startRecorded({ mode: 'shared', pool: 4, ...settings })
  const { call, upstream } = recorded
  recorded.starts('held')
  const first = await call('a')
  expect(first).toMatch(pid)
  const over = how === 'by hand' ? upstream.recycle() : undefined
  await eventually('another one is started', () => isStarting(recorded))
  for (let round = 0; round < 3; round++) expect(await call('b')).toBe(first)
  const states = upstream.workers().map(({ state, isReplaced }) => `${state} ${isReplaced}`)
  expect(states.toSorted()).toEqual(['idle true', 'starting false'])
  recorded.starts('answered')
  await over
  await eventually('the first is gone', () => !runs(Number(first)))
  expect(await call('a')).not.toBe(first)
})

test('a call of the old worker goes on there, and new ones go to the new worker', async () => {
  const { call, upstream, release } = await startRecorded({ mode: 'shared', pool: 2 })
  const long = call('a', { held: true })
  await eventually('it runs', () => upstream.workers().some(({ callsInFlight }) => callsInFlight === 1))
  const over = upstream.recycle()
  await eventually('it is retiring', () => upstream.workers().some(({ state }) => state === 'retiring'))
  const next = await call('b')
  expect(next).toMatch(pid)
  release()
  expect(await long).not.toBe(next)
  await over
  expect(await call('b')).toBe(next)
})

test('a replacement that does not start takes nothing away, and is tried again', async () => {
  const recorded = await startRecorded({ mode: 'shared', pool: 4 })
  const { call, upstream } = recorded
  const first = await call('a')
  recorded.starts('refused')
  const over = upstream.recycle()
  await eventually('it is started', () => isStarting(recorded))
  await eventually('it is gone', () => !isStarting(recorded))
  expect(await call('a')).toBe(first)
  recorded.starts('answered')
  await over
  expect(runs(Number(first))).toBe(false)
  expect(await call('a')).toMatch(pid)
})

test('a server of which only one process can run is replaced without a failed call, and it is known then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const env = { PATH: process.env['PATH'] ?? '', ONLY_ONE_LOCK: join(folder, 'lock') }
  const { gateway, url } = await startForTest(['--import', join(fixtures, 'single-instance.mjs'), echoLegacy], {
    upstream: { mode: 'shared', pool: 4, env },
  })
  const session = await openSession(url)
  const first = (await session.whoami()).pid
  let goesOn = true
  const answers: RpcMessage[] = []
  const load = (async () => {
    while (goesOn) answers.push(await session.response('echo', { text: 'here' }))
  })()
  await gateway.operations('server')?.recycle()
  goesOn = false
  await load
  expect(answers.filter(({ result }) => result === undefined)).toEqual([])
  expect((await session.whoami()).pid).not.toBe(first)
  expect((await gateway.health()).checks?.['upstream']).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^only one process of the server can run .*; all clients share it$/) as string,
  })
})

test('a pool of one never has two: its calls wait', async () => {
  const recorded = await startRecorded({ mode: 'shared', pool: 1 })
  const { call, upstream } = recorded
  const first = await call('a')
  recorded.starts('held')
  await upstream.recycle()
  expect(runs(Number(first))).toBe(false)
  const waiting = call('a')
  await eventually('another one is started', () => isStarting(recorded))
  expect(upstream.workers()).toHaveLength(1)
  recorded.starts('answered')
  expect(await waiting).toMatch(pid)
})

test('one more than the limit is started, where the pool is full', async () => {
  const recorded = await startRecorded({ mode: 'shared', pool: 2, poolMin: 2 })
  const { call, upstream } = recorded
  await eventually('both run', () => upstream.workers().filter(({ state }) => state === 'idle').length === 2)
  const old = upstream.workers().flatMap((worker) => worker.pid ?? [])
  recorded.starts('held')
  const over = upstream.recycle()
  await eventually('another one is started', () => isStarting(recorded))
  expect(upstream.workers()).toHaveLength(3)
  expect(old).toContain(Number(await call('a')))
  recorded.starts('answered')
  await over
  expect(old.filter(runs)).toEqual([])
  await eventually('there are two again', () => upstream.workers().filter(({ state }) => state === 'idle').length === 2)
})

test('the next worker is there before the last call of the one before begins', async () => {
  const recorded = await startRecorded({ mode: 'shared', pool: 4, recycleCalls: 3 })
  const { call, upstream } = recorded
  const answers = [await call('a'), await call('a')]
  await eventually('another one waits', () => upstream.workers().filter(({ state }) => state === 'idle').length === 2)
  recorded.starts('held')
  for (let more = 0; more < 3; more++) answers.push(await call('a'))
  const [first] = answers
  expect(answers.filter((one) => one === first).length).toBeLessThanOrEqual(3)
  expect(new Set(answers).size).toBe(2)
  recorded.starts('answered')
})

test.each(['shared', 'session'] as const)(
  'what a new version of the server says of itself is what new sessions get, and is told: %s',
  async (mode) => {
    const file = join(mkdtempSync(join(tmpdir(), 'mcplex-version-')), 'calls')
    onTestFinished(() => rmSync(join(file, '..'), { recursive: true }))
    const { gateway, url } = await startForTest([recording, file], { upstream: { mode, spares: 0, pool: 8 } })
    const versionNow = async (): Promise<unknown> => (await responseTo(await initialize(url), 0)).result?.['serverInfo']
    const session = await openSession(url)
    const stream = await session.listen()
    await session.text('run', { id: 'one' })
    expect(JSON.stringify(await session.request('tools/list'))).toContain('"description":"1"')
    expect(await versionNow()).toMatchObject({ version: '1' })
    writeFileSync(`${file}.version`, '2')
    await gateway.operations('server')?.recycle()
    await session.text('run', { id: 'two' })
    await stream.event('the change', ({ data }) => data.includes('notifications/tools/list_changed'))
    await eventually('it has the new list', async () =>
      JSON.stringify(await session.request('tools/list')).includes('"description":"2"'),
    )
    expect(await versionNow()).toMatchObject({ version: '2' })
  },
)
