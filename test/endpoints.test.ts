/** Several servers behind one gateway: each endpoint with its own sessions, for clients of both SDKs and every transport. */
import {
  Client as NewClient,
  SSEClientTransport as NewSse,
  StreamableHTTPClientTransport as NewHttp,
} from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as OldSse } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { send } from './support/http.ts'
import { type InProcess, startSeveral } from './support/in-process.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { messagesOf, reasonOf } from './support/rpc.ts'
import { initialize, openSession } from './support/session.ts'
import { ask } from './support/stateless.ts'

const info = { name: 'endpoints', version: '1' }
const echo = { name: 'echo', arguments: { text: 'hi' } }
const called = { content: [{ text: 'hi' }] }

/** A session-based and a stateless server, and a view. */
const start = (): Promise<InProcess> =>
  startSeveral(
    { old: [echoLegacy], new: [echoModern] },
    { endpoints: { view: { tools: ['old__echo', 'new__*', '!new__tool_*'] } } },
  )

const below = (url: string, path: string): URL => new URL(path, url)

interface ConnectedClient {
  readonly client: OldClient | NewClient
  callTool(call: typeof echo): Promise<unknown>
  listTools(): Promise<{ tools: ReadonlyArray<{ name: string }> }>
}

/** A client of each SDK and each transport, at the endpoint with a name. */
const clients: ReadonlyArray<readonly [string, (url: string, name: string) => Promise<ConnectedClient>]> = [
  [
    'SDK 1 over Streamable HTTP',
    async (url, name) => {
      const client = new OldClient(info)
      await client.connect(new OldHttp(below(url, `/mcp${name}`)))
      return connected(client)
    },
  ],
  [
    'SDK 1 over HTTP+SSE',
    async (url, name) => {
      const client = new OldClient(info)
      await client.connect(new OldSse(below(url, `/sse${name}`)))
      return connected(client)
    },
  ],
  [
    'SDK 2 over Streamable HTTP',
    async (url, name) => {
      const client = new NewClient(info)
      await client.connect(new NewHttp(below(url, `/mcp${name}`)))
      return connected(client)
    },
  ],
  [
    'SDK 2 over HTTP+SSE',
    async (url, name) => {
      const client = new NewClient(info)
      await client.connect(new NewSse(below(url, `/sse${name}`)))
      return connected(client)
    },
  ],
  [
    'SDK 2 of both eras',
    async (url, name) => {
      const client = new NewClient(info, { versionNegotiation: { mode: 'auto' } })
      await client.connect(new NewHttp(below(url, `/mcp${name}`)))
      return connected(client)
    },
  ],
]

function connected(client: OldClient | NewClient): ConnectedClient {
  onTestFinished(() => client.close())
  return {
    client,
    callTool: (call) => client.callTool(call),
    listTools: () => client.listTools(),
  }
}

const named = async ({ listTools }: ConnectedClient): Promise<readonly string[]> =>
  (await listTools()).tools.map(({ name }) => name)

describe.each(clients)('a client of %s', (_kind, connect) => {
  test('uses each server at its own endpoint, and both together at /mcp', async () => {
    const { url } = await start()
    const [alone, together] = await Promise.all([connect(url, '/old'), connect(url, '')])
    expect(await alone.callTool(echo)).toMatchObject(called)
    expect(await named(alone)).toContain('echo')
    expect(await named(together)).toEqual(expect.arrayContaining(['old__echo', 'new__echo']))
    expect(await together.callTool({ ...echo, name: 'old__echo' })).toMatchObject(called)
    expect(await together.callTool({ ...echo, name: 'new__echo' })).toMatchObject(called)
  })

  test('sees and calls at a named endpoint what its view shows', async () => {
    const { url } = await start()
    const viewer = await connect(url, '/view')
    const names = await named(viewer)
    expect(names).toContain('old__echo')
    expect(names).toContain('new__whoami')
    expect(names.filter((name) => name.startsWith('old__') || name.startsWith('new__tool_'))).toEqual(['old__echo'])
    expect(await viewer.callTool({ ...echo, name: 'old__echo' })).toMatchObject(called)
    await expect(viewer.callTool({ ...echo, name: 'old__whoami' })).rejects.toThrow(/no tool of this name/)
  })
})

test('a stateless client is served where every server is stateless, and told to open a session elsewhere', async () => {
  const { url } = await start()
  const discovered = await ask(below(url, '/mcp/new').href, 'server/discover')
  expect(messagesOf(discovered)[0]).toHaveProperty('result.supportedVersions')
  for (const path of ['/mcp', '/mcp/old', '/mcp/view']) {
    const refused = await ask(below(url, path).href, 'server/discover')
    expect(messagesOf(refused).map(reasonOf), path).toEqual(['discover_refused'])
  }
  const result = await ask(below(url, '/mcp/new').href, 'tools/call', echo)
  expect(messagesOf(result)[0]).toMatchObject({ result: called })

  // A client of both eras chooses at each endpoint what is offered there.
  for (const [path, version] of [
    ['/mcp/new', '2026-07-28'],
    ['/mcp', '2025-11-25'],
  ] as const) {
    const client = new NewClient(info, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new NewHttp(below(url, path)))
    onTestFinished(() => client.close())
    expect(client.getNegotiatedProtocolVersion(), path).toBe(version)
    expect(await client.callTool({ ...echo, name: path === '/mcp' ? 'new__echo' : 'echo' })).toMatchObject(called)
  }
})

