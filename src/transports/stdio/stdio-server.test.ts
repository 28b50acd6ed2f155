import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import type { Inbound, Outbound } from '../../protocol/inbound.ts'
import { createStdioServer, type StdioServer } from './stdio-server.ts'
import { createPipeMemory } from '../../client/pipe-memory.ts'

/** An exchange that the server was sent. */
interface Sent {
  readonly method: string
  readonly headers: Inbound['headers']
  readonly text: string
  /** The JSON-RPC method, `response`, or the HTTP method of an exchange without a body. */
  readonly name: string
}

type AnswerExchange = (sent: Sent, inbound: Inbound) => Promise<Outbound> | Outbound

interface Fixture {
  readonly stdioServer: StdioServer
  readonly clock: ManualClock
  readonly sent: Sent[]
  readonly received: Array<Record<string, unknown>>
  /** The names of all sent exchanges. */
  names(): string[]
  send(message: object): void
  /** Lets pending work run, and `ms` milliseconds pass in steps. */
  pass(ms?: number): Promise<void>
}

const nothing: Outbound = { status: 202, headers: {}, body: '' }

function json(body: object | string, status = 200, headers: Record<string, string> = {}): Outbound {
  const text = typeof body === 'string' ? body : JSON.stringify({ jsonrpc: '2.0', ...body })
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: text }
}

/** A stream of these pieces that is cut after them. */
function cut(...pieces: string[]): Outbound {
  async function* body(): AsyncGenerator<string> {
    yield* pieces
    throw new Refusal('connection_lost')
  }
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
}

/** A stream without events that ends when the exchange is closed. */
function quiet(inbound: Inbound): Outbound {
  async function* body(): AsyncGenerator<string> {
    await new Promise<void>((resolve) => void inbound.closed.onCancel(() => resolve()))
    yield ''
  }
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
}

