/** What one client does on a shared worker has no effect on another client. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startForTest, startInProcess } from '../support/in-process.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { toolResponse } from '../support/stateless.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')
test('clients whose handshake the server refuses do not keep others from theirs', async () => {
  const { url } = await startForTest([hostile, '--strict'], { upstream: { spares: 0 } })
  for (let index = 0; index < 6; index++) {
    const capabilities = { extensions: { 'com.example/odd': { index } } }
    const answered = await initialize(url, { capabilities })
    await answered.whole()
    expect(reasonOf(await responseTo(answered, 0))).toBe('upstream_unavailable')
  }
  const session = await openSession(url, { capabilities: { roots: {} } })
  expect(await session.text('pid')).toMatch(/^\d+$/)
})

test('clients whose name ends the server wait by themselves, and others start as before', async () => {
  const { url } = await startForTest([hostile, '--end-at-evil'], { upstream: { spares: 0 } })
  for (let index = 0; index < 6; index++) {
    const evil = await openSession(url, { client: 'evil' })
    expect(reasonOf(await evil.response('pid'))).toBe('upstream_unavailable')
    await evil.end()
  }
  const session = await openSession(url)
  const startedMs = performance.now()
  expect(await session.text('pid')).toMatch(/^\d+$/)
  const other = await openSession(url)
  expect(await other.text('pid')).toMatch(/^\d+$/)
  expect(performance.now() - startedMs, 'nobody else is held back by what they did').toBeLessThan(5000)
})

test('clients whose capabilities end the server keep no other client from a handshake', async () => {
  const { url } = await startForTest([hostile, '--end-at-evil'], { upstream: { spares: 0 } })
  for (let index = 0; index < 6; index++) {
    const answered = await initialize(url, { capabilities: { extensions: { 'com.example/evil': { index } } } })
    await answered.whole()
    expect(reasonOf(await responseTo(answered, 0))).toBe('upstream_unavailable')
  }
  const session = await openSession(url, { capabilities: { roots: {} } })
  expect(await session.text('pid')).toMatch(/^\d+$/)
})

test('a handshake without the name of the client is refused here, before a server sees it', async () => {
  const { url } = await startForTest([hostile, '--strict'], { upstream: { spares: 0 } })
  const { send } = await import('../support/http.ts')
  for (const clientInfo of [{}, { name: 7, version: '1' }, { name: 'x' }]) {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const answered = await send(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
    })
    expect((await responseTo(answered, 1)).error).toMatchObject({ code: -32602 })
  }
})

test('what a server says of a cancelled call of one client never reaches another, however long it goes on', async () => {
  const { url } = await startForTest([hostile], { upstream: { mode: 'shared' } })
  const [victim, other] = [await openSession(url), await openSession(url)]
  const id = victim.nextId()
  const muttering = await victim.call('mutter', { secret: 'SECRET', ms: 9_000 }, { id })
  await muttering.event('the first line', ({ data }) => data.includes('SECRET'))
  await victim.notify('notifications/cancelled', { requestId: id })
  await muttering.over
  const answered = await other.call('slow', { ms: 7_000 })
  await answered.whole()
  expect(answered.text).toContain('slow')
  expect(answered.text).not.toContain('SECRET')
})

test('a question that comes with an answer is answered, too', async () => {
  const { url } = await startForTest([hostile])
  const session = await openSession(url, { capabilities: { roots: {} } })
  for (let index = 0; index < 3; index++) {
    expect(await session.text('answer-then-ask', { question: `q${index}` })).toBe('answered')
  }
  const stream = await session.listen()
  for (let index = 0; index < 3; index++) {
    await eventually(
      `question ${index} at the client`,
      () => messagesOf(stream).filter(({ method }) => method === 'roots/list').length > index,
    )
  }
  for (const { id } of messagesOf(stream)) if (id !== undefined) await session.post({ id, result: { roots: [] } })
  expect(await session.text('answered', { question: 'q0' })).toContain('roots')
})

test('metadata that cannot be serialised harms no other call', async () => {
  const { url } = await startForTest([hostile])
  const session = await openSession(url)
  const depth = 200_000
  expect(textOf(await session.response('abyss', { depth }))).toBe('alive')
  expect(await session.text('pid')).toMatch(/^\d+$/)
})

test('a gateway that is closed while a process starts leaves none behind', async () => {
  const one = await startInProcess([hostile, '--slow-start=60000'], { upstream: { mode: 'call', spares: 0 } })
  const pids: number[] = []
  one.gateway.events.on('workerStarted', ({ pid }) => void pids.push(pid))
  const session = await openSession(one.url)
  const call = session.call('pid').catch(() => undefined)
  await eventually('a process', () => pids.length > 0)
  await one.end()
  await call
  for (const pid of pids) expect(() => process.kill(pid, 0), 'it is gone').toThrow()
})

test('a session that ends while its process starts takes the process with it', async () => {
  const { url, gateway } = await startForTest([hostile, '--slow-start=60000'], { upstream: { spares: 0 } })
  const workers: number[] = []
  const ended: number[] = []
  gateway.events.on('workerStarted', ({ worker }) => void workers.push(worker))
  gateway.events.on('workerEnded', ({ worker }) => void ended.push(worker))
  const session = await openSession(url)
  const call = session.call('pid')
  await eventually('a worker', () => workers.length > 0)
  await session.end()
  await call
  await eventually('its end', () => workers.every((worker) => ended.includes(worker)))
})

test('a second answer to one call goes nowhere', async () => {
  const { url } = await startForTest([hostile], { upstream: { mode: 'shared' } })
  const [one, two] = [await openSession(url), await openSession(url)]
  expect(await one.text('twice')).toBe('first')
  expect(await two.text('pid')).toMatch(/^\d+$/)
  expect(reasonOf(await toolResponse(url, 'nope'))).toBeUndefined()
})

test('lists are fetched again when the catalog worker that listed them has died', async () => {
  const { url, gateway } = await startForTest([hostile], { upstream: { spares: 0 } })
  const catalogWorkers: Array<{ worker: number; pid: number }> = []
  const ended: number[] = []
  gateway.events.on('workerStarted', ({ worker, pid, purpose }) => {
    if (purpose === 'catalog') catalogWorkers.push({ worker, pid })
  })
  gateway.events.on('workerEnded', ({ worker }) => void ended.push(worker))
  const session = await openSession(url, { capabilities: { roots: {} } })
  await session.request('tools/list')
  const [first] = catalogWorkers
  assert(first)
  expect(catalogWorkers).toEqual([first])
  await session.request('tools/list')
  expect(catalogWorkers, 'asked once').toEqual([first])
  process.kill(first.pid, 'SIGKILL')
  await eventually('its end', () => ended.includes(first.worker))
  await eventually('another one', async () => {
    const { result } = await session.request('tools/list')
    return Array.isArray(result?.['tools']) && catalogWorkers.length === 2
  })
})
