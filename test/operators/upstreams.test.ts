/** The verbs of `mcplex upstreams`, in every state of a server, and under calls. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { serveStdio } from '../support/pipes.ts'
import { openSession } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex
let socket: string

beforeAll(async () => {
  place = runtimeFolder()
  const file = join(place.folder, '..', 'mcplex.yaml')
  const server = { command: [process.execPath, echoLegacy] }
  writeFileSync(
    file,
    JSON.stringify({
      upstreams: {
        files: { ...server, adaptiveConcurrency: { min: 3, max: 60 } },
        broken: { command: ['/bin/false'] },
      },
    }),
  )
  mcplex = await startMcplex({ env: place.env, file })
  socket = place.placesOf(mcplex.pid).socket
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

interface Listed {
  readonly name: string
  readonly state: string
  readonly why?: string
  readonly since: string
  readonly calls: number
  readonly waiting: number
  readonly workers: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<string, number>>
  readonly concurrency?: { readonly limit: number; readonly adaptive: boolean; readonly running: number }
}

async function look(name = 'files'): Promise<Listed> {
  const { body } = await askAt(socket, '/api/v1/upstreams')
  const found = (body as { upstreams: readonly Listed[] }).upstreams.find((one) => one.name === name)
  if (!found) throw new Error(`no upstream ${name}`)
  return found
}

const post = (path: string, body?: object): ReturnType<typeof askAt> =>
  askAt(socket, `/api/v1/upstreams/${path}`, {
    method: 'POST',
    ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  })

test('the list tells the state of each server, and why one does not serve', async () => {
  await eventually('the other server to have failed', async () => (await look('broken')).state === 'failed')
  expect(await look('broken')).toMatchObject({ why: expect.stringContaining('/bin/false') as string, calls: 0 })
  expect(await look()).toMatchObject({ state: 'ready' })
  const { stdout } = await place.run('upstreams')
  expect(stdout).toMatch(/^NAME +KIND +STATE +TOOLS +WORKERS .*\nfiles +stdio +ready /)
  expect(stdout).toMatch(/^broken: .*\/bin\/false/m)
})

test('a limit that adapts is shown with its number of the moment', async () => {
  const { concurrency, counts } = await look()
  expect(concurrency).toMatchObject({ adaptive: true, running: expect.any(Number) as number })
  expect(concurrency?.limit).toBeGreaterThanOrEqual(3)
  expect(concurrency?.limit).toBeLessThanOrEqual(60)
  expect(counts['concurrencyLimit']).toBeGreaterThanOrEqual(3)
  expect((await look('broken')).concurrency).toBeUndefined()
  expect((await place.run('upstreams')).stdout).toMatch(/^files has \d+ calls at once at most: the limit adapts/m)
  const { text } = await askAt(socket, '/metrics')
  expect(text).toMatch(/^mcplex_concurrency_limit\{upstream="files"\} \d+$/m)
  expect(text).not.toContain('mcplex_concurrency_limit{upstream="broken"}')
})

test('a pause has new calls wait, says how long, and ends as it is told to', async () => {
  const session = await openSession(`${mcplex.origin}/mcp/files`)
  await session.text('echo', { text: 'before' })
  const { code, stderr } = await place.run('upstreams', 'pause', 'files', '--for', '30m', '--wait')
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/^files is paused for (29m\d+s|30m): new calls wait; no call runs any more\n$/) as string,
  ])
  const waits = session.text('echo', { text: 'waits' })
  await eventually('the call to wait', async () => (await look()).waiting === 1)
  expect(await look()).toMatchObject({ state: 'paused', calls: 0, resumesInMs: expect.any(Number) as number })
  expect((await place.run('upstreams', 'resume', 'files')).stderr).toMatch(/^files goes on: /)
  expect(await waits).toBe('waits')
  expect(await place.run('upstreams', 'resume', 'files')).toMatchObject({
    code: 0,
    stderr: 'files is not paused: nothing to do\n',
  })
  // One that is forgotten ends by itself.
  expect(await post('files/pause', { forMs: 1 })).toMatchObject({ status: 200 })
  await eventually('the end of the pause', async () => (await look()).state === 'ready')
})

test('disable refuses calls until enable, and a pause holds on beneath it', async () => {
  const session = await openSession(`${mcplex.origin}/mcp/files`)
  expect((await post('files/disable')).body).toMatchObject({ changed: true, access: 'disabled' })
  expect((await post('files/disable')).body).toMatchObject({ changed: false, access: 'disabled' })
  expect(await look()).toMatchObject({ state: 'disabled' })
  const refused = await session.response('echo', { text: 'refused' })
  expect(refused.error?.data).toMatchObject({ reason: 'upstream_disabled' })
  expect((await post('files/pause', { forMs: 600_000 })).body).toMatchObject({ access: 'disabled', changed: true })
  const { stderr } = await place.run('upstreams', 'enable', 'files')
  expect(stderr).toMatch(/^files is enabled; it is paused for another [\dms]+\n$/)
  expect((await post('files/enable')).body).toMatchObject({ changed: false, access: 'paused' })
  expect((await post('files/resume')).body).toMatchObject({ changed: true, access: 'open' })
  expect(await session.text('echo', { text: 'again' })).toBe('again')
})

test('a pause that ends before the calls do is no success of --wait', async () => {
  const session = await openSession(`${mcplex.origin}/mcp/files`)
  await session.text('echo', { text: 'a worker of its own' })
  await session.call('hang', {}, { id: 'hangs' })
  await eventually('the call to run', async () => (await look()).calls > 0)
  const { code, stderr } = await place.run('upstreams', 'pause', 'files', '--for', '1ms', '--wait')
  expect([code, stderr]).toEqual([1, expect.stringContaining('has ended while calls were still running') as string])
  await session.notify('notifications/cancelled', { requestId: 'hangs' })
  await eventually('no call to run', async () => (await look()).calls === 0)
})

test('breaker holds the circuit breaker of a server open or closed until auto', async () => {
  const session = await openSession(`${mcplex.origin}/mcp/files`)
  expect((await place.run('breaker', 'open', 'files')).stderr).toBe(
    'files: the circuit breaker is open, held by an operator until `mcplex breaker auto`: calls are refused\n',
  )
  const refused = await session.response('echo', { text: 'refused' })
  expect(refused.error?.data).toMatchObject({ reason: 'breaker_open' })
  expect((await place.run('upstreams')).stdout).toMatch(/^files: the circuit breaker is open/m)
  expect(await look()).toMatchObject({ breaker: { state: 'open', forced: true } })
  expect((await post('files/breaker', { state: 'open' })).body).toMatchObject({ changed: false })
  const { text } = await askAt(socket, '/metrics')
  expect(text).toContain('mcplex_breaker_state{upstream="files"} 2')
  expect((await post('files/breaker', { state: 'close' })).body).toMatchObject({
    changed: true,
    breaker: { state: 'closed', forced: true },
  })
  expect(await session.text('echo', { text: 'runs' })).toBe('runs')
  expect(await place.json('breaker', 'auto', 'files')).toMatchObject({
    event: 'breaker',
    upstream: 'files',
    changed: true,
    breaker: { state: 'closed', forced: false },
  })
  expect((await place.run('breaker', 'auto', 'files')).stderr).toBe(
    'files: the circuit breaker is closed: calls run (as before)\n',
  )
  for (const state of ['half_open', 1, null])
    expect(await post('files/breaker', { state })).toMatchObject({ status: 400, body: { reason: 'bad_request' } })
  expect(await post('nope/breaker', { state: 'open' })).toMatchObject({ status: 404 })
})

test('since is when a pause began, and then when it ended', async () => {
  const before = Date.parse((await look()).since)
  for (const [begin, state, end] of [
    ['pause', 'paused', 'resume'],
    ['disable', 'disabled', 'enable'],
  ] as const) {
    const fromMs = Date.now()
    await post(`files/${begin}`)
    const held = await look()
    expect(held.state).toBe(state)
    expect(Date.parse(held.since)).toBeGreaterThanOrEqual(fromMs)
    expect(before).toBeLessThan(Date.parse(held.since))
    expect((await place.run('upstreams')).stdout).toContain(held.since)
    const untilMs = Date.now()
    await post(`files/${end}`)
    const again = await look()
    expect([again.state, Date.parse(again.since) >= untilMs]).toEqual(['ready', true])
  }
})

test('the memory of a worker is shown, once it was looked at', async () => {
  await openSession(`${mcplex.origin}/mcp/files`).then((session) => session.text('echo', { text: 'runs' }))
  const { memoryBytes, pid } = await eventually('a worker whose memory is known', async () => {
    const { body } = await askAt(socket, '/api/v1/workers?upstream=files')
    const { workers } = body as { workers: ReadonlyArray<{ memoryBytes?: number; pid: number }> }
    return workers.find((worker) => worker.memoryBytes !== undefined)
  })
  expect(memoryBytes).toBeGreaterThan(1024 ** 2)
  const { stdout } = await place.run('upstreams', '--workers')
  expect(stdout).toMatch(/^SERVER +WORKER +STATE +PURPOSE +PID +MEMORY +AGE /)
  expect(stdout).toMatch(new RegExp(`^files .* ${pid} +[\\d.]+ [MG]B `, 'm'))
})

test('recycle replaces workers: the one with a call ends when that is over, and no call fails', async () => {
  const session = await openSession(`${mcplex.origin}/mcp/files`)
  await session.text('echo', { text: 'a worker of its own' })
  const { workers } = await place.json('upstreams', '--workers')
  const before = (workers as ReadonlyArray<{ worker: number; purpose: string }>).map(({ worker }) => worker)
  expect(before.length).toBeGreaterThan(0)
  const hangs = await session.call('hang', {}, { id: 'hangs' })
  const { body } = await post('files/recycle')
  const { workers: replaced } = body as { workers: readonly number[] }
  expect(replaced.length).toBeGreaterThan(0)
  const numbers = async (): Promise<number[]> => {
    const answer = await askAt(socket, '/api/v1/workers?upstream=files')
    return (answer.body as { workers: ReadonlyArray<{ worker: number }> }).workers.map(({ worker }) => worker)
  }
  await eventually('all but the one with a call', async () => {
    return (await numbers()).filter((worker) => replaced.includes(worker)).length === 1
  })
  expect(hangs.isOver).toBe(false)
  await session.notify('notifications/cancelled', { requestId: 'hangs' })
  await eventually('the last one', async () => !(await numbers()).some((worker) => replaced.includes(worker)))
  expect(await session.text('echo', { text: 'on another worker' })).toBe('on another worker')
  const { code, stderr } = await place.run('upstreams', 'recycle', 'files', '--wait')
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^files: \d+ workers? replaced\n$/) as string])
})

test('each verb says so of a server that has failed, or is not there', async () => {
  for (const verb of ['pause', 'resume', 'disable', 'enable', 'recycle']) {
    expect(await post(`nope/${verb}`)).toMatchObject({ status: 404, body: { reason: 'upstream_unknown' } })
    expect(await post(`broken/${verb}`)).toMatchObject({ status: 200, body: { upstream: 'broken' } })
  }
  expect(await askAt(socket, '/api/v1/workers?upstream=nope')).toMatchObject({ status: 404 })
  const { code, stderr } = await place.run('upstreams', 'pause', 'nope')
  expect([code, stderr]).toEqual([1, expect.stringContaining('upstream_unknown') as string])
})

test.each([0, 3_600_001, 1.5, '30s', null])('a pause of %j is refused', async (forMs) => {
  expect(await post('files/pause', { forMs })).toMatchObject({ status: 400, body: { reason: 'bad_request' } })
  expect(await look()).toMatchObject({ state: 'ready' })
})

describe('where there is no door', () => {
  test('the list is asked for by a file', async () => {
    const piped = serveStdio([echoLegacy], [], place.env)
    onTestFinished(() => piped.end())
    await piped.initialize()
    const list = await eventually('it to be found', async () => {
      const ran = await place.run('upstreams', '--json', '--pid', String(piped.pid))
      return ran.code === 0 && ran.stdout
    })
    expect(JSON.parse(list)).toMatchObject({
      pid: piped.pid,
      upstreams: [{ name: 'server', state: 'ready', tools: 37 }],
    })
    const { code, stderr } = await place.run('upstreams', 'pause', 'server', '--pid', String(piped.pid))
    expect([code, stderr]).toEqual([1, expect.stringContaining('admin_closed') as string])
  })
})
