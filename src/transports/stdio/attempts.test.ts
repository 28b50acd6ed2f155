import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Inbound, Outbound } from '../../protocol/inbound.ts'
import { createStdioServer } from './stdio-server.ts'
import { createPipeMemory } from '../../client/pipe-memory.ts'

/** How an attempt of an exchange may end. */
const outcomes = [
  'answered',
  'streamed',
  'cut after the answer',
  'cut before the answer',
  'cut at once',
  'lost',
  'not sent',
  'unavailable',
  'session forgotten',
  'accepted',
] as const
type Outcome = (typeof outcomes)[number]

/** Outcomes after which the server has not run the request. */
const notRun: readonly Outcome[] = ['not sent', 'unavailable', 'session forgotten']

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const unbounded = createPipeMemory(createMemoryBudget(Infinity), Infinity)
const stream = { 'content-type': 'text/event-stream' }

/** Ends each attempt with the next outcome; when they are used up, answers all requests. */
function server(planned: readonly Outcome[]): {
  handle: (inbound: Inbound) => Promise<Outbound>
  runs: Map<unknown, number>
} {
  const runs = new Map<unknown, number>()
  const left = [...planned]
  let sessions = 0
  const events = (id: unknown): string =>
    `id: ${String(id)}.1\ndata: {"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{}}\n\n`
  async function* pieces(texts: readonly string[], isCut: boolean): AsyncGenerator<string> {
    yield* texts
    if (isCut) throw new Refusal('connection_lost')
  }
  return {
    runs,
    async handle(inbound) {
      const text = await inbound.body()
      const { id, method } = (text === '' ? {} : JSON.parse(text)) as { id?: unknown; method?: string }
      const json = (result: object, headers = {}): Outbound => ({
        status: 200,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id, result }),
      })
      if (inbound.method === 'GET') {
        const last = inbound.headers['last-event-id']
        if (typeof last !== 'string') return { status: 405, headers: {}, body: '' }
        const resumed: unknown = JSON.parse(last.slice(0, last.lastIndexOf('.')))
        return { status: 200, headers: stream, body: pieces([events(resumed)], false) }
      }
      if (method === 'initialize')
        return json({ protocolVersion: '2025-06-18', capabilities: {} }, { 'mcp-session-id': `s${++sessions}` })
      if (id === undefined) return { status: 202, headers: {}, body: '' }
      const outcome = left.shift() ?? 'answered'
      if (!notRun.includes(outcome)) runs.set(id, (runs.get(id) ?? 0) + 1)
      switch (outcome) {
        case 'lost':
          throw new Refusal('connection_lost')
        case 'not sent':
          throw new Refusal('endpoint_unreachable')
        case 'unavailable':
          return { status: 503, headers: {}, body: 'no' }
        case 'session forgotten':
          return inbound.headers['mcp-session-id'] === undefined
            ? { status: 503, headers: {}, body: 'no' }
            : { status: 404, headers: {}, body: '' }
        case 'accepted':
          return { status: 202, headers: {}, body: '' }
        case 'streamed':
          return { status: 200, headers: stream, body: pieces([events(id)], false) }
        case 'cut after the answer':
          return { status: 200, headers: stream, body: pieces([events(id)], true) }
        case 'cut before the answer':
          return { status: 200, headers: stream, body: pieces([`id: ${JSON.stringify(id)}.0\ndata: \n\n`], true) }
        case 'cut at once':
          return { status: 200, headers: stream, body: pieces([], true) }
        default:
          return json({})
      }
    },
  }
}

const request = fc.record({
  isAlone: fc.boolean(),
  method: fc.constantFrom('tools/call', 'tools/call', 'resources/read', 'tools/list', 'ping'),
})

test('whatever happens to the server, each request is answered once, and no call or read is run twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 6 }),
      fc.array(fc.constantFrom(...outcomes), { maxLength: 12 }),
      async (requests, planned) => {
        const clock = manualClock()
        const { handle, runs } = server(planned)
        const received: Array<{ id?: unknown; method?: string; error?: { data?: { reason?: string } } }> = []
        const write = async (text: string): Promise<void> => void received.push(JSON.parse(text) as object)
        const stdioServer = createStdioServer({
          handle,
          write,
          writeOwn: write,
          memory: unbounded,
          clock,
          log: silentLog,
          waitMs: 30_000,
          maxCalls: 3,
          maxMessageChars: 100_000,
          onDenied: () => {},
        })
        const send = (message: object): void => stdioServer.line(JSON.stringify({ jsonrpc: '2.0', ...message }))
        send({ id: 'opening', method: 'initialize', params: {} })
        send({ method: 'notifications/initialized' })
        requests.forEach(({ isAlone, method }, id) =>
          send({ id, method, params: { name: 'x', uri: 'x', ...(isAlone ? { _meta: meta } : {}) } }),
        )
        let isSettled = false
        void stdioServer.settled().then(() => (isSettled = true))
        for (let round = 0; round < 2000 && !isSettled; round++) {
          await new Promise((resolve) => setImmediate(resolve))
          clock.advance(100)
        }
        expect(isSettled).toBe(true)
        const answers = received.filter(({ id, method }) => typeof id === 'number' && method === undefined)
        expect(answers.map(({ id }) => id).toSorted((a, b) => Number(a) - Number(b))).toEqual(
          requests.map((_, id) => id),
        )
        const timesOf = (id: unknown): number => runs.get(id) ?? 0
        const calls = requests.flatMap(({ method }, id) => (/call|read/.test(method) ? [id] : []))
        expect(calls.filter((id) => timesOf(id) > 1)).toEqual([])
        // A client that is told that nothing was sent can rely on it.
        const unsent = answers.filter(({ error }) => error?.data?.reason === 'endpoint_unreachable')
        expect(unsent.filter(({ id }) => timesOf(id) > 0)).toEqual([])
        await stdioServer.close()
      },
    ),
    { numRuns: 150 },
  )
})

test('whatever a line holds, the next line is served', async () => {
  const message = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.json(),
    fc
      .record(
        {
          jsonrpc: fc.constantFrom('2.0', '1.0', 2),
          id: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.double()),
          method: fc.oneof(
            fc.string(),
            fc.constantFrom('initialize', 'ping', 'notifications/cancelled', 'subscriptions/listen'),
          ),
          params: fc.oneof(fc.object({ maxDepth: 2 }), fc.constant({ _meta: meta }), fc.constant({ requestId: 1 })),
          result: fc.object({ maxDepth: 1 }),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (lines) => {
      const received: string[] = []
      const write = async (text: string): Promise<void> => void received.push(text)
      const stdioServer = createStdioServer({
        handle: server([]).handle,
        write,
        writeOwn: write,
        memory: unbounded,
        clock: manualClock(),
        log: silentLog,
        waitMs: 0,
        maxCalls: 8,
        maxMessageChars: 100_000,
        onDenied: () => {},
      })
      for (const line of lines) stdioServer.line(line)
      stdioServer.line(
        JSON.stringify({ jsonrpc: '2.0', id: 'last', method: 'tools/call', params: { name: 'x', _meta: meta } }),
      )
      for (let round = 0; round < 30; round++) await new Promise((resolve) => setImmediate(resolve))
      expect(received).toContain('{"jsonrpc":"2.0","id":"last","result":{}}')
      for (const line of received) expect(() => JSON.parse(line) as unknown).not.toThrow()
      await stdioServer.close()
    }),
    { numRuns: 300 },
  )
})
