/**
 * Messages damaged at random, the same ones in each run, into everything that reads what others
 * wrote. Nothing throws but a refusal, nothing goes uncaught, and a proper call works afterwards. How long the slowest
 * took is noted, not judged: this machine may be busy.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { Cancel } from '../src/base/cancel.ts'
import { manualClock } from '../src/base/clock.ts'
import { createEvents } from '../src/base/events.ts'
import type { Log } from '../src/base/log.ts'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import { asRefusal } from '../src/base/refusal.ts'
import { holderOf, Transfers } from '../src/base/transfers.ts'
import { createGateway, type Gateway } from '../src/index.ts'
import { metaOf, progressTokenOf } from '../src/protocol/call.ts'
import { profileOf } from '../src/protocol/capabilities.ts'
import { isModernMessage } from '../src/protocol/classify.ts'
import { decodeHeader, headerParams } from '../src/protocol/headers.ts'
import type { Inbound, Outbound } from '../src/protocol/inbound.ts'
import { elementTexts, exceedsLimits, parseObject } from '../src/protocol/json-text.ts'
import { idKey, readMessage, requestText, withMeta } from '../src/protocol/jsonrpc.ts'
import { legacyUpstreamCodec } from '../src/protocol/legacy-client.ts'
import { readInitialize } from '../src/protocol/legacy-server.ts'
import { readEnvelope } from '../src/protocol/modern-server.ts'
import { parseEventId, requestOf } from '../src/sessions/event-id.ts'
import { UpstreamConnection } from '../src/upstreams/connection/connection.ts'
import type { LineListener } from '../src/upstreams/connection/line-transport.ts'
import { mutated, reworded } from './support/mutate.ts'
import { randomFrom } from './support/random.ts'
import { fixture } from './support/typed-command.ts'

const seed = 66
const prefix = 'io.modelcontextprotocol/'
const _meta = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientCapabilities`]: { elicitation: {}, extensions: { 'x/y': {} } },
  [`${prefix}clientInfo`]: { name: 'fuzz', version: '1' },
  progressToken: 'token',
}
const clientInfo = { name: 'fuzz', version: '1' }
const opening = { protocolVersion: '2025-11-25', capabilities: { roots: { listChanged: true } }, clientInfo }

/** Requests that any server of the fixtures answers at once, whatever is in them. */
const requests: ReadonlyArray<readonly [method: string, params: object]> = [
  ['tools/call', { name: 'echo', arguments: { text: 'grüße\n' } }],
  ['tools/call', { name: 'whoami' }],
  ['tools/call', { name: 'ask', arguments: { kind: 'elicitation' }, requestState: 'state', inputResponses: {} }],
  ['tools/call', { name: 'recall', arguments: { key: 'k' } }],
  ['resources/read', { uri: 'echo://nonce' }],
  ['resources/subscribe', { uri: 'echo://calls' }],
  ['resources/unsubscribe', { uri: 'echo://calls' }],
  ['prompts/get', { name: 'greet', arguments: { name: 'Ada' } }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'name', value: 'A' } }],
  ['logging/setLevel', { level: 'info' }],
  ['tools/list', { cursor: 'abcdefgh.1' }],
  ['prompts/list', {}],
  ['resources/templates/list', {}],
  ['server/discover', {}],
  ['subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions: ['echo://calls'] } }],
  ['ping', {}],
  ['initialize', opening],
]

const rpc = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message })

const messages: readonly string[] = [
  ...requests.map(([method, params], id) => rpc({ id, method, params })),
  ...requests.map(([method, params], id) => rpc({ id: `id ${id}`, method, params: { ...params, _meta } })),
  rpc({ method: 'notifications/initialized' }),
  rpc({ method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } }),
  rpc({ method: 'notifications/roots/list_changed', params: { _meta } }),
  rpc({ id: 'ask-x-1', result: { action: 'accept', content: {} } }),
  rpc({ id: 1, error: { code: -32000, message: 'no', data: { x: 1 } } }),
  `[${rpc({ id: 1, method: 'ping' })},${rpc({ id: 1, method: 'tools/list' })},${rpc({ method: 'x' })}]`,
]

interface Slowest {
  ms: number
  text: string
}

/** Runs what may refuse. Throws whatever is no refusal, with the text that it was about. */
function allowRefusal(text: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!asRefusal(error)) throw new Error(`threw on ${JSON.stringify(text)}`, { cause: error })
  }
}

