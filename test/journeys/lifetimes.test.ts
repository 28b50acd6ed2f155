/** Unused sessions and processes end by themselves, and all that they held is free again. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { PingRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { echoLegacy, type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { messagesOf, textOf } from '../support/rpc.ts'
import { initialize, openSession, type Session } from '../support/session.ts'

const hasEnded = ({ log }: Mcplex, reason: string): boolean =>
  log.some((line) => line['msg'] === 'session ends' && line['reason'] === reason)

/** Waits until the session is gone, without touching it before: a touch would be a sign of life. */
async function ended(mcplex: Mcplex, session: Session, reason: string): Promise<void> {
  await eventually(`the session ends by ${reason}`, () => hasEnded(mcplex, reason))
  for (const answered of [await session.post({ id: 1, method: 'ping' }), await session.listen(), await session.end()]) {
    await answered.whole()
    expect(answered.status).toBe(404)
    expect(messagesOf(answered)[0]?.error?.code).toBe(-32001)
  }
}

/** An official client with an event stream, and how many pings it has answered. */
async function pingable(url: string): Promise<{ client: Client; pings: () => number }> {
  let count = 0
  const client = new Client({ name: 'pingable', version: '1' })
  client.setRequestHandler(PingRequestSchema, () => {
    count++
    return {}
  })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  onTestFinished(() => client.close())
  return { client, pings: () => count }
}

const gone = (pids: readonly number[]): Promise<unknown> =>
  eventually(`none of ${pids.join(', ')} runs`, () => pids.every((pid) => !runs(pid)))

describe('when all places are taken', () => {
  const full = (env = {}): Promise<Mcplex> =>
    mcplexForTest({ options: ['--max-connections', '3', '--queue-wait', '15s'], env })

  test('clients that vanished give way to new ones', async () => {
    const mcplex = await full()
    const vanished = await Promise.all([1, 2, 3].map(() => openSession(mcplex.url)))
    const streams = await Promise.all(vanished.map((session) => session.listen()))
    for (const stream of streams) stream.cut()
    const newcomers = await Promise.all([1, 2, 3].map(() => openSession(mcplex.url)))
    for (const session of newcomers) expect(await session.text('echo', { text: 'in' })).toBe('in')
    for (const session of vanished) expect((await session.post({ id: 1, method: 'ping' })).status).toBe(404)
    expect(mcplex.log.filter((line) => line['reason'] === 'evicted')).toHaveLength(3)
  })

  test('the one that has been silent longest gives way, but none with an open stream that answers', async () => {
    const mcplex = await full({ MCPLEX_SESSIONS__EVICT_IDLE: '300ms' })
    const silent = await openSession(mcplex.url)
    const listening = await openSession(mcplex.url)
    const stream = await listening.listen()
    const working = await openSession(mcplex.url)
    const work = working.text('slow', { ms: 1500 })
    const newcomer = await openSession(mcplex.url)
    expect((await silent.post({ id: 1, method: 'ping' })).status).toBe(404)
    for (const session of [newcomer, listening]) expect(await session.text('echo', { text: 'in' })).toBe('in')
    expect(await work).toBe('done after 1500 ms')
    stream.cut()
  })

  test('a session whose open stream answers no ping is evicted', async () => {
    const env = { MCPLEX_SESSIONS__EVICT_IDLE: '300ms' }
    const mcplex = await mcplexForTest({ options: ['--max-connections', '1', '--queue-wait', '20s'], env })
    const deaf = await openSession(mcplex.url)
    const stream = await deaf.listen()
    const newcomer = await openSession(mcplex.url)
    expect(await newcomer.text('echo', { text: 'in' })).toBe('in')
    await stream.over
    expect(messagesOf(stream).map(({ method }) => method)).toContain('ping')
  })

  test('no session is evicted without need: a client that lost its stream may come back', async () => {
    const mcplex = await full({ MCPLEX_SESSIONS__EVICT_IDLE: '100ms' })
    const session = await openSession(mcplex.url)
    const stream = await session.listen()
    stream.cut()
    const others = await Promise.all([1, 2].map(() => openSession(mcplex.url)))
    await eventually('the stream is gone', async () => (await counts(mcplex))['streams'] === 0)
    for (const one of [session, ...others]) expect(await one.text('echo', { text: 'in' })).toBe('in')
  })
})

