/** Limits of the processes of a server, on real processes. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CommandStartError, createGateway } from '../src/index.ts'
import { enforcedByGroups } from '../src/upstreams/stdio/control-group-limits.ts'
import { memoryOfTrees } from '../src/upstreams/stdio/process-memory.ts'
import { unenforceableLimits } from '../src/upstreams/stdio/unenforceable-limits.ts'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startForTest } from './support/in-process.ts'
import { echoLegacy } from './support/mcplex.ts'
import { startRecorded } from './support/recorded-calls.ts'
import { reasonOf } from './support/rpc.ts'
import { openSession } from './support/session.ts'

const mebibyte = 1024 ** 2
const greedy = join(import.meta.dirname, 'attacks', 'greedy-server.mjs')
const enforced = enforcedByGroups()
const hasGroups = ['memory', 'cpu', 'pids'].every((name) => enforced.has(name as 'memory' | 'cpu' | 'pids'))

test('the memory of a tree is that of all its processes, also of those whose parent is gone', async () => {
  const block = `const kept = Buffer.alloc(60 * ${mebibyte}, 1); setTimeout(() => kept, 60_000); console.log('ready')`
  const tree = spawn('/bin/sh', ['-c', '("$0" -e "$1" &) ; "$0" -e "$1" & wait; sleep 60', process.execPath, block], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { pid } = tree
  if (pid === undefined) throw new Error('no shell')
  onTestFinished(() => void process.kill(-pid, 'SIGKILL'))
  let said = ''
  tree.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await eventually('both have taken theirs', () => said.split('ready').length === 3)
  const found = (await memoryOfTrees(new Set([pid]))).get(pid) ?? 0
  expect(found).toBeGreaterThan(2 * 60 * mebibyte)
  expect(found, 'what both share is counted once').toBeLessThan(2 * 60 * mebibyte + 250 * mebibyte)
})

test('a process that takes more than it should is replaced when its calls are over, without a failed call', async () => {
  const { call, upstream, release } = await startRecorded({ mode: 'shared', recycleMemoryBytes: mebibyte })
  const held = call('a', { held: true })
  await eventually('it is seen', () => upstream.workers().some(({ state }) => state === 'retiring'))
  expect(upstream.workers().every(({ memoryBytes = 2 * mebibyte }) => memoryBytes > mebibyte)).toBe(true)
  release()
  expect(await held).toMatch(/^\d+$/)
  await eventually('it is gone', async () => !runs(Number(await held)))
})

test('a limit that cannot be enforced here keeps a server from being started, and says what to do', async () => {
  const upstream = { command: process.execPath, args: [echoLegacy], spares: 0 }
  const start = async (limits: object): Promise<unknown> => {
    const gateway = createGateway({ upstream: { ...upstream, ...limits } })
    onTestFinished(() => gateway.close())
    return gateway.start().then(
      () => 'started',
      (error: unknown) => error,
    )
  }
  const lacking = unenforceableLimits({ limitMemoryBytes: 0, limitCpu: '50%', limitPids: 64, limitUser: undefined })
  const refused = await start({ limitCpu: '50%', limitPids: 64 })
  const isRefused = lacking.length > 0
  expect(refused instanceof CommandStartError).toBe(isRefused)
  for (const words of ['cannot be enforced here', 'limits.bestEffort: true'])
    expect(String(refused).includes(words), words).toBe(isRefused)
  expect(await start({ limitCpu: '50%', limitPids: 64, limitBestEffort: true })).toBe('started')
  const unknown = await start({ limitUser: 'mcplex-nobody', limitBestEffort: true })
  expect(String(unknown)).toContain(
    process.getuid?.() === 0 ? 'limits.user is no user of this machine' : 'limits.user needs root',
  )
})

test.each([
  process.getuid?.() === 0
    ? 'a server runs as the user that it is told to, with the home of that user and no group of ours'
    : 'not run here: a server runs as the user that it is told to (needs root)',
])('%s', async () => {
  const nobody = unenforceableLimits({ limitMemoryBytes: 0, limitCpu: undefined, limitPids: 0, limitUser: 'nobody' })
  expect(nobody).toMatchObject(process.getuid?.() === 0 ? [] : [{ key: 'limitUser' }])
  if (process.getuid?.() !== 0) return
  const script = `
      const lines = require('node:readline').createInterface({ input: process.stdin })
      const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
      lines.on('line', (line) => {
        const { id, method, params } = JSON.parse(line)
        if (method === 'initialize')
          answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'who', version: '1' } })
        else if (method === 'tools/call')
          answer(id, { content: [{ type: 'text', text: [process.getuid(), process.getgroups().includes(0), process.env.USER].join(' ') }] })
        else if (id !== undefined) answer(id, { tools: [] })
      })`
  const { url } = await startForTest(['-e', script], { upstream: { limitUser: 'nobody', spares: 0, cwd: '/' } })
  const session = await openSession(url)
  expect(await session.text('who')).toMatch(/^[1-9]\d* false nobody$/)
})

test.each([
  hasGroups
    ? 'control groups enforce the limits of memory and processes'
    : 'not run here: control groups enforce the limits of memory and processes (needs writable control groups v2 with memory, cpu and pids)',
])('%s', async () => {
  const limits = { limitMemoryBytes: 200 * mebibyte, limitCpu: '200%', limitPids: 64 }
  expect(unenforceableLimits({ ...limits, limitUser: undefined }).length > 0).toBe(!hasGroups)
  if (!hasGroups) return
  const { url } = await startForTest([greedy], { upstream: { ...limits, spares: 0 } })
  const session = await openSession(url)
  expect((await session.text('bomb', { count: 300 })).split(' ').length).toBeLessThan(64)
  expect(reasonOf(await session.response('hog', { megabytes: 700 }))).toBe('worker_memory')
})
