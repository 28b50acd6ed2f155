import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import type { Inbound, Outbound } from '../../protocol/inbound.ts'
import { createStdioServer, type StdioServer } from './stdio-server.ts'
import { createPipeMemory } from '../../client/pipe-memory.ts'

/** What the other side was sent. */
interface Sent {
  readonly method: string
  readonly headers: Inbound['headers']
  readonly text: string
  /** The JSON-RPC method, or what the HTTP method means. */
  readonly what: string
}

type Answering = (sent: Sent, inbound: Inbound) => Promise<Outbound> | Outbound

interface Scene {
  readonly stdioServer: StdioServer
  readonly clock: ManualClock
  readonly sent: Sent[]
  readonly said: Array<Record<string, unknown>>
  /** What it was sent, by name. */
  whats(): string[]
  send(message: object): void
  /** Lets everything run that needs no time, then `ms` milliseconds pass, and again. */
  pass(ms?: number): Promise<void>
}

const nothing: Outbound = { status: 202, headers: {}, body: '' }

function json(body: object | string, status = 200, headers: Record<string, string> = {}): Outbound {
  const text = typeof body === 'string' ? body : JSON.stringify({ jsonrpc: '2.0', ...body })
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: text }
}

/** A stream of these pieces, which then is cut. */
function cut(...pieces: string[]): Outbound {
  async function* body(): AsyncGenerator<string> {
    yield* pieces
    throw new Refusal('connection_lost')
  }
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
}

/** A stream that says no more, until nobody listens. */
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

/** Answers what is not the business of a test. */
function ordinary(sent: Sent, inbound: Inbound): Outbound {
  if (sent.method === 'GET') return quiet(inbound)
  if (sent.method === 'DELETE' || idOf(sent) === undefined) return nothing
  if (sent.what !== 'initialize') return json({ id: idOf(sent), result: {} })
  const capabilities = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true } }
  return json({ id: idOf(sent), result: { protocolVersion: '2025-06-18', capabilities } }, 200, {
    'Mcp-Session-Id': 's',
  })
}

