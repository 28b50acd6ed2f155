/**
 * The reasons to refuse a request hold in one order, whatever its era and its transport: a request with several of
 * them is refused for the first, and a refused request leaves nothing behind.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { Refusal } from '../src/base/refusal.ts'
import { createPipeMemory } from '../src/client/pipe-memory.ts'
import { fillSettings } from '../src/config/assemble.ts'
import { thisMachine } from '../src/config/load.ts'
import type { PartialSettings } from '../src/config/settings.ts'
import { composeGateway, type Gateway } from '../src/gateway/gateway.ts'
import { fetchHandler } from '../src/transports/http/fetch.ts'
import { nodeHandler } from '../src/transports/http/listen.ts'
import { createStdioServer } from '../src/transports/stdio/stdio-server.ts'
import { eventually } from './support/eventually.ts'
import { send } from './support/http.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { refusalIn, type RpcMessage, reasonOf } from './support/rpc.ts'
import { initialize } from './support/session.ts'
import { openStreamClient } from './support/stream-client.ts'

/** What can be wrong with a request, in the order in which it is refused, and the word that says so. */
const reasons = {
  caller: 'forbidden_origin', // stands for the refusal of an authentication
  message: 'invalid_request',
  sessionId: 'session_required',
  session: 'session_not_found',
  metadata: 'header_mismatch',
  draining: 'draining',
  calls: 'too_many_calls',
  params: 'invalid_params',
  place: 'overloaded',
} as const

type Reason = keyof typeof reasons

interface Prepared {
  readonly gateway: Gateway
  readonly url: string
  readonly has: (reason: Reason) => boolean
}

/** One way to send a request. */
interface Way {
  readonly name: string
  /** What can be wrong on this way. */
  readonly wrong: readonly Reason[]
  readonly server: string
  /** Opens what the request needs; returns what sends it and gives the word of its refusal. */
  prepare(prepared: Prepared): Promise<() => Promise<unknown>>
}

/** Sends a POST; resolves with the word of its refusal. */
type Post = (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<unknown>

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const clientInfo = { name: 'order', version: '1' }
const handshake = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }

const overNode: Post = async (url, headers, body) =>
  refusalIn(await (await send(url, { method: 'POST', headers, body })).whole())

const overFetch =
  (gateway: Gateway): Post =>
  async (url, headers, body) =>
    refusalIn(await (await fetchHandler(gateway)(new Request(url, { method: 'POST', headers, body }))).text())

/** A message whose members are wrong as far as the reasons say. */
function messageOf(has: Prepared['has'], id: number, method: string, params: object): string {
  const jsonrpc = has('message') ? '1.0' : '2.0'
  return JSON.stringify({ jsonrpc, id, method, params })
}

const callOf = (has: Prepared['has']): object => ({
  name: has('params') ? 7 : 'echo',
  arguments: { text: 'hi' },
})

/** Opens a session over HTTP and, if its calls are to be at their limit, a call on it that lasts. */
async function sessionFor({ url, has }: Prepared): Promise<string> {
  const opened = await initialize(url)
  await opened.whole()
  const id = String(opened.headers['mcp-session-id'])
  if (has('calls')) hang(url, { 'Mcp-Session-Id': id })
  return id
}

/** A call that does not end by itself. */
function hang(url: string, headers: Readonly<Record<string, string>>): void {
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  const body = messageOf(() => false, 9, 'tools/call', { name: 'hang', arguments: {} })
  send(url, { method: 'POST', headers: { ...json, ...headers }, body, signal: ended.signal }).catch(() => undefined)
}

const sessionCall = (name: string, postFor: (gateway: Gateway) => Post): Way => ({
  name: `a call of a session over ${name}`,
  wrong: ['caller', 'message', 'sessionId', 'session', 'draining', 'calls', 'params'],
  server: echoLegacy,
  async prepare(prepared) {
    const { url, has, gateway } = prepared
    const id = await sessionFor(prepared)
    const named = has('sessionId') ? {} : { 'Mcp-Session-Id': has('session') ? 'unknown' : id }
    return () => postFor(gateway)(url, { ...json, ...named }, messageOf(has, 1, 'tools/call', callOf(has)))
  },
})

const statelessCall = (name: string, postFor: (gateway: Gateway) => Post): Way => ({
  name: `a stateless call over ${name}`,
  wrong: ['caller', 'message', 'metadata', 'draining', 'params', 'place'],
  server: echoModern,
  async prepare({ url, has, gateway }) {
    const headers = {
      ...json,
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': has('metadata') ? 'tools/list' : 'tools/call',
      'Mcp-Name': has('params') ? 'none' : 'echo',
    }
    const params = { ...callOf(has), ...(has('params') && { name: 'none', arguments: 'none' }), _meta: meta }
    return () => postFor(gateway)(url, headers, messageOf(has, 1, 'tools/call', params))
  },
})

