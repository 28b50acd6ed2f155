/** Calls that wait in the line of an upstream, of clients that are equal, read nothing, or have gone. */
import { connect } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { listen } from '../../src/transports/http/listen.ts'
import { startForTwoTenants, type TwoTenants } from '../isolation/two-tenants.ts'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { type InProcess, startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { callTool } from '../support/stateless.ts'

const echo = { command: process.execPath, args: [echoLegacy], mode: 'shared', stateless: 'shared', spares: 0 } as const
const longMs = 600_000

/** Ten times as fast as the system's. */
const fastClock: Clock = {
  now: () => systemClock.now() * 10,
  after: (ms, task) => systemClock.after(ms / 10, task),
  every: (ms, task) => systemClock.every(ms / 10, task),
}

describe('two tenants with the same subject, request ids and progress tokens', () => {
  async function openBoth(more: object = {}): Promise<TwoTenants & { sessions: readonly [Session, Session] }> {
    const both = await startForTwoTenants({ upstreams: { mine: { ...echo, ...more } } })
    return { ...both, sessions: [await openSession(both.a), await openSession(both.b)] }
  }
  const same = { id: 7, progressToken: 7 }
  const waiting = ({ gateway }: TwoTenants): number => gateway.operations('mine')?.state().waiting ?? 0

  test('wait for the end of a pause: each gets its own answer, and cancels its own call alone', async () => {
    const both = await openBoth()
    const [a, b] = both.sessions
    both.gateway.operations('mine')?.pause(longMs)
    const calls = both.sessions.map((session, at) => session.call('echo', { text: `of ${at}` }, same))
    await eventually('both to wait', () => waiting(both) === 2)
    await b.notify('notifications/cancelled', { requestId: 7 })
    await eventually('one to have left', () => waiting(both) === 1)
    const again = b.call('echo', { text: 'again' }, same)
    await eventually('both to wait', () => waiting(both) === 2)
    both.gateway.operations('mine')?.resume()
    expect(textOf(await responseTo(await (calls[0] ?? again), 7))).toBe('of 0')
    expect(textOf(await responseTo(await again, 7))).toBe('again')
    expect(await a.text('echo', { text: 'still mine' })).toBe('still mine')
  })

  test('wait for a limit: each is told of its own call alone', async () => {
    const both = await openBoth({ concurrency: 1 })
    const calls = await Promise.all(
      both.sessions.flatMap((session, at) =>
        [1, 2].map((id) => session.call('notify', { count: 2 + at, kind: 'progress' }, { id, progressToken: id })),
      ),
    )
    const told = calls.map(async (answered, index) => {
      const response = await responseTo(answered, (index % 2) + 1)
      const progress = messagesOf(answered).filter(({ method }) => method === 'notifications/progress')
      return [textOf(response), progress.map(({ params }) => params?.['progressToken'])]
    })
    expect(await Promise.all(told)).toEqual(
      [2, 3].flatMap((count) => [1, 2].map((token) => [`sent ${count}`, Array.from({ length: count }, () => token)])),
    )
  })

  test('are refused by an open breaker, each with its own id', async () => {
    const both = await openBoth()
    both.gateway.operations('mine')?.breaker('open')
    const answers = await Promise.all(
      both.sessions.map(async (session) => responseTo(await session.call('echo', { text: 'no' }, same), 7)),
    )
    expect(answers.map((answer) => [answer.id, reasonOf(answer)])).toEqual([
      [7, 'breaker_open'],
      [7, 'breaker_open'],
    ])
  })
})

test('a client that never reads what it is told of its place takes no turn from others', async () => {
  const { gateway, url } = await startUpstreams(
    { mine: { ...echo, concurrency: 1 } },
    // It would be cut, which is not what gives its turn to others.
    { sessions: { slowReaderMs: 3_600_000 } },
    { clock: fastClock },
  )
  const settings = { host: '127.0.0.1', port: 0, allowHosts: [], allowOrigins: [], maxBodyBytes: 1_000_000 }
  const listener = await listen(gateway, settings, silentLog, { slowReaderMs: 3_600_000 })
  // It never lets the server send any of an answer.
  const unread = connect(listener.url, { settings: { initialWindowSize: 0 } })
  onTestFinished(async () => {
    unread.destroy()
    listener.cut()
    await listener.close()
  })
  const operations = gateway.operations('mine')
  operations?.pause(3_600_000)
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'echo',
      arguments: { text: 'unread' },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'unread', version: '1' },
        // A notice is larger than what is written ahead of a reader.
        progressToken: 'p'.repeat(100_000),
      },
    },
  }
  const stream = unread.request({
    ':method': 'POST',
    ':path': '/mcp',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
  })
  let isTold = false
  stream.once('response', () => (isTold = true))
  stream.end(JSON.stringify(body))
  // The head of the answer comes before the first notice.
  await eventually('the unread client to be told', () => isTold)
  const session = await openSession(url)
  const other = session.text('echo', { text: 'other' })
  await eventually('both to wait', () => operations?.state().waiting === 2)
  // Its first notice.
  await new Promise((resolve) => fastClock.after(6000, () => resolve(undefined)))
  operations?.resume()
  expect(await other).toBe('other')
  expect(stream.closed).toBe(false)
})

describe('a client that vanishes while its call waits for the end of a pause leaves the line at once', () => {
  async function start(): Promise<InProcess & { waiting: () => number | undefined }> {
    const started = await startUpstreams({ mine: echo })
    const operations = started.gateway.operations('mine')
    await callTool(started.url, 'echo', { text: 'the server has started' }).then((answered) => answered.whole())
    operations?.pause(longMs)
    return { ...started, waiting: () => operations?.state().waiting }
  }

  test('without a session: its connection is its call', async () => {
    const { url, waiting } = await start()
    const gone = new AbortController()
    const call = callTool(url, 'echo', { text: 'x' }, { signal: gone.signal }).then(
      (answered) => answered.cut(),
      () => undefined,
    )
    await eventually('its call to wait', () => waiting() === 1)
    gone.abort()
    await eventually('its call to leave', () => waiting() === 0)
    await call
  })

  test.each(['is cancelled', 'ends with its session'] as const)('with a session: its call %s', async (how) => {
    const { url, waiting } = await start()
    const session = await openSession(url)
    const call: Promise<Answered> = session.call('echo', { text: 'x' }, { id: 5 })
    call.catch(() => undefined)
    await eventually('its call to wait', () => waiting() === 1)
    if (how === 'is cancelled') await session.notify('notifications/cancelled', { requestId: 5 })
    else await session.end()
    await eventually('its call to leave', () => waiting() === 0)
  })

  test('with a session that goes on, a broken connection is no cancellation: the call keeps its place, and is answered', async () => {
    const { url, waiting, gateway } = await start()
    const session = await openSession(url)
    const answered = await session.call('echo', { text: 'kept' }, { id: 6 })
    const first = await answered.event('the first event', ({ id }) => id !== undefined)
    answered.cut()
    await answered.over
    expect(waiting()).toBe(1)
    gateway.operations('mine')?.resume()
    const resumed = await session.listen(first.id)
    expect(textOf(await responseTo(resumed, 6))).toBe('kept')
  })
})