function play(answering: Answering, waitMs = 30_000): Scene {
  const clock = manualClock()
  const sent: Sent[] = []
  const said: Array<Record<string, unknown>> = []
  const say = async (text: string): Promise<void> => void said.push(JSON.parse(text) as Record<string, unknown>)
  const stdioServer = createStdioServer({
    async handle(inbound) {
      const text = await inbound.body()
      const { method } = text === '' ? inbound : (JSON.parse(text) as { method?: string })
      const one = { method: inbound.method, headers: inbound.headers, text, what: method ?? 'response' }
      sent.push(one)
      return answering(one, inbound)
    },
    write: say,
    writeOwn: say,
    memory: createPipeMemory(createMemoryBudget(Infinity), Infinity),
    clock,
    log: silentLog,
    waitMs,
    maxCalls: 64,
    maxMessageChars: 1_000_000,
    onDenied: () => {},
  })
  const idle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    stdioServer,
    clock,
    sent,
    said,
    whats: () => sent.map(({ what }) => what),
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

async function opened(answering: Answering, waitMs?: number): Promise<Scene> {
  const scene = play(answering, waitMs)
  scene.send({ id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18' } })
  scene.send({ method: 'notifications/initialized' })
  await scene.pass()
  scene.said.length = scene.sent.length = 0
  return scene
}

const call = { id: 1, method: 'tools/call', params: { name: 'pay' } }
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const callAlone = { ...call, params: { ...call.params, _meta: meta } }

const failOnce = (what: string, failure: () => Promise<Outbound> | Outbound): Answering => {
  let isDone = false
  return (sent, inbound) => {
    if (sent.what !== what || isDone) return ordinary(sent, inbound)
    isDone = true
    return failure()
  }
}
const fails = (code: RefusalCode) => (): Promise<Outbound> => Promise.reject(new Refusal(code))
const reason = (said: Record<string, unknown> | undefined): unknown =>
  (said?.['error'] as { data?: { reason?: unknown } } | undefined)?.data?.reason

describe('a call', () => {
  test.each([
    ['of a session', call],
    ['that stands for itself', callAlone],
  ])('%s that may have run is not sent again: its sender is told', async (_name, message) => {
    for (const failure of [fails('connection_lost'), () => cut('data: \n\n'), () => nothing]) {
      const scene = await opened(failOnce('tools/call', failure))
      scene.send(message)
      await scene.pass(60_000)
      expect(scene.whats().filter((what) => what === 'tools/call')).toHaveLength(1)
      expect(scene.said.map((said) => [said['id'], reason(said)])).toEqual([[1, 'connection_lost']])
    }
  })

  test.each([
    ['was not sent', fails('endpoint_unreachable')],
    [
      'met a server that is about to go',
      () => json({ error: { code: 1, message: '', data: { reason: 'draining' } } }, 503),
    ],
    [
      'met a server that has yet to start',
      () => json({ error: { code: 1, message: '', data: { reason: 'starting' } } }, 503),
    ],
  ])('that %s is sent again', async (_name, failure) => {
    const scene = await opened(failOnce('tools/call', failure))
    scene.send(call)
    await scene.pass(1000)
    expect(scene.whats()).toEqual(['tools/call', 'tools/call'])
    expect(scene.said).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  test('that a stopping server has cut off is answered with that, as it may have run', async () => {
    const data = { reason: 'draining', executed: 'unknown' }
    const error = { code: -32603, message: 'stopping', data }
    const scene = await opened(failOnce('tools/call', () => json({ id: 1, error }, 503)))
    scene.send(call)
    await scene.pass(1000)
    expect(scene.whats()).toEqual(['tools/call'])
    expect(scene.said).toEqual([{ jsonrpc: '2.0', id: 1, error }])
  })

  test('waits for a server that is away no longer than it may', async () => {
    const scene = await opened((sent, inbound) =>
      sent.what === 'tools/call' ? fails('endpoint_unreachable')() : ordinary(sent, inbound),
    )
    scene.send(call)
    await scene.pass(15_000)
    expect(scene.said).toEqual([])
    await scene.pass(20_000)
    expect(scene.said.map(reason)).toEqual(['endpoint_unreachable'])
  })

  test('that was cancelled before it could be sent never is', async () => {
    let isAway = true
    const scene = await opened((sent, inbound) =>
      isAway && sent.what === 'tools/call' ? fails('endpoint_unreachable')() : ordinary(sent, inbound),
    )
    scene.send(call)
    await scene.pass(500)
    scene.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    isAway = false
    scene.sent.length = 0
    await scene.pass(20_000)
    expect(scene.whats()).toEqual([])
    expect(scene.said).toEqual([])
  })

  test('that stands for itself is cancelled by closing, and nothing is heard of it after that', async () => {
    let closed = false
    const scene = await opened((sent, inbound) => {
      if (sent.what !== 'tools/call') return ordinary(sent, inbound)
      async function* body(): AsyncGenerator<string> {
        await new Promise<void>((resolve) => void inbound.closed.onCancel(() => resolve()))
        closed = true
        yield event({ id: 1, result: {} }, 'e')
      }
      return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
    })
    scene.send(callAlone)
    await scene.pass()
    scene.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await scene.pass(5000)
    expect(closed).toBe(true)
    expect(scene.whats()).toEqual(['tools/call'])
    expect(scene.said).toEqual([])
  })

  test('of a session is cancelled by a message, which is said again if the call has not heard of it', async () => {
    const scene = await opened((sent, inbound) =>
      sent.what === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound),
    )
    scene.send(call)
    await scene.pass()
    scene.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await scene.pass(3000)
    expect(scene.whats()).toEqual(['tools/call', 'notifications/cancelled', 'notifications/cancelled'])
  })
})

test('what can be asked twice is asked again when its answer is lost', async () => {
  const scene = await opened(failOnce('tools/list', fails('connection_lost')))
  scene.send({ id: 2, method: 'tools/list' })
  await scene.pass(1000)
  expect(scene.whats()).toEqual(['tools/list', 'tools/list'])
  expect(scene.said).toEqual([{ jsonrpc: '2.0', id: 2, result: {} }])
})

test('nothing of a session goes ahead of its handshake', async () => {
  let accept = (): void => {}
  const scene = play((sent, inbound) => {
    if (sent.what !== 'notifications/initialized') return ordinary(sent, inbound)
    return new Promise((resolve) => (accept = () => resolve(nothing)))
  })
  scene.send({ id: 0, method: 'initialize', params: {} })
  scene.send({ method: 'notifications/initialized' })
  scene.send(call)
  scene.send({ ...callAlone, id: 3 })
  await scene.pass()
  expect(scene.whats()).toEqual(['initialize', 'tools/call', 'notifications/initialized'])
  expect(scene.said.map(({ id }) => id)).toEqual([0, 3])
  accept()
  await scene.pass()
  expect(scene.whats().slice(3)).toEqual(expect.arrayContaining(['tools/call', 'GET']))
})

describe('a stream that is cut', () => {
  test('goes on after the last event, when the server wants that, and says each thing once', async () => {
    const progress = (at: number): object => ({ method: 'notifications/progress', params: { progress: at } })
    const scene = await opened((sent, inbound) => {
      if (sent.what === 'tools/call') return cut('id: 0\nretry: 700\ndata: \n\n', event(progress(1), '1'))
      if (sent.headers['last-event-id'] === '1') return cut(event(progress(2), '2'))
      if (sent.headers['last-event-id'] === '2')
        return cut(event({ id: 1, result: {} }, '3'), event({ id: 1, result: {} }, '4'))
      return ordinary(sent, inbound)
    })
    scene.send(call)
    await scene.pass(600)
    expect(scene.whats()).toEqual(['tools/call'])
    await scene.pass(150)
    expect(scene.whats()).toEqual(['tools/call', 'GET'])
    await scene.pass(2000)
    expect(scene.said.map(({ id, params }) => id ?? params)).toEqual([{ progress: 1 }, { progress: 2 }, 1])
  })
})

describe('a session that the server has forgotten', () => {
  test.each([
    ['by 404', 404, -32001, 'Session not found.'],
    ['by 400, as some do', 400, -32000, 'Bad Request: Server not initialized'],
  ])(
    'and says so %s is opened again as it was, and the client is told what may be new',
    async (_, status, code, words) => {
      let session = 's'
      const answering: Answering = (sent, inbound) => {
        if (sent.headers['mcp-session-id'] !== undefined && sent.headers['mcp-session-id'] !== session)
          return json({ id: null, error: { code, message: words } }, status)
        if (sent.what !== 'initialize') return ordinary(sent, inbound)
        return { ...ordinary(sent, inbound), headers: { 'mcp-session-id': session } }
      }
      const scene = await opened(answering)
      scene.send({ id: 5, method: 'logging/setLevel', params: { level: 'error' } })
      scene.send({ id: 6, method: 'resources/subscribe', params: { uri: 'a' } })
      scene.send({ id: 7, method: 'resources/subscribe', params: { uri: 'b' } })
      scene.send({ id: 8, method: 'resources/unsubscribe', params: { uri: 'a' } })
      await scene.pass()
      scene.said.length = scene.sent.length = 0
      session = 't'
      scene.send(call)
      scene.send({ ...call, id: 9 })
      await scene.pass()

      const again = scene.sent.slice(2)
      expect(again.map(({ what }) => what)).toEqual([
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
      expect(scene.said.map(({ id, method }) => id ?? method)).toEqual([
        'notifications/tools/list_changed',
        'notifications/resources/list_changed',
        'notifications/resources/updated',
        1,
        9,
      ])
    },
  )

  test('cannot be answered for: an answer to a question of the old one goes nowhere', async () => {
    let isForgotten = false
    const scene = await opened((sent, inbound) => {
      if (sent.what === 'tools/call' && !isForgotten)
        return cut(event({ id: 'q', method: 'roots/list' }, '1'), event({ id: 1, result: {} }, '2'))
      if (isForgotten && sent.what === 'tools/list' && sent.headers['mcp-session-id'] === 's') {
        isForgotten = false
        return json('', 404)
      }
      return ordinary(sent, inbound)
    })
    scene.send(call)
    await scene.pass()
    isForgotten = true
    scene.send({ id: 2, method: 'tools/list' })
    await scene.pass()
    expect(scene.said).toContainEqual({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } })
    scene.sent.length = 0
    scene.send({ id: 'q', result: { roots: [] } })
    await scene.pass()
    expect(scene.whats()).toEqual([])
  })
})

describe('arguments that are mirrored into headers', () => {
  const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
  const mismatch = (sent: Sent): Outbound => json({ id: idOf(sent), error: { code: -32020, message: 'no' } }, 400)

  test('are learnt when the server misses them, and the call is sent once more', async () => {
    const scene = play((sent, inbound) => {
      if (sent.what === 'tools/list')
        return json({ id: idOf(sent), result: { tools: [{ name: 'pay', inputSchema: schema }] } })
      if (sent.what === 'tools/call' && sent.headers['mcp-param-region'] === undefined) return mismatch(sent)
      return ordinary(sent, inbound)
    })
    scene.send({ ...callAlone, params: { ...callAlone.params, arguments: { region: 'eu' } } })
    await scene.pass()
    expect(scene.whats()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(scene.said).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  test('do not make it go on for ever: a second refusal is the answer', async () => {
    const scene = play((sent, inbound) => (sent.what === 'tools/call' ? mismatch(sent) : ordinary(sent, inbound)))
    scene.send(callAlone)
    await scene.pass(1000)
    expect(scene.whats()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(scene.said).toMatchObject([{ id: 1, error: { code: -32020 } }])
  })
})

test('a client that sends without end is refused by name, and served again when there is room', async () => {
  const scene = await opened((sent, inbound) => (sent.what === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound)))
  for (let id = 1; id <= 1030; id++) scene.send({ ...callAlone, id })
  await scene.pass()
  expect(scene.sent).toHaveLength(64)
  expect(scene.said.map(({ id }) => id)).toEqual([1025, 1026, 1027, 1028, 1029, 1030])
  expect(new Set(scene.said.map(reason))).toEqual(new Set(['too_many_calls']))
  scene.send({ method: 'notifications/cancelled', params: { requestId: 7 } })
  await scene.pass()
  scene.send({ id: 'room', method: 'ping' })
  await scene.pass()
  expect(scene.said.at(-1)).toEqual({ jsonrpc: '2.0', id: 'room', result: {} })
})

test('the answers of a batch are one line, without what is none of them', async () => {
  const scene = play((sent, inbound) => {
    if (sent.what === 'initialize')
      return json({ id: 0, result: { protocolVersion: '2025-03-26', capabilities: {} } }, 200, {
        'mcp-session-id': 's',
      })
    if (!sent.text.startsWith('[')) return ordinary(sent, inbound)
    const answer = (id: unknown): object => ({ jsonrpc: '2.0', id, result: {} })
    return json(JSON.stringify([answer(1), answer(99), 'rubbish', answer(2)], null, 2))
  })
  scene.send({ id: 0, method: 'initialize', params: {} })
  await scene.pass()
  scene.stdioServer.line(JSON.stringify([1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'ping' }))))
  await scene.pass()
  expect(scene.said.slice(1)).toEqual([[1, 2].map((id) => ({ jsonrpc: '2.0', id, result: {} }))])
})

test('what the server says that is no message, or answers nothing, is not passed on', async () => {
  const scene = await opened((sent, inbound) => {
    if (sent.what !== 'tools/call') return ordinary(sent, inbound)
    return cut('id: 1\ndata: rubbish\n\n', event({ id: 99, result: {} }, '2'), event({ id: 1, result: {} }, '3'))
  })
  scene.send(call)
  await scene.pass()
  expect(scene.said).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
})

test('the end of a handshake that found no room does not hold back what follows', async () => {
  const scene = play((sent, inbound) => (sent.what === 'tools/call' ? quiet(inbound) : ordinary(sent, inbound)))
  scene.send({ id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18' } })
  await scene.pass()
  for (let id = 1; id <= 1024; id++) scene.send({ ...callAlone, id })
  scene.send({ method: 'notifications/initialized' })
  await scene.pass()
  expect(scene.whats()).not.toContain('notifications/initialized')
  scene.send({ method: 'notifications/cancelled', params: { requestId: 7 } })
  await scene.pass()
  scene.send({ id: 'next', method: 'tools/list' })
  await scene.pass(1000)
  expect(scene.said.at(-1)).toEqual({ jsonrpc: '2.0', id: 'next', result: {} })
})
