/** Clients that break the rules: they are told so, and cost no other client anything. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { startForTest } from '../support/in-process.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')
test('a request without an id is none: it is refused and not passed on', async () => {
  const { url } = await startForTest([hostile])
  const session = await openSession(url)
  const answered = await session.post({ method: 'tools/call', params: { name: 'pid' } })
  expect(answered.status).toBe(400)
  await answered.whole()
  expect(messagesOf(answered)[0]?.error?.code).toBe(-32600)
  expect(await session.text('received')).toBe('1')
})

test('the subscriptions of one session are bounded', async () => {
  const { url } = await startForTest([hostile])
  const session = await openSession(url)
  const uris = Array.from({ length: 1001 }, (_, index) => `test://${index}`)
  for (const uri of uris.slice(0, 1000)) await session.request('resources/subscribe', { uri })
  const { error } = await session.request('resources/subscribe', { uri: uris[1000] })
  expect(error).toMatchObject({ code: -32602 })
  await session.request('resources/unsubscribe', { uri: uris[0] })
  expect((await session.request('resources/subscribe', { uri: uris[1000] })).error).toBeUndefined()
})

test('odd profiles of some clients take neither processes without end nor the view of others', async () => {
  const one = await startForTest([hostile], { upstream: { spares: 0 } })
  for (let index = 0; index < 40; index++) {
    const answered = await initialize(one.url, { capabilities: { extensions: { [`com.example/${index}`]: {} } } })
    await answered.whole()
    expect(answered.status).toBe(200)
  }
  expect((await one.counts())['workers']).toBeLessThanOrEqual(16)
})

test('a client that leaves before it waits for a place is not logged as a fault', async () => {
  const errors: unknown[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) }
  const settings = { limits: { maxConnections: 1, queueWaitMs: 200 }, upstream: { stateless: 'principal' } } as const
  const one = await startForTest([hostile], settings, { log })
  await openSession(one.url)
  const gone = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const abort = new AbortController()
      const sent = ask(one.url, 'tools/call', { name: 'pid' }, { signal: abort.signal }).catch(() => undefined)
      setImmediate(() => abort.abort())
      return sent
    }),
  )
  expect(gone).toHaveLength(20)
  await eventually('no client to wait', async () => (await one.counts())['waitingClients'] === 0)
  expect(errors).toEqual([])
})

test('two streams of one session at once are both opened', async () => {
  const { url } = await startForTest([hostile])
  const session = await openSession(url)
  const answers = await Promise.all([session.listen(), session.listen()])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200])
  for (const answered of answers) answered.cut()
})

test('a call after the end of its session starts nothing', async () => {
  const one = await startForTest([hostile], { upstream: { spares: 0 } })
  const before = (await one.counts())['workers']
  const session = await openSession(one.url)
  const answers = await Promise.all([session.end(), session.call('pid'), session.call('pid')])
  await Promise.all(answers.map((answered) => answered.whole()))
  await eventually('as before', async () => (await one.counts())['workers'] === before)
  const late = await session.call('pid')
  await late.whole()
  expect([late.status, reasonOf(messagesOf(late)[0] ?? {})]).toEqual([404, 'session_not_found'])
})

test('names of the prototype change nothing, wherever they stand', async () => {
  const { url } = await startForTest([hostile])
  const capabilities = JSON.parse('{"__proto__":{"sampling":{}},"extensions":{"__proto__":{"x":1},"constructor":{}}}')
  const session = await openSession(url, { capabilities })
  for (const name of ['__proto__', 'constructor', 'toString', 'prototype']) {
    expect((await session.request(name)).error?.code).toBe(-32601)
    expect((await session.response(name)).error?.code).toBe(-32602)
    expect((await session.request('tools/list', { cursor: name })).error?.code).toBe(-32602)
  }
  for (const cursor of [null, 1, {}, [], true, '']) {
    expect((await session.request('tools/list', { cursor })).error?.code).toBe(-32602)
  }
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  expect(await session.text('received')).toBe('5')
})

test('a session that is ended by DELETE while it has streams and questions open leaves nothing', async () => {
  const one = await startForTest([hostile])
  const session = await openSession(one.url, { capabilities: { roots: {} } })
  const stream = await session.listen()
  await session.text('answer-then-ask', { question: 'q' })
  await eventually('the question', () => messagesOf(stream).some(({ method }) => method === 'roots/list'))
  const hanging = await session.call('slow', { ms: 60_000 })
  expect((await send(one.url, { method: 'DELETE', headers: session.headers })).status).toBe(200)
  await Promise.all([stream.over, hanging.over])
  await eventually('nothing is left', async () => {
    const { sessions, streams, calls, clients } = await one.counts()
    return sessions === 0 && streams === 0 && calls === 0 && clients === 0
  })
})
