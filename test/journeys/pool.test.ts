/** More clients and calls than the limits allow: they wait in a bounded queue, in order, and are refused if it is full. */
import { describe, expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { echoLegacy, echoModern, type LogLine, type Mcplex, mcplexForTest, type Started } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { initialize, openSession, type Session } from '../support/session.ts'
import { callTool, toolResponse } from '../support/stateless.ts'

function start(options: readonly string[], rest: Started = {}): Promise<Mcplex> {
  return mcplexForTest({ ...rest, options: ['--log-level', 'warn', ...options] })
}

async function expectOverloaded(answered: Answered): Promise<void> {
  await answered.whole()
  expect(answered.status).toBe(503)
  expect(Number(answered.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  const [message] = messagesOf(answered)
  expect(message?.error).toMatchObject({ code: -32603, data: { reason: 'overloaded' } })
}

describe('a pool of two processes, one for each session', () => {
  test('a third session waits, and is served when one of the others ends', async () => {
    const mcplex = await start(['--pool', '2'])
    const [one, two, three] = await Promise.all([
      openSession(mcplex.url),
      openSession(mcplex.url),
      openSession(mcplex.url),
    ])
    const [first, second] = [await one.whoami(), await two.whoami()]
    const waits = three.whoami()
    await eventually('it waits', async () => (await counts(mcplex))['waitingCalls'] === 1)
    expect((await two.whoami()).nonce, 'the others are not disturbed').toBe(second.nonce)
    await one.end()
    expect([first.nonce, second.nonce]).not.toContain((await waits).nonce)
    expect((await two.whoami()).nonce).toBe(second.nonce)
  })

  test('the log tells of each call which tool it was, in which era, and how long it waited for a process', async () => {
    const mcplex = await start(['--pool', '1', '--log-level', 'info', '--stateless', 'principal'])
    const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    await one.whoami()
    const waits = two.text('echo', { text: 'x' })
    await eventually('it waits', async () => (await counts(mcplex))['waitingCalls'] === 1)
    await one.request('resources/read', { uri: 'echo://values/secret' })
    await one.end()
    await waits
    await two.end()
    await toolResponse(mcplex.url, 'nope')
    const lines = (): readonly LogLine[] => mcplex.log.filter(({ msg }) => String(msg).startsWith('call'))
    await eventually('all lines', () => lines().length === 4)
    const [whoami, read, echo, nope] = lines()
    expect(whoami).toMatchObject({ tool: 'whoami', era: 'session-based', upstream_era: 'session-based', status: 'ok' })
    expect(echo).toMatchObject({ tool: 'echo', era: 'session-based', queue_ms: expect.any(Number) })
    expect(echo?.['queue_ms']).toBeGreaterThan(0)
    expect(echo?.['queue_ms']).toBeLessThanOrEqual(Number(echo?.['dur_ms']))
    expect(nope, 'there is no such tool').toMatchObject({
      tool: 'unknown',
      era: 'stateless',
      upstream_era: 'session-based',
    })
    expect(read, 'its process was there, and its URI is data').toMatchObject({ method: 'resources/read', queue_ms: 0 })
    expect(read).not.toHaveProperty('tool')
    expect(JSON.stringify(read)).not.toContain('secret')
  })

  test('a wait that is too long is refused with 503, and the session may try again', async () => {
    const mcplex = await start(['--pool', '1', '--queue-wait', '300ms'])
    const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    await one.whoami()
    await expectOverloaded(await two.call('whoami'))
    await one.end()
    expect((await two.whoami()).calls).toBe(1)
  })

  test('starts run a few at a time, and the wait for a start may be longer than the wait in line', async () => {
    const server = [echoLegacy, '--start-delay=400']
    const mcplex = await start(['--pool', '40', '--queue-wait', '300ms'], { server })
    const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(mcplex.url)))
    const nonces = await Promise.all(sessions.map(async (session) => (await session.whoami()).nonce))
    expect(new Set(nonces).size).toBe(20)
  })

  test('a wait that is so long that its stream has begun is refused within the stream', async () => {
    const mcplex = await start(['--pool', '1', '--queue-wait', '3s'])
    const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    await one.whoami()
    const id = two.nextId()
    const { error } = await responseTo(await two.call('whoami', {}, { id }), id)
    expect(error).toMatchObject({ code: -32603, data: { reason: 'overloaded', retryAfterMs: expect.any(Number) } })
  })

  test('a line that is full refuses the next call, and serves those that wait', async () => {
    const mcplex = await start(['--pool', '1', '--queue', '3'])
    const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(mcplex.url)))
    const [one, two, three, four, five] = sessions as [Session, Session, Session, Session, Session]
    await one.whoami()
    const waiting = [two, three, four].map((session) => session.whoami().then(() => session.end()))
    await eventually('the line is full', async () => (await counts(mcplex))['waitingCalls'] === 3)
    await expectOverloaded(await five.call('whoami'))
    await one.end()
    await Promise.all(waiting)
    expect((await five.whoami()).calls).toBe(1)
  })

  test('a session that ends gives its place in the line away', async () => {
    const mcplex = await start(['--pool', '1', '--queue', '1'])
    const [one, two, three] = await Promise.all([
      openSession(mcplex.url),
      openSession(mcplex.url),
      openSession(mcplex.url),
    ])
    await one.whoami()
    const given = await Promise.all([
      two.call('whoami'),
      eventually('it waits', async () => (await counts(mcplex))['waitingCalls'] === 1).then(() => two.end()),
    ])
    expect(messagesOf(given[0])).toEqual([])
    const waits = three.whoami()
    await eventually('the next one waits', async () => (await counts(mcplex))['waitingCalls'] === 1)
    await one.end()
    expect((await waits).calls).toBe(1)
  })

  test('a process that was idle for long gives way, and its session is served by another one later', async () => {
    const mcplex = await start(['--pool', '1'], { env: { MCPLEX_UPSTREAM__POOL__EVICT_IDLE: '100ms' } })
    const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const first = await one.whoami()
    const second = await two.whoami()
    const again = await one.whoami()
    expect(new Set([first.nonce, second.nonce, again.nonce]).size).toBe(3)
  })
})