function event(message: object, id: string): string {
  return `id: ${id}\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
}

const idOf = (sent: Sent): unknown => (JSON.parse(sent.text) as { id: unknown }).id

/** Answers the exchanges that a test does not care about. */
function ordinary(sent: Sent, inbound: Inbound): Outbound {
  if (sent.method === 'GET') return quiet(inbound)
  if (sent.method === 'DELETE' || idOf(sent) === undefined) return nothing
  if (sent.name !== 'initialize') return json({ id: idOf(sent), result: {} })
  const capabilities = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true } }
  return json({ id: idOf(sent), result: { protocolVersion: '2025-06-18', capabilities } }, 200, {
    'Mcp-Session-Id': 's',
  })
}

function start(answering: AnswerExchange, waitMs = 30_000): Fixture {
  const clock = manualClock()
  const sent: Sent[] = []
  const received: Array<Record<string, unknown>> = []
  const write = async (text: string): Promise<void> => void received.push(JSON.parse(text) as Record<string, unknown>)
  const stdioServer = createStdioServer({
    async handle(inbound) {
      const text = await inbound.body()
      const { method } = text === '' ? inbound : (JSON.parse(text) as { method?: string })
      const one = { method: inbound.method, headers: inbound.headers, text, name: method ?? 'response' }
      sent.push(one)
      return answering(one, inbound)
    },
    write,
    writeOwn: write,
    memory: createPipeMemory(createMemoryBudget(Infinity), Infinity),
    clock,
    log: silentLog,
    waitMs,
    maxCalls: 64,
    maxMessageChars: 1_000_000,
    onDenied: () => {},
  })
  const idle = async (): Promise<void> => {
    for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    stdioServer,
    clock,
    sent,
    received,
    names: () => sent.map(({ name }) => name),
    send: (message) => stdioServer.line(JSON.stringify({ jsonrpc: '2.0', ...message })),
    async pass(ms = 0) {
      await idle()
      for (let left = ms; left > 0; left -= 50) {
        clock.advance(50)
        await idle()
      }
    },
  }
}

async function opened(answering: AnswerExchange, waitMs?: number): Promise<Fixture> {
  const fixture = start(answering, waitMs)
  fixture.send({ id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18' } })
  fixture.send({ method: 'notifications/initialized' })
  await fixture.pass()
  fixture.received.length = fixture.sent.length = 0
  return fixture
}

const call = { id: 1, method: 'tools/call', params: { name: 'pay' } }
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const callAlone = { ...call, params: { ...call.params, _meta: meta } }

const failOnce = (name: string, failure: () => Promise<Outbound> | Outbound): AnswerExchange => {
  let isDone = false
  return (sent, inbound) => {
    if (sent.name !== name || isDone) return ordinary(sent, inbound)
    isDone = true
    return failure()
  }
}
const fails = (code: RefusalCode) => (): Promise<Outbound> => Promise.reject(new Refusal(code))
const reason = (received: Record<string, unknown> | undefined): unknown =>
  (received?.['error'] as { data?: { reason?: unknown } } | undefined)?.data?.reason

describe('a call', () => {
  test.each([
    ['of a session', call],
    ['without a session', callAlone],
  ])('%s that may have run is not sent again: the client gets an error', async (_name, message) => {
    for (const failure of [fails('connection_lost'), () => cut('data: \n\n'), () => nothing]) {
      const fixture = await opened(failOnce('tools/call', failure))
      fixture.send(message)
      await fixture.pass(60_000)
      expect(fixture.names().filter((name) => name === 'tools/call')).toHaveLength(1)
      expect(fixture.received.map((received) => [received['id'], reason(received)])).toEqual([[1, 'connection_lost']])
    }
  })

  test.each([
    ['was not sent', fails('endpoint_unreachable')],
    [
      'met a server that is shutting down',
      () => json({ error: { code: 1, message: '', data: { reason: 'draining' } } }, 503),
    ],
    [
      'met a server that is starting',
      () => json({ error: { code: 1, message: '', data: { reason: 'starting' } } }, 503),
    ],
  ])('that %s is sent again', async (_name, failure) => {
    const fixture = await opened(failOnce('tools/call', failure))
    fixture.send(call)
    await fixture.pass(1000)
    expect(fixture.names()).toEqual(['tools/call', 'tools/call'])
    expect(fixture.received).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  test('that a stopping server has cut off is answered with that error, as it may have run', async () => {
    const data = { reason: 'draining', executed: 'unknown' }
    const error = { code: -32603, message: 'stopping', data }
    const fixture = await opened(failOnce('tools/call', () => json({ id: 1, error }, 503)))
    fixture.send(call)
    await fixture.pass(1000)
    expect(fixture.names()).toEqual(['tools/call'])
    expect(fixture.received).toEqual([{ jsonrpc: '2.0', id: 1, error }])
  })

  test('waits for an unreachable server no longer than allowed', async () => {
    const fixture = await opened((sent, inbound) =>
      sent.name === 'tools/call' ? fails('endpoint_unreachable')() : ordinary(sent, inbound),
    )
    fixture.send(call)
    await fixture.pass(15_000)
    expect(fixture.received).toEqual([])
    await fixture.pass(20_000)
    expect(fixture.received.map(reason)).toEqual(['endpoint_unreachable'])
  })

  test('that was cancelled before it could be sent never is', async () => {
    let isUnreachable = true
    const fixture = await opened((sent, inbound) =>
      isUnreachable && sent.name === 'tools/call' ? fails('endpoint_unreachable')() : ordinary(sent, inbound),
    )
    fixture.send(call)
    await fixture.pass(500)
    fixture.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    isUnreachable = false
    fixture.sent.length = 0
    await fixture.pass(20_000)
    expect(fixture.names()).toEqual([])
    expect(fixture.received).toEqual([])
  })

  test('without a session is cancelled by closing its exchange, and the client gets nothing of it after that', async () => {
    let closed = false
    const fixture = await opened((sent, inbound) => {
      if (sent.name !== 'tools/call') return ordinary(sent, inbound)
      async function* body(): AsyncGenerator<string> {
        await new Promise<void>((resolve) => void inbound.closed.onCancel(() => resolve()))
        closed = true
        yield event({ id: 1, result: {} }, 'e')
      }
      return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
    })
    fixture.send(callAlone)
    await fixture.pass()
    fixture.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await fixture.pass(5000)
    expect(closed).toBe(true)
    expect(fixture.names()).toEqual(['tools/call'])
    expect(fixture.received).toEqual([])
  })

  test('of a session is cancelled by a notification, which is sent again while the call still runs', async () => {
    const fixture = await opened((sent, inbound) =>
      sent.name === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound),
    )
    fixture.send(call)
    await fixture.pass()
    fixture.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await fixture.pass(3000)
    expect(fixture.names()).toEqual(['tools/call', 'notifications/cancelled', 'notifications/cancelled'])
  })
})

test('an idempotent request is sent again when its answer is lost', async () => {
  const fixture = await opened(failOnce('tools/list', fails('connection_lost')))
  fixture.send({ id: 2, method: 'tools/list' })
  await fixture.pass(1000)
  expect(fixture.names()).toEqual(['tools/list', 'tools/list'])
  expect(fixture.received).toEqual([{ jsonrpc: '2.0', id: 2, result: {} }])
})

test('messages of a session wait for the end of its handshake', async () => {
  let accept = (): void => {}
  const fixture = start((sent, inbound) => {
    if (sent.name !== 'notifications/initialized') return ordinary(sent, inbound)
    return new Promise((resolve) => (accept = () => resolve(nothing)))
  })
  fixture.send({ id: 0, method: 'initialize', params: {} })
  fixture.send({ method: 'notifications/initialized' })
  fixture.send(call)
  fixture.send({ ...callAlone, id: 3 })
  await fixture.pass()
  expect(fixture.names()).toEqual(['initialize', 'tools/call', 'notifications/initialized'])
  expect(fixture.received.map(({ id }) => id)).toEqual([0, 3])
  accept()
  await fixture.pass()
  expect(fixture.names().slice(3)).toEqual(expect.arrayContaining(['tools/call', 'GET']))
})

describe('a stream that is cut', () => {
  test('is resumed after the last event, after the time that the server asks for, and passes on each message once', async () => {
    const progress = (at: number): object => ({ method: 'notifications/progress', params: { progress: at } })
    const fixture = await opened((sent, inbound) => {
      if (sent.name === 'tools/call') return cut('id: 0\nretry: 700\ndata: \n\n', event(progress(1), '1'))
      if (sent.headers['last-event-id'] === '1') return cut(event(progress(2), '2'))
      if (sent.headers['last-event-id'] === '2')
        return cut(event({ id: 1, result: {} }, '3'), event({ id: 1, result: {} }, '4'))
      return ordinary(sent, inbound)
    })
    fixture.send(call)
    await fixture.pass(600)
    expect(fixture.names()).toEqual(['tools/call'])
    await fixture.pass(150)
    expect(fixture.names()).toEqual(['tools/call', 'GET'])
    await fixture.pass(2000)
    expect(fixture.received.map(({ id, params }) => id ?? params)).toEqual([{ progress: 1 }, { progress: 2 }, 1])
  })
})

describe('a session that the server has forgotten', () => {
  test.each([
    ['404', 404, -32001, 'Session not found.'],
    ['400, as some servers do', 400, -32000, 'Bad Request: Server not initialized'],
  ])(
    'and answers with %s is opened again with the same state, and the client is told what may have changed',
    async (_, status, code, message) => {
      let session = 's'
      const answering: AnswerExchange = (sent, inbound) => {
        if (sent.headers['mcp-session-id'] !== undefined && sent.headers['mcp-session-id'] !== session)
          return json({ id: null, error: { code, message } }, status)
        if (sent.name !== 'initialize') return ordinary(sent, inbound)
        return { ...ordinary(sent, inbound), headers: { 'mcp-session-id': session } }
      }
      const fixture = await opened(answering)
      fixture.send({ id: 5, method: 'logging/setLevel', params: { level: 'error' } })
      fixture.send({ id: 6, method: 'resources/subscribe', params: { uri: 'a' } })
      fixture.send({ id: 7, method: 'resources/subscribe', params: { uri: 'b' } })
      fixture.send({ id: 8, method: 'resources/unsubscribe', params: { uri: 'a' } })
      await fixture.pass()
      fixture.received.length = fixture.sent.length = 0
      session = 't'
      fixture.send(call)
      fixture.send({ ...call, id: 9 })
      await fixture.pass()

      const again = fixture.sent.slice(2)
      expect(again.map(({ name }) => name)).toEqual([
        'initialize',
        'notifications/initialized',
        'logging/setLevel',
        'resources/subscribe',
        'GET',
        'tools/call',
        'tools/call',
      ])
      expect(JSON.parse(again[0]?.text ?? '')).toMatchObject({ params: { protocolVersion: '2025-06-18' } })
      expect(JSON.parse(again[3]?.text ?? '')).toMatchObject({ params: { uri: 'b' } })
      expect(again.slice(1).map(({ headers }) => headers['mcp-session-id'])).toEqual(Array(6).fill('t'))
      expect(fixture.received.map(({ id, method }) => id ?? method)).toEqual([
        'notifications/tools/list_changed',
        'notifications/resources/list_changed',
        'notifications/resources/updated',
        1,
        9,
      ])
    },
  )

  test('gets no answers any more: an answer to a request of the old session is dropped', async () => {
    let isForgotten = false
    const fixture = await opened((sent, inbound) => {
      if (sent.name === 'tools/call' && !isForgotten)
        return cut(event({ id: 'q', method: 'roots/list' }, '1'), event({ id: 1, result: {} }, '2'))
      if (isForgotten && sent.name === 'tools/list' && sent.headers['mcp-session-id'] === 's') {
        isForgotten = false
        return json('', 404)
      }
      return ordinary(sent, inbound)
    })
    fixture.send(call)
    await fixture.pass()
    isForgotten = true
    fixture.send({ id: 2, method: 'tools/list' })
    await fixture.pass()
    expect(fixture.received).toContainEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'q' },
    })
    fixture.sent.length = 0
    fixture.send({ id: 'q', result: { roots: [] } })
    await fixture.pass()
    expect(fixture.names()).toEqual([])
  })
})

describe('arguments that are mirrored into headers', () => {
  const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
  const mismatch = (sent: Sent): Outbound => json({ id: idOf(sent), error: { code: -32020, message: 'no' } }, 400)

  test('are learnt when the server refuses a call for lack of them, and the call is sent once more', async () => {
    const fixture = start((sent, inbound) => {
      if (sent.name === 'tools/list')
        return json({ id: idOf(sent), result: { tools: [{ name: 'pay', inputSchema: schema }] } })
      if (sent.name === 'tools/call' && sent.headers['mcp-param-region'] === undefined) return mismatch(sent)
      return ordinary(sent, inbound)
    })
    fixture.send({ ...callAlone, params: { ...callAlone.params, arguments: { region: 'eu' } } })
    await fixture.pass()
    expect(fixture.names()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(fixture.received).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  test('are learnt only once: a second refusal is the answer', async () => {
    const fixture = start((sent, inbound) => (sent.name === 'tools/call' ? mismatch(sent) : ordinary(sent, inbound)))
    fixture.send(callAlone)
    await fixture.pass(1000)
    expect(fixture.names()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(fixture.received).toMatchObject([{ id: 1, error: { code: -32020 } }])
  })
})

test('a client with too many unfinished messages is refused, and served again when some have finished', async () => {
  const fixture = await opened((sent, inbound) =>
    sent.name === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound),
  )
  for (let id = 1; id <= 1030; id++) fixture.send({ ...callAlone, id })
  await fixture.pass()
  expect(fixture.sent).toHaveLength(64)
  expect(fixture.received.map(({ id }) => id)).toEqual([1025, 1026, 1027, 1028, 1029, 1030])
  expect(new Set(fixture.received.map(reason))).toEqual(new Set(['too_many_calls']))
  fixture.send({ method: 'notifications/cancelled', params: { requestId: 7 } })
  await fixture.pass()
  fixture.send({ id: 'later', method: 'ping' })
  await fixture.pass()
  expect(fixture.received.at(-1)).toEqual({ jsonrpc: '2.0', id: 'later', result: {} })
})

test('the answers of a batch are one line, without messages that answer none of its requests', async () => {
  const fixture = start((sent, inbound) => {
    if (sent.name === 'initialize')
      return json({ id: 0, result: { protocolVersion: '2025-03-26', capabilities: {} } }, 200, {
        'mcp-session-id': 's',
      })
    if (!sent.text.startsWith('[')) return ordinary(sent, inbound)
    const answer = (id: unknown): object => ({ jsonrpc: '2.0', id, result: {} })
    return json(JSON.stringify([answer(1), answer(99), 'rubbish', answer(2)], null, 2))
  })
  fixture.send({ id: 0, method: 'initialize', params: {} })
  await fixture.pass()
  fixture.stdioServer.line(JSON.stringify([1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'ping' }))))
  await fixture.pass()
  expect(fixture.received.slice(1)).toEqual([[1, 2].map((id) => ({ jsonrpc: '2.0', id, result: {} }))])
})

test('invalid messages of the server, and answers to no request, are not passed on', async () => {
  const fixture = await opened((sent, inbound) => {
    if (sent.name !== 'tools/call') return ordinary(sent, inbound)
    return cut('id: 1\ndata: rubbish\n\n', event({ id: 99, result: {} }, '2'), event({ id: 1, result: {} }, '3'))
  })
  fixture.send(call)
  await fixture.pass()
  expect(fixture.received).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
})

test('a refused notifications/initialized does not hold back later messages', async () => {
  const fixture = start((sent, inbound) => (sent.name === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound)))
  fixture.send({ id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18' } })
  await fixture.pass()
  for (let id = 1; id <= 1024; id++) fixture.send({ ...callAlone, id })
  fixture.send({ method: 'notifications/initialized' })
  await fixture.pass()
  expect(fixture.names()).not.toContain('notifications/initialized')
  fixture.send({ method: 'notifications/cancelled', params: { requestId: 7 } })
  await fixture.pass()
  fixture.send({ id: 'next', method: 'tools/list' })
  await fixture.pass(1000)
  expect(fixture.received.at(-1)).toEqual({ jsonrpc: '2.0', id: 'next', result: {} })
})
