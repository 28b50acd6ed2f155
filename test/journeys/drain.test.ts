/** The end of mcplex, orderly or not: what clients get, which code it ends with, and that no process is left behind. */
import { afterEach, describe, expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { counts } from '../support/counts.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex, type Started } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { initialize, openSession, type Session } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'
import { getStream, openStreamClient } from '../support/stream-client.ts'

const running: Mcplex[] = []
/** What must be gone, and is ended here should it not be. */
const doomed: number[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((mcplex) => mcplex.end()))
  for (const pid of doomed.splice(0)) if (runs(pid)) process.kill(pid, 'SIGKILL')
})

async function start(started: Started = {}): Promise<Mcplex> {
  const mcplex = await startMcplex(started)
  running.push(mcplex)
  return mcplex
}

const readiness = async (mcplex: Mcplex): Promise<number> => (await fetch(`${mcplex.origin}/readyz`)).status

const allGone = async (pids: readonly number[]): Promise<void> => {
  await eventually(`none of ${pids.join(', ')} runs`, () => pids.every((pid) => !runs(pid)), 10_000)
}

/** Starts a process in the group of the session's server that no SIGTERM ends; gives its id. */
const grandchildOf = async (session: Session): Promise<number> => Number(await session.text('spawn-grandchild'))