test('two stateless servers are served to stateless clients together', async () => {
  const { url } = await startSeveral({ one: [echoModern], two: [echoModern] })
  await eventually('both have started', async () => {
    const [answer] = messagesOf(await ask(url, 'server/discover'))
    return answer?.result !== undefined
  })
  const result = await ask(url, 'tools/call', { ...echo, name: 'two__echo' })
  expect(messagesOf(result)[0]).toMatchObject({ result: called })
})

test('a session belongs to the endpoint that opened it', async () => {
  const { url } = await start()
  const session = await openSession(below(url, '/mcp/old').href)
  const { pid } = await session.whoami()
  for (const path of ['/mcp', '/mcp/', '/mcp/new', '/mcp/view']) {
    const at = below(url, path).href
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: echo })
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
    const foreign = await send(at, { method: 'POST', body, headers: { ...headers, ...session.headers } })
    expect([foreign.status, messagesOf(foreign).map(reasonOf)], path).toEqual([404, ['session_not_found']])
    expect((await send(at, { method: 'DELETE', headers: session.headers })).status, path).toBe(404)
    const listen = await send(at, { headers: { Accept: 'text/event-stream', ...session.headers } })
    expect(listen.status, path).toBe(404)
  }
  // It lives on where it belongs, also with a slash behind the path.
  expect((await session.whoami()).pid).toBe(pid)
  // Its id is no obstacle to a session of another endpoint.
  expect((await initialize(below(url, '/mcp/new').href, {}, { headers: headersWith(session.headers) })).status).toBe(
    200,
  )
})

const headersWith = (more: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  'Mcp-Session-Id': more['Mcp-Session-Id'] ?? '',
})

test('a stream of HTTP+SSE belongs to the endpoint that opened it', async () => {
  const { url } = await start()
  const stream = await send(below(url, '/sse/old').href, { headers: { Accept: 'text/event-stream' } })
  onTestFinished(() => stream.cut())
  const { data } = await stream.event('the address', ({ event }) => event === 'endpoint')
  expect(data).toMatch(/^\.\.\/messages\/old\?/)
  const [, id = ''] = /sessionId=([\w-]+)/.exec(data) ?? []
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const post = (path: string): Promise<{ status: number }> =>
    send(below(url, `${path}?sessionId=${id}`).href, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json' },
    })
  expect((await post('/messages')).status).toBe(404)
  expect((await post('/messages/new')).status).toBe(404)
  expect((await post('/messages/old')).status).toBe(202)
})

test.each(['/mcp/nothing', '/sse/nothing', '/messages/nothing', '/mcp/constructor', '/mcp/__proto__', '/mcp/old/x'])(
  'there is nothing at %s',
  async (path) => {
    const { url } = await start()
    const method = path.startsWith('/sse') ? 'GET' : 'POST'
    const answered = await send(below(url, path).href, {
      method,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      ...(method === 'POST' && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
    })
    expect(answered.status).toBe(404)
  },
)

test.each([
  [
    '/mcp/viev',
    'There is no endpoint named viev; did you mean view? There are old, new, view, and the one without a name.',
  ],
  ['/mcp/nothing', 'There is no endpoint named nothing. There are old, new, view, and the one without a name.'],
  ['/sse/nothing', 'There is no endpoint named nothing. There are old, new, view, and the one without a name.'],
])('the refusal at %s names the endpoints that there are', async (path, message) => {
  const { url } = await start()
  const isStream = path.startsWith('/sse')
  const answered = await send(below(url, path).href, {
    method: isStream ? 'GET' : 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    ...(!isStream && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
  })
  expect(answered.status).toBe(404)
  expect(await answered.whole()).toContain(message)
})

test('an alias stands for a name with prefix, at every endpoint that shows it', async () => {
  const settings = { aliases: { say: 'one__echo' }, endpoints: { view: { tools: ['say'] } } }
  const { url } = await startSeveral({ one: [echoLegacy], two: [echoLegacy] }, settings)
  for (const path of ['/mcp', '/mcp/view']) {
    const session = await openSession(below(url, path).href)
    const { result } = await session.request('tools/list')
    const tools = JSON.stringify(result?.['tools'])
    expect(tools).toContain('"say"')
    expect(tools).not.toContain('"one__echo"')
    expect(await session.text('say', { text: 'hi' })).toBe('hi')
  }
})

test('a view of a single server chooses by the names that the server gave', async () => {
  const { url } = await startSeveral({ only: [echoLegacy] }, { endpoints: { view: { tools: ['echo', 'tool_0*'] } } })
  const session = await openSession(below(url, '/mcp/view').href)
  const { result } = await session.request('tools/list')
  expect(result?.['tools']).toHaveLength(10)
  expect(await session.text('echo', { text: 'hi' })).toBe('hi')
  expect(reasonOf(await session.response('whoami'))).toBe('invalid_params')
})

test('health names each server, with the figures of each and their sums', async () => {
  const { url, gateway } = await start()
  await eventually('both have started', async () => (await gateway.health()).status === 'ok')
  const session = await openSession(below(url, '/mcp/old').href)
  await session.whoami()
  const { ready, checks, counts, upstreams } = await gateway.health()
  expect(ready).toBe(true)
  expect(checks).toMatchObject({ old: { ok: true }, new: { ok: true } })
  expect(upstreams?.['old']?.['servingWorkers']).toBe(1)
  expect(counts?.['workers']).toBe((upstreams?.['old']?.['workers'] ?? 0) + (upstreams?.['new']?.['workers'] ?? 0))
})