const opening = (name: string, postFor: (gateway: Gateway) => Post): Way => ({
  name: `initialize over ${name}`,
  wrong: ['caller', 'message', 'draining', 'params', 'place'],
  server: echoLegacy,
  async prepare({ url, has, gateway }) {
    const params = has('params') ? {} : handshake
    return () => postFor(gateway)(url, json, messageOf(has, 1, 'initialize', params))
  },
})

const ways: readonly Way[] = [
  ...[sessionCall, statelessCall, opening].flatMap((way) => [
    way('node:http', () => overNode),
    way('a fetch handler', overFetch),
  ]),
  {
    name: 'a call of a session over HTTP+SSE',
    wrong: ['caller', 'message', 'sessionId', 'session', 'draining', 'calls', 'params'],
    server: echoLegacy,
    async prepare({ url, has }) {
      const client = await openStreamClient(url)
      if (has('calls'))
        await client.post({ id: 'hangs', method: 'tools/call', params: { name: 'hang', arguments: {} } })
      const { href } = new URL(
        has('sessionId') ? '/messages' : has('session') ? '/messages?sessionId=x' : client.address,
        url,
      )
      return async () => {
        const body = messageOf(has, 1, 'tools/call', callOf(has))
        const posted = await send(href, { method: 'POST', headers: json, body })
        if (posted.status !== 202) return refusalIn(await posted.whole())
        return reasonOf(await client.message('the answer', ({ id }) => id === 1))
      }
    },
  },
  {
    name: 'a new stream of HTTP+SSE',
    wrong: ['caller', 'draining', 'place'],
    server: echoLegacy,
    async prepare({ url }) {
      return async () => {
        const opened = await send(new URL('sse', url).href, { headers: { Accept: 'text/event-stream' } })
        return opened.status === 200 ? undefined : refusalIn(await opened.whole())
      }
    },
  },
  {
    name: 'a call of a session over stdio',
    wrong: ['draining', 'calls', 'params'],
    server: echoLegacy,
    async prepare({ gateway, has }) {
      const lines: RpcMessage[] = []
      const write = async (text: string): Promise<void> => void lines.push(JSON.parse(text) as RpcMessage)
      const client = createStdioServer({
        handle: (inbound) => gateway.handle(inbound),
        write,
        writeOwn: write,
        memory: createPipeMemory(gateway.transportServices.memory, 1024 ** 2),
        clock: systemClock,
        log: silentLog,
        waitMs: 0,
        maxCalls: 2,
        maxMessageChars: Infinity,
        onDenied: () => {},
      })
      onTestFinished(() => client.close())
      const answer = (to: number): Promise<RpcMessage> =>
        eventually(`the answer to ${to}`, () => lines.find(({ id }) => id === to))
      client.line(messageOf(() => false, 0, 'initialize', handshake))
      await answer(0)
      client.line('{"jsonrpc":"2.0","method":"notifications/initialized"}')
      await eventually('it listens', async () => (await gateway.health()).counts?.['streams'] === 1)
      if (has('calls')) client.line(messageOf(() => false, 9, 'tools/call', { name: 'hang', arguments: {} }))
      return async () => {
        client.line(messageOf(has, 1, 'tools/call', callOf(has)))
        return reasonOf(await answer(1))
      }
    },
  },
]

