/** Clients that do not read their answers: what they may cost, and that no other client notices. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { echoModern, type Mcplex, mcplexForTest, type Started } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { callTool, toolResponse } from '../support/stateless.ts'
import { openStreamClient, type StreamClient } from '../support/stream-client.ts'

const mebibyte = 1024 * 1024
const readers = 10

function start(started: Started = {}): Promise<Mcplex> {
  const collector = join(import.meta.dirname, '..', '..', 'bench', 'lib', 'gc-on-signal.mjs')
  const env = { NODE_OPTIONS: `--expose-gc --import ${collector}`, ...started.env }
  return mcplexForTest({ options: ['--log-level', 'warn'], ...started, env })
}

/** Resident memory in bytes, without the garbage: the least of a few looks, each after a collection. */
async function resident(mcplex: Mcplex): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 3; look++) {
    mcplex.signal('SIGUSR2')
    // It answers when it has collected.
    await counts(mcplex)
    await counts(mcplex)
    const status = readFileSync(`/proc/${mcplex.pid}/status`, 'utf8')
    least = Math.min(least, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024)
  }
  return least
}

/** Waits until what is produced has come to rest, and says how much memory has grown since `before`. */
async function growth(mcplex: Mcplex, before: number): Promise<number> {
  let last = 0
  await eventually('memory has come to rest', async () => {
    const now = await resident(mcplex)
    const isAtRest = Math.abs(now - last) < mebibyte
    last = now
    return isAtRest
  })
  return last - before
}

async function endAll(stuck: readonly Answered[]): Promise<void> {
  for (const answered of stuck) answered.cut()
  await Promise.all(stuck.map(({ over }) => over))
}

test('ten readers that never read 20 MiB of notifications cost little, slow no other session, and lose nothing', async () => {
  const mcplex = await start()
  const sessions = await Promise.all(Array.from({ length: readers }, () => openSession(mcplex.url)))
  const bystander = await openSession(mcplex.url)
  for (const session of [...sessions, bystander]) await session.whoami()
  const before = await resident(mcplex)
  const asked = { id: 'flood', progressToken: 1, unread: true }
  const stuck = await Promise.all(
    sessions.map((session) => session.call('notify', { count: 320, bytes: 65_536 }, asked)),
  )
  expect((await growth(mcplex, before)) / mebibyte).toBeLessThan(120)
  for (let at = 0; at < 20; at++) expect(await bystander.text('echo', { text: `${at}` })).toBe(`${at}`)
  expect(textOf(await bystander.response('slow', { ms: 300 }))).toBe('done after 300 ms')
  for (const answered of stuck.slice(0, 2)) {
    answered.read()
    await responseTo(answered, 'flood')
    const progress = messagesOf(answered).slice(0, -1)
    expect(progress.map(({ params }) => params?.['progress'])).toEqual(Array.from({ length: 320 }, (_, at) => at + 1))
  }
  await endAll(stuck)
})

test('a hundred thousand small notifications that wait for a reader cost little memory, and all arrive', async () => {
  const mcplex = await start()
  const [session, bystander] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  for (const one of [session, bystander]) await one.whoami()
  const before = await resident(mcplex)
  const asked = { id: 'flood', progressToken: 1, unread: true }
  const stuck = await session.call('notify', { count: 100_000, bytes: 100 }, asked)
  expect((await growth(mcplex, before)) / mebibyte).toBeLessThan(40)
  expect(await bystander.text('echo', { text: 'free' })).toBe('free')
  stuck.read()
  expect(textOf(await responseTo(stuck, 'flood'))).toBe('sent 100000')
  expect(messagesOf(stuck)).toHaveLength(100_001)
})

test('ten readers that never read a result of 8 MB cost the results and not much more', async () => {
  // How long it takes to see what memory has grown to depends on the machine.
  const mcplex = await start({ env: { MCPLEX_SESSIONS__SLOW_READER: '5m' } })
  const sessions = await Promise.all(Array.from({ length: readers }, () => openSession(mcplex.url)))
  for (const session of sessions) await session.whoami()
  const before = await resident(mcplex)
  const stuck = await Promise.all(
    sessions.map((session) => session.call('big', { bytes: 8_000_000 }, { id: 'big', unread: true })),
  )
  // What the collector keeps for the next burst counts as well.
  expect(await growth(mcplex, before)).toBeLessThan(2.5 * readers * 8_000_000)
  for (const answered of stuck) answered.read()
  for (const answered of stuck) expect(textOf(await responseTo(answered, 'big'))).toHaveLength(8_000_000)
})

test('a reader that takes nothing for too long is cut off, and resumes for the rest', async () => {
  const mcplex = await start({ env: { MCPLEX_SESSIONS__SLOW_READER: '1s', MCPLEX_SESSIONS__BYTES_PER_STREAM: '64mb' } })
  const session = await openSession(mcplex.url)
  const asked = { id: 'flood', progressToken: 1, unread: true }
  const stuck = await session.call('notify', { count: 320, bytes: 65_536 }, asked)
  await eventually('it is cut off', async () => (await counts(mcplex))['streams'] === 0)
  await eventually('its call has ended', async () => (await counts(mcplex))['calls'] === 0)
  stuck.read()
  expect(await stuck.over).toBe('cut')
  const rest = await session.listen(stuck.lastEventId)
  await responseTo(rest, 'flood')
  const numbers = [...messagesOf(stuck), ...messagesOf(rest)].map(({ params }) => params?.['progress'])
  expect(numbers).toEqual([...Array.from({ length: 320 }, (_, at) => at + 1), undefined])
})