describe('one process for one call at a time', () => {
  test('a session with fifty waiting calls does not delay a session with one', async () => {
    const mcplex = await start(['--mode', 'call', '--pool', '1'])
    const [busy, modest] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const order: string[] = []
    const note = async (who: string, session: Session): Promise<void> => {
      expect(textOf(await session.response('slow', { ms: 20 }))).toBe('done after 20 ms')
      order.push(who)
    }
    const crowd = Array.from({ length: 50 }, () => note('busy', busy))
    await eventually('they wait', async () => ((await counts(mcplex))['waitingCalls'] ?? 0) >= 40)
    const before = order.length
    await note('modest', modest)
    // Its turn is next but one when it arrives; in one line for all it would come after the forty before it.
    expect(order.length - before, order.join(' ')).toBeLessThanOrEqual(20)
    await Promise.all(crowd)
  })

  test('no two calls are ever in one process at once', async () => {
    const mcplex = await start(['--mode', 'call', '--pool', '3'])
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(mcplex.url)))
    const [pool, calls, ms] = [3, 20, 50]
    const startedMs = performance.now()
    const texts = await Promise.all(
      sessions.flatMap((session) =>
        Array.from({ length: calls / sessions.length }, () => session.text('slow', { ms })),
      ),
    )
    expect(new Set(texts)).toEqual(new Set([`done after ${ms} ms`]))
    // Side by side in one process they would take no longer than one of them.
    expect(performance.now() - startedMs).toBeGreaterThan(Math.ceil(calls / pool) * ms)
    expect(mcplex.servers().length).toBeLessThanOrEqual(pool + 1)
  })

  test('a client that can be asked has one that no other call had before, or has later', async () => {
    const mcplex = await start(['--mode', 'call', '--pool', '3'])
    const capabilities = { elicitation: {} }
    const sessions = await Promise.all(Array.from({ length: 3 }, () => openSession(mcplex.url, { capabilities })))
    const pids: number[] = []
    const call = async (session: Session): Promise<void> => {
      const answered = await session.call('notify', { count: 3, kind: 'log' })
      await answered.whole()
      // Log lines name no call: that each finds its own proves that it was alone.
      const methods = messagesOf(answered).map(({ method }) => method)
      expect(methods.filter((method) => method === 'notifications/message')).toHaveLength(3)
      pids.push((await session.whoami()).pid)
    }
    await Promise.all(sessions.flatMap((session) => [call(session), call(session)]))
    expect(new Set(pids).size).toBe(pids.length)
    // Two of the catalogue, one for each kind of client, and two started ahead.
    await eventually('no other is left', () => mcplex.servers().length <= 4)
  })
})