describe('a session', () => {
  test('that is idle for too long ends, with its process and its stream', async () => {
    const mcplex = await mcplexForTest({ options: ['--idle-timeout', '700ms'] })
    const session = await openSession(mcplex.url)
    const { pid } = await session.whoami()
    const listening = await session.listen()
    await ended(mcplex, session, 'idle')
    expect(await listening.over).toBe('whole')
    await gone([pid])
    expect((await counts(mcplex))['sessions']).toBe(0)
  })

  test('whose call takes longer than that does not end before it', async () => {
    const mcplex = await mcplexForTest({ options: ['--idle-timeout', '500ms'] })
    const session = await openSession(mcplex.url)
    expect(await session.text('slow', { ms: 1600 })).toBe('done after 1600 ms')
    expect(await session.text('echo', { text: 'still here' })).toBe('still here')
  })

  test('that sends a ping now and then lives on', async () => {
    const mcplex = await mcplexForTest({ options: ['--idle-timeout', '1s'] })
    const [kept, idle] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    await eventually('the other one ends', async () => {
      expect(await kept.request('ping')).toMatchObject({ result: {} })
      return hasEnded(mcplex, 'idle')
    })
    expect((await kept.post({ id: 1, method: 'ping' })).status).toBe(200)
    expect((await idle.post({ id: 1, method: 'ping' })).status).toBe(404)
  })

  test.each([
    ['6s', true],
    ['1s!', false],
  ])('of a client that answers pings on its stream, with --idle-timeout %s: lives on: %s', async (idle, lives) => {
    const mcplex = await mcplexForTest({ options: ['--idle-timeout', idle] })
    const { client, pings } = await pingable(mcplex.url)
    await eventually('it was asked, or has ended', () => pings() > 1 || hasEnded(mcplex, 'idle'))
    expect(hasEnded(mcplex, 'idle')).toBe(!lives)
    const answers = client.callTool({ name: 'echo', arguments: { text: 'here' } }).then(
      () => true,
      () => false,
    )
    expect(await answers).toBe(lives)
  })

  test('that only answers pings goes when its place is wanted, before one that works', async () => {
    const mcplex = await mcplexForTest({ options: ['--idle-timeout', '6s', '--max-connections', '2'] })
    const { pings } = await pingable(mcplex.url)
    const working = await openSession(mcplex.url)
    await eventually('it was asked twice', async () => {
      expect(await working.request('ping')).toMatchObject({ result: {} })
      return pings() > 1
    })
    const next = await openSession(mcplex.url)
    expect(await next.text('echo', { text: 'in' })).toBe('in')
    await eventually('the log says so', () => hasEnded(mcplex, 'evicted'))
    expect(await working.text('echo', { text: 'still' })).toBe('still')
  })

  test('that never completes its handshake ends soon, and another one gets its place', async () => {
    const env = { MCPLEX_SESSIONS__HANDSHAKE_TIMEOUT: '400ms' }
    const mcplex = await mcplexForTest({ options: ['--max-connections', '1'], env })
    const session = await openSession(mcplex.url, { unfinished: true })
    const waits = openSession(mcplex.url)
    await ended(mcplex, session, 'no_handshake')
    const next = await waits
    expect(await next.text('echo', { text: 'in' })).toBe('in')
  })

  test('ends at its longest age, even with a call in flight', async () => {
    const mcplex = await mcplexForTest({ options: ['--max-session', '1s'] })
    const session = await openSession(mcplex.url)
    const { pid } = await session.whoami()
    const [stream, silent] = await Promise.all([
      session.call('slow', { ms: 60_000, steps: 1200 }, { progressToken: 1 }),
      session.call('slow', { ms: 60_000 }),
    ])
    await ended(mcplex, session, 'max_age')
    for (const answered of [stream, silent]) {
      await answered.whole()
      expect(messagesOf(answered).filter(({ method }) => method === undefined)).toEqual([])
    }
    await gone([pid])
    expect((await counts(mcplex))['calls']).toBe(0)
  })

  test('that its client ends is gone at once, with everything in it, however stubborn', async () => {
    const mcplex = await mcplexForTest({ server: [echoLegacy, '--ignore-sigterm', '--ignore-eof'] })
    const [session, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const pids = [(await session.whoami()).pid, Number(await session.text('spawn-grandchild', { holdStdout: true }))]
    const before = await other.whoami()
    const listening = await session.listen()
    expect((await session.end()).status).toBe(200)
    await ended(mcplex, session, 'client')
    expect(await listening.over).toBe('whole')
    await gone(pids)
    expect((await other.whoami()).nonce).toBe(before.nonce)
  })

  test('that is unknown is answered like one that has ended; without an id it is another error', async () => {
    const mcplex = await mcplexForTest()
    const session = await openSession(mcplex.url)
    await session.end()
    const ask = async (id: string | undefined): Promise<[number, string]> => {
      const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
      const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
      const answered = await send(mcplex.url, { method: 'POST', headers: { ...headers, 'Mcp-Session-Id': id }, body })
      // Each answer has an id of its own.
      return [answered.status, (await answered.whole()).replace(/"requestId":"[\w-]+"/, '"requestId":""')]
    }
    const unknown = await ask('00000000-0000-4000-8000-000000000000')
    expect(unknown[0]).toBe(404)
    expect(await ask(session.id)).toEqual(unknown)
    expect(await ask('../../etc/passwd')).toEqual(unknown)
    expect((await ask(undefined))[0]).toBe(400)
  })
})

test('two dozen clients that vanish in the middle of things leave nothing behind', async () => {
  // Long enough for the slowest process to start: a session that waits for the others is idle meanwhile.
  const mcplex = await mcplexForTest({ options: ['--idle-timeout', '5s'] })
  const resting = mcplex.servers().length
  const sessions = await Promise.all(Array.from({ length: 24 }, () => openSession(mcplex.url)))
  const pids = (await Promise.all(sessions.map((session) => session.whoami()))).map(({ pid }) => pid)
  const open = await Promise.all(
    sessions.flatMap((session) => [
      session.listen(),
      session.call('slow', { ms: 900, steps: 9 }, { progressToken: 1 }),
      session.call('slow', { ms: 500, steps: 5 }, { progressToken: 2 }),
    ]),
  )
  for (const answered of open) answered.cut()
  await eventually('all sessions have ended', async () => (await counts(mcplex))['sessions'] === 0)
  await gone(pids)
  await eventually('only the resting processes are left', () => mcplex.servers().length <= resting)
  expect(await counts(mcplex)).toMatchObject({ streams: 0, calls: 0, clients: 0, waitingClients: 0, waitingCalls: 0 })
})

test('two thousand unfinished handshakes cost no process and are forgotten', async () => {
  const env = { MCPLEX_SESSIONS__HANDSHAKE_TIMEOUT: '2s' }
  const options = ['--max-connections', '5000', '--log-level', 'warn']
  const mcplex = await mcplexForTest({ options, env })
  const resting = mcplex.servers()
  for (let round = 0; round < 20; round++) {
    const statuses = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const answered = await initialize(mcplex.url)
        await answered.whole()
        return answered.status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
  }
  expect(mcplex.servers()).toEqual(resting)
  await eventually('all are forgotten', async () => (await counts(mcplex))['sessions'] === 0)
})

test('a process without calls for long ends; its session lives, and its next call gets another one', async () => {
  const mcplex = await mcplexForTest({ env: { MCPLEX_UPSTREAM__POOL__IDLE: '500ms' } })
  const session = await openSession(mcplex.url)
  const before = await session.whoami()
  await gone([before.pid])
  const after = await session.whoami()
  expect(after.nonce).not.toBe(before.nonce)
  expect(textOf(await session.response('echo', { text: 'same session' }))).toBe('same session')
})