test('a client that resumes from an event that was dropped is told so', async () => {
  const mcplex = await start({ env: { MCPLEX_SESSIONS__SLOW_READER: '1s' } })
  const session = await openSession(mcplex.url)
  const asked = { id: 'flood', progressToken: 1, unread: true }
  const stuck = await session.call('notify', { count: 640, bytes: 65_536 }, asked)
  await eventually('its call has ended', async () => (await counts(mcplex))['calls'] === 0)
  stuck.read()
  await stuck.over
  const rest = await session.listen(stuck.lastEventId)
  expect(reasonOf(await responseTo(rest, 'flood'))).toBe('events_expired')
  await rest.whole()
})

test('a client without a session whose call has its process to itself holds that back, and gets all at last', async () => {
  const mcplex = await start({ options: ['--log-level', 'warn', '--stateless', 'principal'] })
  const options = { capabilities: { elicitation: {} }, id: 'flood', meta: { progressToken: 1 } }
  const stuck = await callTool(mcplex.url, 'notify', { count: 320, bytes: 65_536 }, { ...options, unread: true })
  expect(textOf(await toolResponse(mcplex.url, 'slow', { ms: 300 }, options))).toBe('done after 300 ms')
  stuck.read()
  const response = await responseTo(stuck, 'flood')
  expect(response.error).toBeUndefined()
  const progress = messagesOf(stuck).slice(0, -1)
  expect(progress.map(({ params }) => params?.['progress'])).toEqual(Array.from({ length: 320 }, (_, at) => at + 1))
})

test('a shared server: ten readers that never read cost little, and others are served meanwhile', async () => {
  const mcplex = await start({ server: [echoModern] })
  await toolResponse(mcplex.url, 'whoami')
  const before = await resident(mcplex)
  const stuck = await Promise.all(
    Array.from({ length: readers }, () =>
      callTool(
        mcplex.url,
        'notify',
        { count: 320, bytes: 65_536 },
        { id: 'flood', meta: { progressToken: 1 }, unread: true },
      ),
    ),
  )
  expect((await growth(mcplex, before)) / mebibyte).toBeLessThan(120)
  for (let at = 0; at < 20; at++) {
    expect(textOf(await toolResponse(mcplex.url, 'echo', { text: `${at}` }))).toBe(`${at}`)
  }
  for (const answered of stuck) answered.read()
  // The process works for others too and is not held back: a flood that is not read ends its own call.
  const reasons = await Promise.all(stuck.map(async (answered) => reasonOf(await responseTo(answered, 'flood'))))
  expect(reasons).toEqual(stuck.map(() => 'result_too_large'))
  await endAll(stuck)
})

/** Calls `notify` on a stream that is not read from then on. */
async function flood(client: StreamClient, count: number, bytes: number): Promise<void> {
  client.stream.pause()
  const params = { name: 'notify', arguments: { count, bytes }, _meta: { progressToken: 1 } }
  await (await client.post({ id: 'flood', method: 'tools/call', params })).whole()
}

test('HTTP+SSE: ten clients that never read their streams cost little, and all of it comes at last', async () => {
  const mcplex = await start()
  const clients = await Promise.all(Array.from({ length: readers }, () => openStreamClient(mcplex.url)))
  const bystander = await openStreamClient(mcplex.url)
  for (const one of [...clients, bystander]) await one.whoami()
  const before = await resident(mcplex)
  for (const client of clients) await flood(client, 320, 65_536)
  expect((await growth(mcplex, before)) / mebibyte).toBeLessThan(120)
  for (let at = 0; at < 20; at++) expect(await bystander.text('echo', { text: `${at}` })).toBe(`${at}`)
  for (const client of clients.slice(0, 2)) {
    client.stream.read()
    await client.message('the end', ({ id }) => id === 'flood')
    const progress = client.messages().flatMap(({ params }) => params?.['progress'] ?? [])
    expect(progress).toEqual(Array.from({ length: 320 }, (_, at) => at + 1))
  }
  await endAll(clients.map(({ stream }) => stream))
})

test('HTTP+SSE: a client that asks and asks and never reads is told to read first', async () => {
  const mcplex = await start({ env: { MCPLEX_SESSIONS__SLOW_READER: '5m' } })
  const client = await openStreamClient(mcplex.url)
  const before = await resident(mcplex)
  client.stream.pause()
  let id = 0
  const ask = async (): Promise<number> => {
    const posted = await client.post({ id: ++id, method: 'tools/list' })
    await posted.whole()
    return posted.status
  }
  await eventually('it is told', async () => (await Promise.all(Array.from({ length: 64 }, ask))).includes(429))
  expect((await growth(mcplex, before)) / mebibyte).toBeLessThan(40)
  client.stream.read()
  await eventually('there is memory again', async () => (await ask()) === 202)
  await endAll([client.stream])
})

test('HTTP+SSE: a client that reads nothing for too long is cut off, which ends the session', async () => {
  const mcplex = await start({ env: { MCPLEX_SESSIONS__SLOW_READER: '1s' } })
  const client = await openStreamClient(mcplex.url)
  await flood(client, 320, 65_536)
  await eventually('nothing is left', async () => {
    const { sessions, streams, calls, clients } = await counts(mcplex)
    return sessions === 0 && streams === 0 && calls === 0 && clients === 0
  })
  client.stream.read()
  expect(await client.stream.over).toBe('cut')
})