describe('SIGTERM', () => {
  test('lets twenty calls in flight finish, refuses what is new, and ends with code 0', async () => {
    const mcplex = await start()
    const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(mcplex.url)))
    const servers = (await Promise.all(sessions.map((session) => session.whoami()))).map(({ pid }) => pid)
    const listening = await Promise.all(sessions.map((session) => session.listen()))
    let answers = 0
    const calls = sessions.flatMap((session, at) =>
      Array.from({ length: 4 }, async (_, nth) => {
        // Some are answered by one JSON body, some by a stream.
        const progress = nth % 2 === 0 ? { progressToken: nth } : {}
        const ms = 2000 + 50 * at + 10 * nth
        const response = await session.response('slow', { ms, steps: 10 }, progress)
        answers++
        return textOf(response) === `done after ${ms} ms`
      }),
    )
    await eventually('all are in flight', async () => (await counts(mcplex))['calls'] === 20)
    expect(await readiness(mcplex)).toBe(200)
    mcplex.signal('SIGTERM')
    await eventually('it is not ready', async () => (await readiness(mcplex)) === 503)
    expect((await fetch(`${mcplex.origin}/livez`)).status).toBe(200)
    const refused = await initialize(mcplex.url)
    await refused.whole()
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(messagesOf(refused).map(reasonOf)).toEqual(['draining'])
    const late = await sessions[0]?.call('echo', { text: 'late' })
    expect(late?.status).toBe(503)
    expect(answers, 'all of this was said while calls were in flight').toBe(0)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, () => true))
    for (const stream of listening) {
      expect(await inTime('the end of a stream', stream.over)).toBe('whole')
      expect(stream.retryMs).toBeGreaterThan(0)
    }
    expect(await mcplex.exited).toEqual({ code: 0, signal: null })
    await allGone(servers)
  })

  test('a client that was cut off before may still fetch the result of its call', async () => {
    const mcplex = await start()
    const session = await openSession(mcplex.url)
    const id = session.nextId()
    const cut = await session.call('slow', { ms: 2000, steps: 20 }, { id, progressToken: 1 })
    await cut.event('some progress', ({ data }) => data.includes('progress'))
    cut.cut()
    mcplex.signal('SIGTERM')
    await eventually('it is not ready', async () => (await readiness(mcplex)) === 503)
    const resumed = await session.listen(cut.lastEventId)
    expect(textOf(await responseTo(resumed, id))).toBe('done after 2000 ms')
    expect((await mcplex.exited).code).toBe(0)
  })

  test('a call that takes longer than the drain is told so', async () => {
    const mcplex = await start({ env: { MCPLEX_LIMITS__DRAIN: '500ms' } })
    const session = await openSession(mcplex.url)
    const streamed = session.nextId()
    const stream = await session.call('slow', { ms: 60_000, steps: 600 }, { id: streamed, progressToken: 1 })
    await stream.event('some progress', ({ data }) => data.includes('progress'))
    const answered = session.response('slow', { ms: 60_000 })
    await eventually('both are in flight', async () => (await counts(mcplex))['calls'] === 2)
    mcplex.signal('SIGTERM')
    for (const { error } of await Promise.all([responseTo(stream, streamed), answered])) {
      expect(error).toMatchObject({ code: -32603, data: { reason: 'draining', executed: 'unknown' } })
    }
    expect((await mcplex.exited).code).toBe(0)
  })

  test('a call without a session that takes longer than the drain is told so', async () => {
    const mcplex = await start({ server: [echoModern], env: { MCPLEX_LIMITS__DRAIN: '500ms' } })
    const options = { id: 'stream', meta: { progressToken: 1 } }
    const stream = await callTool(mcplex.url, 'slow', { ms: 60_000, steps: 600 }, options)
    const silent = toolResponse(mcplex.url, 'slow', { ms: 60_000 })
    await eventually('both are in flight', async () => (await counts(mcplex))['calls'] === 2)
    mcplex.signal('SIGTERM')
    for (const { error } of await Promise.all([responseTo(stream, 'stream'), silent])) {
      expect(error).toMatchObject({ code: -32603, data: { reason: 'draining', executed: 'unknown' } })
    }
    expect((await mcplex.exited).code).toBe(0)
  })

  test('gives listeners of the stateless revision a final result, and lets its calls finish', async () => {
    const mcplex = await start({ server: [echoModern] })
    const listening = await ask(
      mcplex.url,
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
      { id: 'ear' },
    )
    await listening.event('the acknowledgement', ({ data }) => data.includes('acknowledged'))
    const streamed = await callTool(
      mcplex.url,
      'slow',
      { ms: 1500, steps: 15 },
      { id: 'stream', meta: { progressToken: 1 } },
    )
    const silent = toolResponse(mcplex.url, 'slow', { ms: 1500 })
    await streamed.event('some progress', ({ data }) => data.includes('progress'))
    await eventually('both are in flight', async () => (await counts(mcplex))['calls'] === 2)
    mcplex.signal('SIGTERM')
    const final = await responseTo(listening, 'ear')
    expect(final.result).toMatchObject({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/subscriptionId': 'ear' },
    })
    expect(await listening.over).toBe('whole')
    expect(streamed.isOver, 'calls go on meanwhile').toBe(false)
    const refused = await callTool(mcplex.url, 'echo', { text: 'late' })
    expect(refused.status).toBe(503)
    expect(textOf(await responseTo(streamed, 'stream'))).toBe('done after 1500 ms')
    expect(textOf(await silent)).toBe('done after 1500 ms')
    expect(await mcplex.exited).toEqual({ code: 0, signal: null })
  })

  test('over HTTP+SSE too: calls finish, questions are answered, new work is refused, and the streams end', async () => {
    const mcplex = await start()
    const client = await openStreamClient(mcplex.url, { capabilities: { elicitation: {} } })
    const { pid } = await client.whoami()
    const slow = client.call('slow', { ms: 1500, steps: 5 }, { progressToken: 1 })
    const asking = client.call('ask', { kind: 'elicitation' })
    const question = await client.message('the question', ({ method }) => method === 'elicitation/create')
    await eventually('both are in flight', async () => (await counts(mcplex))['calls'] === 2)
    mcplex.signal('SIGTERM')
    await eventually('it is not ready', async () => (await readiness(mcplex)) === 503)
    const refused = await getStream(mcplex.url)
    await refused.whole()
    expect([refused.status, messagesOf(refused).map(reasonOf)]).toEqual([503, ['draining']])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(reasonOf(await client.call('echo', { text: 'late' }))).toBe('draining')
    expect(await client.request('ping')).toMatchObject({ result: {} })
    expect((await client.post({ id: question.id, result: { action: 'accept' } })).status).toBe(202)
    expect(textOf(await asking)).toBe('{"action":"accept"}')
    expect(textOf(await slow)).toBe('done after 1500 ms')
    expect(await inTime('the end of the stream', client.stream.over)).toBe('whole')
    expect(await mcplex.exited).toEqual({ code: 0, signal: null })
    await allGone([pid])
  })

  test('a second one ends everything at once', async () => {
    const mcplex = await start()
    const session = await openSession(mcplex.url)
    const { pid } = await session.whoami()
    const call = session.call('slow', { ms: 60_000 }).catch(() => 'cut')
    await eventually('it is in flight', async () => (await counts(mcplex))['calls'] === 1)
    mcplex.signal('SIGTERM')
    await eventually('it drains', async () => (await readiness(mcplex)) === 503)
    // A runner in front may send one signal twice, so a second one counts only after a moment.
    const again = setInterval(() => mcplex.signal('SIGTERM'), 300)
    const { code } = await mcplex.exited
    clearInterval(again)
    expect(code).toBe(143)
    await call
    await allGone([pid])
  })

  test('a server that is killed meanwhile ends its own call, and the other one still finishes', async () => {
    const mcplex = await start()
    const [dies, lives] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const pids = [(await dies.whoami()).pid, (await lives.whoami()).pid] as const
    const lost = dies.response('slow', { ms: 60_000 })
    const kept = lives.text('slow', { ms: 3000 })
    await eventually('both are in flight', async () => (await counts(mcplex))['calls'] === 2)
    mcplex.signal('SIGTERM')
    await eventually('it drains', async () => (await readiness(mcplex)) === 503)
    process.kill(pids[0], 'SIGKILL')
    expect(reasonOf(await lost)).toBe('upstream_closed')
    expect(await kept).toBe('done after 3000 ms')
    expect((await mcplex.exited).code).toBe(0)
    await allGone(pids)
  })

  test('without any client it ends at once, and so do its warm processes', async () => {
    const mcplex = await start()
    const servers = mcplex.servers()
    expect(servers.length).toBeGreaterThan(0)
    mcplex.signal('SIGTERM')
    expect(await mcplex.exited).toEqual({ code: 0, signal: null })
    await allGone(servers)
  })
})

