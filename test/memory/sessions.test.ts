/** What sessions keep for as long as they live: what their clients say of themselves, subscriptions, calls, questions. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Answered, send } from '../support/http.ts'
import { type JsonMap, messagesOf, reasonOf, refusalIn, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const start = (memoryMiB: number): Promise<Target> =>
  startTarget(memoryMiB, { options: ['--mode', 'shared'], env: { MCPLEX_SESSIONS__RETENTION: '1h' } })

const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** A handshake in which the client says so much of itself. */
async function greet(target: Target, clientInfo: JsonMap): Promise<Answered> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'a', version: '1', ...clientInfo },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
  const answered = await send(target.url, { method: 'POST', headers, body })
  await answered.whole()
  return answered
}

function end(target: Target, { headers: answered }: Answered): Promise<Answered> {
  return send(target.url, { method: 'DELETE', headers: { 'Mcp-Session-Id': String(answered['mcp-session-id']) } })
}

/** How many were answered with each status. */
function tally(answers: readonly Answered[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

test('a client description that is short but has many members is refused by its memory share', async () => {
  const target = await start(4)
  const dense = await greet(target, { list: Array.from({ length: 20_000 }, () => ({})) })
  expect([dense.status, refusalIn(dense.text)]).toEqual([429, 'memory_share_exceeded'])
  expect((await greet(target, { title: 'x'.repeat(60_000) })).status).toBe(200)
})

test('sessions whose clients say much of themselves get half of the budget, and then new ones are refused', async () => {
  const target = await start(16)
  const tallies: Array<Record<number, number>> = []
  await expectBounded(target, async (scale) => {
    const answers: Answered[] = []
    for (let count = 0; count < 100 * scale; count++)
      answers.push(await greet(target, { list: Array.from({ length: 5000 }, () => ({})) }))
    tallies.push(tally(answers))
    expect(await target.heldBytes()).toBeLessThan(target.budgetBytes * 0.52)
    for (const answered of answers) if (answered.status === 200) await end(target, answered)
  })
  expect(Object.keys(tallies[1] ?? {})).toEqual(['200', '503'])
})

test('sessions whose clients are gone give way when there is no memory for a new one', async () => {
  const target = await startTarget(16, { env: { MCPLEX_SESSIONS__EVICT_IDLE: '100ms' } })
  const info = { list: Array.from({ length: 5000 }, () => ({})) }
  const ready = { jsonrpc: '2.0', method: 'notifications/initialized' }
  for (let count = 0; count < 60; count++) {
    const answered = await eventually('a new session is let in', async () => {
      const one = await greet(target, info)
      return one.status === 200 && one
    })
    const id = String(answered.headers['mcp-session-id'])
    const posted = { method: 'POST', headers: { ...headers, 'Mcp-Session-Id': id }, body: JSON.stringify(ready) }
    expect((await send(target.url, posted)).status).toBe(202)
  }
})

test('subscriptions end at the share of a session, and go with it', async () => {
  const target = await start(4)
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: 5 * scale }, () => openSession(target.url)))
    for (const session of sessions) {
      let refused: unknown
      const uri = (at: number): string => `echo://values/${at}/${'x'.repeat(8000)}`
      for (let at = 0; at < 200 && refused === undefined; at++)
        refused = reasonOf(await session.request('resources/subscribe', { uri: uri(at) }))
      expect(['memory_share_exceeded', 'overloaded']).toContain(refused)
      await session.request('resources/unsubscribe', { uri: uri(0) })
      expect(await session.text('echo', { text: 'alive' })).toBe('alive')
    }
    await Promise.all(sessions.map((session) => session.end()))
  })
})

/** Calls that hang, until they are given up; how many were answered with each status, 0 for none. */
async function hang(sessions: readonly Session[], each: number, least: number): Promise<Record<number, number>> {
  const abort = new AbortController()
  const statuses: Record<number, number> = {}
  const call = async (session: Session): Promise<void> => {
    const calling = session.call('hang', { filler: 'x'.repeat(100_000) }, { signal: abort.signal })
    const status = (await calling.catch(() => undefined))?.status ?? 0
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  const all = sessions.flatMap((session) => Array.from({ length: each }, () => call(session)))
  await eventually('some are refused', () => Object.values(statuses).reduce((a, b) => a + b, 0) >= least)
  abort.abort()
  await Promise.all(all)
  return statuses
}

test('calls that are not answered count with what they say, up to the share of their session', async () => {
  const target = await start(16)
  const session = await openSession(target.url)
  const before = await target.heldBytes()
  const statuses = await hang([session], 30, 5)
  expect(statuses[429]).toBeGreaterThanOrEqual(5)
  expect(statuses[429]).toBeLessThan(20)
  await session.end()
  await eventually('nothing is kept of them', async () => (await target.heldBytes()) < before)
})

test('calls that are not answered get half of the budget, and further ones are refused unless they are small', async () => {
  const target = await start(16)
  const tallies: Array<Record<number, number>> = []
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: 10 * scale }, () => openSession(target.url)))
    tallies.push(await hang(sessions, 20, sessions.length > 1 ? 100 : 0))
    await Promise.all(sessions.map((session) => session.end()))
  })
  expect(tallies[1]?.[503]).toBeGreaterThan(50)
})

test('questions that a client does not answer count, and beyond its share the server is told', async () => {
  const target = await startTarget(8)
  const opening = { capabilities: { sampling: {} } }
  const attack = async (scale: number): Promise<void> => {
    for (let count = 0; count < 6 * scale; count++) {
      const session = await openSession(target.url, opening)
      const asked = { kind: 'sampling', message: 'x'.repeat(200_000) }
      const calls = await Promise.all(
        Array.from({ length: 6 }, (_, id) => session.call('ask', asked, { id: `ask ${id}` })),
      )
      const refused = await Promise.any(calls.map((call, id) => responseTo(call, `ask ${id}`)))
      expect(textOf(refused)).toContain('too much to answer')
      await session.end()
      await Promise.all(calls.map(({ over }) => over))
    }
  }
  // What is learnt for such clients, and after the calls of usual ones, stays.
  for (const capabilities of [opening.capabilities, {}, {}]) {
    const session = await openSession(target.url, { capabilities })
    await session.request('tools/list')
    for (let count = 0; count < 50; count++) {
      await session.request('tools/call', { name: 'echo', arguments: { text: 'x' } })
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    await session.end()
  }
  await expectBounded(target, attack)
})

test('the results of a batch wait for each other within the share of their session', async () => {
  // A batch that takes long is answered on a stream, whose events are kept after it.
  const target = await startTarget(32, { options: ['--mode', 'shared'], env: { MCPLEX_SESSIONS__RETENTION: '1s' } })
  const session = await openSession(target.url, { version: '2025-03-26' })
  // The history of the session is full before: it stays as long as the session does.
  for (let count = 0; count < 100; count++)
    await session.request('tools/call', { name: 'big', arguments: { bytes: 1 } })
  await expectBounded(target, async (scale) => {
    for (let time = 0; time < 5 * scale; time++) {
      const call = (id: number): JsonMap => ({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'big', arguments: { bytes: 600_000 } },
      })
      const body = JSON.stringify(Array.from({ length: 40 }, (_, id) => call(id)))
      const posted = { method: 'POST', headers: { ...headers, ...session.headers }, body }
      const answered = await send(target.url, posted)
      await answered.whole()
      const reasons = messagesOf(answered).map(reasonOf)
      expect(reasons).toHaveLength(40)
      expect(new Set(reasons)).toEqual(new Set([undefined, 'result_too_large']))
    }
  })
})