describe('a bound on clients', () => {
  test('one more waits, and is let in when another one leaves', async () => {
    const mcplex = await start(['--max-connections', '2'])
    const [one] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const third = openSession(mcplex.url)
    await eventually('it waits', async () => (await counts(mcplex))['waitingClients'] === 1)
    await one.end()
    expect(await (await third).text('echo', { text: 'in' })).toBe('in')
  })

  test('a wait that is too long is refused with 503, and so is one more than may wait, at once', async () => {
    const mcplex = await start(['--max-connections', '1', '--queue', '1', '--queue-wait', '1500ms'])
    await openSession(mcplex.url)
    const waits = initialize(mcplex.url)
    await eventually('it waits', async () => (await counts(mcplex))['waitingClients'] === 1)
    await expectOverloaded(await initialize(mcplex.url))
    expect((await counts(mcplex))['waitingClients'], 'the one before still waits').toBe(1)
    await expectOverloaded(await waits)
  })

  test('a client that leaves the line gives its place in it away', async () => {
    const mcplex = await start(['--max-connections', '1', '--queue', '1'])
    const one = await openSession(mcplex.url)
    const gone = new AbortController()
    const left = fetch(mcplex.url, {
      method: 'POST',
      signal: gone.signal,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
      }),
    }).catch(() => 'left')
    await eventually('it waits', async () => (await counts(mcplex))['waitingClients'] === 1)
    gone.abort()
    expect(await left).toBe('left')
    await eventually('the line is empty', async () => (await counts(mcplex))['waitingClients'] === 0)
    const next = openSession(mcplex.url)
    await eventually('the next one waits', async () => (await counts(mcplex))['waitingClients'] === 1)
    await one.end()
    expect((await next).id).toBeTruthy()
  })

  test('clients without a session hold a place while they are answered', async () => {
    const mcplex = await start(['--max-connections', '1', '--queue', '1'], { server: [echoModern] })
    const slow = toolResponse(mcplex.url, 'slow', { ms: 1000 })
    await eventually('it is in', async () => (await counts(mcplex))['clients'] === 1)
    const waits = toolResponse(mcplex.url, 'echo', { text: 'after' })
    await eventually('the next one waits', async () => (await counts(mcplex))['waitingClients'] === 1)
    await expectOverloaded(await callTool(mcplex.url, 'echo', { text: 'too many' }))
    expect(textOf(await slow)).toBe('done after 1000 ms')
    expect(textOf(await waits)).toBe('after')
  })

  test('a client that has asked for progress waits while its answer is a stream, and holds one place', async () => {
    const mcplex = await start(['--max-connections', '1'], { server: [echoModern] })
    const meta = { progressToken: 'p' }
    const slow = toolResponse(mcplex.url, 'slow', { ms: 4000 })
    await eventually('it is in', async () => (await counts(mcplex))['clients'] === 1)
    const waits = await callTool(mcplex.url, 'echo', { text: 'after' }, { id: 'w', meta })
    expect(waits.headers['content-type']).toContain('text/event-stream')
    expect(await counts(mcplex)).toMatchObject({ clients: 1, waitingClients: 1 })
    expect(textOf(await responseTo(waits, 'w'))).toBe('after')
    expect(textOf(await slow)).toBe('done after 4000 ms')
    await eventually('all places are free', async () => (await counts(mcplex))['clients'] === 0)
  })
})

test('the 65th call in flight of a session is refused with 429, and the others are answered', async () => {
  const mcplex = await start([])
  const [session, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  await session.whoami()
  const flight = Array.from({ length: 64 }, () => session.response('slow', { ms: 1500 }))
  await eventually('all are in flight', async () => (await counts(mcplex))['calls'] === 64)
  const refused = await session.call('echo', { text: 'x' })
  await refused.whole()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  expect(messagesOf(refused).map(reasonOf)).toEqual(['too_many_calls'])
  expect(await other.text('echo', { text: 'free' })).toBe('free')
  for (const answer of await Promise.all(flight)) expect(textOf(answer)).toBe('done after 1500 ms')
  expect(await session.text('echo', { text: 'again' })).toBe('again')
})