test('SIGINT drains like SIGTERM and ends with code 130', async () => {
  const mcplex = await start()
  const session = await openSession(mcplex.url)
  const call = session.response('slow', { ms: 800 })
  await eventually('it is in flight', async () => (await counts(mcplex))['calls'] === 1)
  mcplex.signal('SIGINT')
  expect(textOf(await call)).toBe('done after 800 ms')
  expect(await mcplex.exited).toEqual({ code: 130, signal: null })
})

describe.each(['SIGTERM', 'SIGKILL'] as const)('%s of mcplex', (signal) => {
  test('ends every server, its own children too, and those that do not want to end', async () => {
    const stubborn = [echoLegacy, '--ignore-sigterm', '--ignore-eof']
    const mcplexes = [await start(), await start({ server: stubborn })]
    const pids: number[] = []
    for (const mcplex of mcplexes) {
      const sessions = await Promise.all(Array.from({ length: 3 }, () => openSession(mcplex.url)))
      for (const session of sessions) pids.push((await session.whoami()).pid, await grandchildOf(session))
      pids.push(...mcplex.servers())
    }
    expect(new Set(pids).size, 'sessions, grandchildren, spares and the one that is asked for lists').toBeGreaterThan(
      14,
    )
    doomed.push(...pids)
    expect(pids.filter((pid) => !runs(pid))).toEqual([])
    for (const mcplex of mcplexes) mcplex.signal(signal)
    for (const mcplex of mcplexes) await mcplex.exited
    await allGone(pids)
  })
})