function timed(slowest: Slowest, text: string, run: () => void): void {
  const started = performance.now()
  run()
  const ms = performance.now() - started
  if (ms > slowest.ms) [slowest.ms, slowest.text] = [ms, text.slice(0, 200)]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** All that is done with a message before it becomes a call. */
function readAsClientMessage(text: string): void {
  if (exceedsLimits(text, 128, 100_000)) return
  const value = parsed(text)
  if (Array.isArray(value)) for (const element of elementTexts(text)) JSON.parse(element)
  if (value === undefined || Array.isArray(value)) return
  const message = readMessage(text, value)
  if (message.kind === 'malformed') return
  isModernMessage(message, undefined)
  if (message.kind === 'response') return
  const name = message.params?.value['name'] ?? message.params?.value['uri']
  const headers = { version: '2026-07-28', method: message.method, name: typeof name === 'string' ? name : undefined }
  withMeta(message.params, { progressToken: 1 })
  headerParams(metaOf(message.params))
  allowRefusal(text, () => void progressTokenOf(message.params))
  allowRefusal(text, () => void profileOf(readInitialize(message.params).capabilities))
  if (message.kind === 'notification') return
  allowRefusal(text, () => void readEnvelope(message, headers, true))
  // What we would send on is one message again, with our id.
  const sent = requestText('65536', message.method, message.params)
  if (readMessage(sent, JSON.parse(sent)).kind !== 'request') throw new Error(`made no request of ${text}`)
  idKey(message.id)
}

describe('100,000 damaged messages', () => {
  test('are read or refused', { timeout: 120_000 }, async ({ annotate }) => {
    const random = randomFrom(seed)
    const slowest: Slowest = { ms: 0, text: '' }
    for (let i = 0; i < 100_000; i++) {
      const text = mutated(messages, random)
      timed(slowest, text, () => readAsClientMessage(text))
    }
    await annotate(`slowest: ${slowest.ms.toFixed(1)} ms for ${slowest.text}`)
  })

  test('of a server are taken, dropped or end the call that they name', { timeout: 120_000 }, async ({ annotate }) => {
    const random = randomFrom(seed + 1)
    const slowest: Slowest = { ms: 0, text: '' }
    let listener: LineListener | undefined
    const memory = createMemoryBudget(Infinity)
    const connection = new UpstreamConnection({
      transport: {
        id: 'instance.1',
        worker: 1,
        backlog: 0,
        memory: memory.account(),
        inputRequestMemory: memory.account(),
        roomFor: () => 'reserved',
        exited: false,
        whenExited() {},
        send: (line) => void JSON.parse(line),
        listen: (one) => void (listener = one),
        hold() {},
        close: () => Promise.resolve(),
        kill() {},
      },
      standing: { state: 'idle', move() {} },
      codec: legacyUpstreamCodec,
      announced: { sampling: {}, roots: {}, elicitation: {}, tasks: {} },
      attribution: 'session',
      hasOneClient: false,
      clock: manualClock(0),
      events: createEvents(),
      callIdleMs: 1000,
      callTotalMs: 1000,
      unsolicited: (update) => update.kind === 'notification',
      ended() {},
      unattributed() {},
      notReading() {},
      recovered() {},
      invalid() {},
      waiting: holderOf(new Transfers(memory, manualClock(0), Infinity, () => {}), memory.account()),
    })
    const params = parseObject('{"name":"echo","_meta":{"progressToken":"t"}}')
    const begin = (): ReturnType<UpstreamConnection['begin']> =>
      connection.begin(
        {
          id: '1',
          method: 'tools/call',
          params,
          client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
          principal: { tenant: '', subject: '' },
          session: 's',
          fairnessKey: 's',
          clientKey: 's',
          progressToken: '"t"',
          logLevel: undefined,
          worker: undefined,
          cancel: new Cancel(),
        },
        true,
      )
    let ended = 0
    for (let i = 0; i < 100_000; i++) {
      const pending = begin()
      const { id } = pending
      const text = mutated(
        [
          rpc({ id, result: { content: [{ type: 'text', text: 'x' }], _meta: { a: 1 } } }),
          rpc({ id, error: { code: -1, message: 'm' } }),
          rpc({ method: 'notifications/progress', params: { progressToken: id, progress: i, total: i + 1 } }),
          rpc({ method: 'notifications/message', params: { level: 'info', data: { x: 1 } } }),
          rpc({ method: 'notifications/resources/updated', params: { uri: 'echo://calls' } }),
          rpc({ method: 'notifications/cancelled', params: { requestId: `q${i - 1}` } }),
          rpc({ id: `q${i}`, method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }),
          rpc({ id: i, method: 'ping' }),
          `[${rpc({ id, result: {} })},${rpc({ id, result: { twice: true } })}]`,
        ],
        random,
      ).replaceAll(/[\r\n]/g, ' ')
      timed(slowest, text, () => listener?.line(text))
      if (pending.ended) ended++
      connection.finish(pending, undefined)
    }
    expect(ended).toBeGreaterThan(1000)
    expect(connection.callsInFlight).toBe(0)
    await annotate(`slowest: ${slowest.ms.toFixed(1)} ms for ${slowest.text}; ${ended} calls ended`)
  })

  test('as event ids and header values mean what was written or nothing', () => {
    const random = randomFrom(seed + 2)
    const corpus = ['l.abcdefgh.12', 'abcdef0~MQ.abcdefgh.3', '=?base64?Z3LDvMOfZQ==?=', 'echo://values/grüße']
    for (let i = 0; i < 100_000; i++) {
      const text = mutated(corpus, random)
      const id = parseEventId(text)
      if (id) requestOf(id.stream)
      decodeHeader(text)
    }
    expect(parseEventId(corpus[0] ?? '')).toBeDefined()
  })
})

describe.each([
  { server: 'echo-legacy', mode: 'shared' },
  { server: 'echo-modern', mode: 'shared' },
] as const)('damaged messages to a gateway in front of $server', ({ server, mode }) => {
  let gateway: Gateway | undefined
  afterEach(() => gateway?.close())

  test('are answered, harm nothing, and a proper call works as ever', { timeout: 120_000 }, async ({ annotate }) => {
    const [command = '', script = ''] = fixture(`${server}.mjs`)
    const faults: unknown[] = []
    const silent = (): void => {}
    const log: Log = { debug: silent, info: silent, warn: silent, error: (fields) => void faults.push(fields) }
    const settings = {
      upstream: { command, args: [script], mode },
      limits: { maxConnections: 100_000, queueWaitMs: 100 },
    }
    const fuzzed = createGateway(settings, { log })
    gateway = fuzzed
    await fuzzed.start()
    const opened = await fuzzed.handle(inbound('POST', rpc({ id: 0, method: 'initialize', params: opening }), {}))
    const session = { 'mcp-session-id': opened.headers['Mcp-Session-Id'] ?? '' }
    const proper = async (): Promise<void> => {
      const call = rpc({ id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'as ever' } } })
      expect(await bodyOf(await fuzzed.handle(inbound('POST', call, session)))).toContain('as ever')
    }

    const random = randomFrom(seed + 3)
    const statuses = new Map<number, number>()
    const one = async (): Promise<void> => {
      const text = random() < 0.5 ? mutated(messages, random) : reworded(messages, random)
      const asked = inbound(
        random() < 0.97 ? 'POST' : random() < 0.5 ? 'GET' : 'PUT',
        text,
        headersFor(text, session, random),
      )
      const outbound = await fuzzed.handle(asked)
      // Streams that would go on for ever are left after a moment.
      const leave = setTimeout(() => asked.closed.cancel('seen enough'), 50)
      const body = await bodyOf(outbound)
      clearTimeout(leave)
      asked.closed.cancel('the end')
      statuses.set(outbound.status, (statuses.get(outbound.status) ?? 0) + 1)
      if (outbound.status >= 500 && outbound.status !== 503) faults.push({ text, status: outbound.status, body })
    }
    for (let round = 0; round < 100; round++) {
      await Promise.all(Array.from({ length: 60 }, one))
      if (round % 10 === 9) await proper()
    }
    await proper()
    expect(faults).toEqual([])
    expect(statuses.get(200) ?? 0).toBeGreaterThan(300)
    await annotate(JSON.stringify([...statuses]))
  })
})

function inbound(method: string, text: string, headers: Inbound['headers']): Inbound {
  return { method, path: '/mcp', headers, connection: 'fuzz', body: () => Promise.resolve(text), closed: new Cancel() }
}

async function bodyOf({ body }: Outbound): Promise<string> {
  if (typeof body === 'string') return body
  let all = ''
  for await (const piece of body) all += piece
  return all
}

/** Headers as a client of either era would send them with such a body, or not quite. */
function headersFor(text: string, session: Inbound['headers'], random: () => number): Inbound['headers'] {
  const isStateless = text.includes(`${prefix}protocolVersion`) !== random() < 0.1
  if (!isStateless) return { ...session, ...(random() < 0.1 && { 'last-event-id': mutated(['l.abcdefgh.1'], random) }) }
  const [, method = 'ping'] = /"method":"([^"]*)"/.exec(text) ?? []
  const [, name] = /"(?:name|uri)":"([^"]*)"/.exec(text) ?? []
  return {
    'mcp-protocol-version': random() < 0.95 ? '2026-07-28' : mutated(['2026-07-28'], random),
    'mcp-method': method,
    ...(/^(tools\/call|prompts\/get|resources\/read)$/.test(method) && { 'mcp-name': name }),
  }
}