/** A gateway behind `node:http`, with a caller that is let in until the test says otherwise. */
async function startGateway(
  server: readonly string[],
  settings: Partial<PartialSettings> = {},
): Promise<{ readonly gateway: Gateway; readonly url: string; refuseCallers(): void }> {
  let refuses = false
  const filled = fillSettings({ ...settings, upstream: { command: process.execPath, args: server } }, thisMachine())
  const gateway = composeGateway({
    settings: filled,
    async authenticate() {
      await Promise.resolve()
      if (refuses) throw new Refusal('forbidden_origin')
      return { tenant: 'default', subject: 'anonymous' }
    },
  })
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await gateway.close()
  })
  const address = listener.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`
  return { gateway, url, refuseCallers: () => void (refuses = true) }
}

/** What the gateway holds for its clients. */
async function held(gateway: Gateway): Promise<object> {
  const { sessions, streams, calls, clients, waitingClients } = (await gateway.health()).counts ?? {}
  return { sessions, streams, calls, clients, waitingClients }
}

describe.each(ways)('$name', ({ wrong, server, prepare }) => {
  test.each(wrong.map((first, at) => ({ word: reasons[first], left: wrong.slice(at) })))(
    'is refused with $word if $left are wrong, and leaves nothing behind',
    async ({ word, left }) => {
      const has = (reason: Reason): boolean => left.includes(reason)
      const limits = { callsPerSession: 1, ...(has('place') && { maxConnections: 1, queue: 0 }) }
      const { gateway, url, refuseCallers } = await startGateway([server], { limits })
      await gateway.start()
      const ask = await prepare({ gateway, url, has })
      // It takes the one place.
      if (has('place')) await initialize(url)
      // While mcplex drains, this call keeps it from its end.
      if (has('calls')) await eventually('the call runs', () => gateway.callsInFlight === 1)
      if (has('draining')) void gateway.drain()
      if (has('caller')) refuseCallers()
      const before = await held(gateway)
      expect(await ask()).toBe(word)
      expect(await held(gateway)).toEqual(before)
    },
  )
})

describe('while the server starts', () => {
  const wrong: ReadonlyArray<Reason | 'start'> = ['caller', 'message', 'sessionId', 'start', 'session']
  test.each(wrong.slice(0, -1).map((first, at) => ({ first, left: wrong.slice(at) })))(
    'a call is refused for its $first if $left are wrong',
    async ({ first, left }) => {
      const has = (reason: Reason): boolean => left.includes(reason)
      const { gateway, url, refuseCallers } = await startGateway([echoLegacy, '--start-delay=60000'], {
        limits: { queue: 0 },
      })
      gateway.start().catch(() => undefined)
      if (has('caller')) refuseCallers()
      const named = has('sessionId') ? {} : { 'Mcp-Session-Id': 'unknown' }
      const body = messageOf(has, 1, 'tools/call', callOf(has))
      expect(await overNode(url, { ...json, ...named }, body)).toBe(first === 'start' ? 'starting' : reasons[first])
      expect((await held(gateway)) as { waitingClients?: number }).toMatchObject({ waitingClients: 0 })
    },
  )
})

test('a client that leaves while it waits for a place holds none, and no other client is held up', async () => {
  const { gateway, url } = await startGateway([echoModern], { limits: { maxConnections: 1 } })
  await gateway.start()
  const first = await initialize(url)
  const before = await held(gateway)
  const leaving = new AbortController()
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: handshake })
  const left = send(url, { method: 'POST', headers: json, body, signal: leaving.signal }).catch(() => 'left')
  await eventually('it waits', async () => (await gateway.health()).counts?.['waitingClients'] === 1)
  leaving.abort()
  expect(await left).toBe('left')
  await eventually('nothing is left', async () => JSON.stringify(await held(gateway)) === JSON.stringify(before))
  await send(url, { method: 'DELETE', headers: { 'Mcp-Session-Id': String(first.headers['mcp-session-id']) } })
  expect((await initialize(url)).status).toBe(200)
})

test('a request for which there is no memory gives back its place', async () => {
  const { gateway, url } = await startGateway([echoModern], { limits: { memoryBytes: 4 * 1024 ** 2 } })
  await gateway.start()
  const [before, { memory }] = [await held(gateway), await gateway.health()]
  const params = { name: 'echo', arguments: { text: 'x'.repeat(1024 ** 2) }, _meta: meta }
  const mirrors = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' }
  const body = messageOf(() => false, 1, 'tools/call', params)
  expect(await overNode(url, { ...json, ...mirrors }, body)).toBe('memory_share_exceeded')
  expect(await held(gateway)).toEqual(before)
  await eventually('its memory is free', async () => (await gateway.health()).memory?.heldBytes === memory?.heldBytes)
})

test('a burst of calls runs as many as a session may have, and no more', async () => {
  const { gateway, url } = await startGateway([echoLegacy], { limits: { callsPerSession: 4 } })
  await gateway.start()
  const opened = await initialize(url)
  const headers = { ...json, 'Mcp-Session-Id': String(opened.headers['mcp-session-id']) }
  const handle = fetchHandler(gateway)
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const refused: unknown[] = []
  for (let id = 0; id < 20; id++) {
    const body = messageOf(() => false, id, 'tools/call', { name: 'hang', arguments: {} })
    void handle(new Request(url, { method: 'POST', headers, body, signal: leaving.signal })).then(async (response) => {
      if (response.status === 429) refused.push(refusalIn(await response.text()))
    })
  }
  await eventually('the others are refused', () => refused.length === 16)
  expect(new Set(refused)).toEqual(new Set(['too_many_calls']))
  expect(gateway.callsInFlight).toBe(4)
})

test('the document has the gates in their order', async () => {
  const root = join(import.meta.dirname, '..')
  const [code, document] = await Promise.all(
    ['src/gateway/admit.ts', 'docs/life-of-a-request.md'].map((path) => readFile(join(root, path), 'utf8')),
  )
  // Two gates come before the lists, which are those of one endpoint.
  const first = [...(code?.matchAll(/= (authenticateCaller|findEndpoint)\(request/g) ?? [])].map(([, gate]) => gate)
  const lines = [...first, ...[...(code?.matchAll(/^ {2}(\w+), \/\//gm) ?? [])].map(([, gate]) => gate)]
  const rows = [...(document?.matchAll(/^\| `(\w+)` /gm) ?? [])].map(([, gate]) => gate)
  expect(lines.length).toBeGreaterThan(10)
  expect(rows).toEqual(lines)
})
