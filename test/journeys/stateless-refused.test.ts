/**
 * Servers that speak sessions, where each session has a process: clients without one are told to open one, however they
 * come, unless the operator says what they share.
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { fetchHandler } from '../../src/transports/http/fetch.ts'
import { nodeHandler } from '../../src/transports/http/listen.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { type FeatureServer, featureServer } from '../support/features.ts'
import { startForTest } from '../support/in-process.ts'
import { echoLegacy, type Mcplex, mcplexForTest, startMcplex } from '../support/mcplex.ts'
import { openH2 } from '../support/h2.ts'
import { send } from '../support/http.ts'
import { startPiped } from '../support/pipes.ts'
import { messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const sessionBased = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const words = /connect with initialize.*--stateless/

const serverForTest = (speaks: Parameters<typeof featureServer>[0]): readonly string[] => {
  const { argv, clear } = featureServer(speaks)
  onTestFinished(clear)
  return argv
}

describe.each(['old', 'dual'] as const)('in front of a server that is %s', (speaks) => {
  let server: FeatureServer
  let mcplex: Mcplex
  beforeAll(async () => {
    server = featureServer(speaks)
    mcplex = await startMcplex({ server: server.argv })
  })
  afterAll(async () => {
    await mcplex.end()
    server.clear()
  })

  test.each(['"probe-1"', '0', '9007199254740993'])(
    'discovery is a method that is not there, under the id %s and with status 200',
    async (id) => {
      const body = `{"jsonrpc":"2.0","id":${id},"method":"server/discover","params":{"_meta":${JSON.stringify(meta)}}}`
      const answered = await ask(mcplex.url, 'server/discover', {}, { body })
      expect(await answered.whole()).toContain(`"id":${id},`)
      expect(answered.status).toBe(200)
      const { error } = messagesOf(answered)[0] ?? {}
      expect(error).toMatchObject({ code: -32601, message: words, data: { reason: 'discover_refused' } })
    },
  )

  test.each(['tools/list', 'tools/call', 'subscriptions/listen', 'initialize', 'ping', 'nothing/there'])(
    '%s is refused with the versions that are served',
    async (method) => {
      const answered = await ask(mcplex.url, method, { name: 'text', notifications: {} }, { id: 'it' })
      const { error } = await responseTo(answered, 'it')
      expect(answered.status).toBe(400)
      const data = { reason: 'stateless_refused', supported: sessionBased, requested: '2026-07-28' }
      expect(error).toMatchObject({ code: -32022, message: words, data })
    },
  )

  test.each([
    ['no headers that mirror the body', { 'Mcp-Method': undefined, 'Mcp-Name': undefined }],
    ['headers of another request', { 'Mcp-Method': 'prompts/get', 'Mcp-Name': '=?base64?%%%?=' }],
    ['a header of another version', { 'MCP-Protocol-Version': '2031-01-01' }],
    ['no header of the version', { 'MCP-Protocol-Version': undefined }],
  ])('that is decided first: with %s the answers are the same', async (_, headers) => {
    const discovery = await ask(mcplex.url, 'server/discover', {}, { id: 1, headers })
    expect([discovery.status, reasonOf(await responseTo(discovery, 1))]).toEqual([200, 'discover_refused'])
    const call = await ask(mcplex.url, 'tools/call', { name: 'text' }, { id: 1, headers })
    expect([call.status, reasonOf(await responseTo(call, 1))]).toEqual([400, 'stateless_refused'])
  })

  test('a request without _meta is stateless if its header says so; others belong to sessions', async () => {
    const post = async (headers: Record<string, string>): Promise<[number, RpcMessage | undefined]> => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
      const answered = await send(mcplex.url, { method: 'POST', headers: { ...json, ...headers }, body })
      await answered.whole()
      return [answered.status, messagesOf(answered)[0]]
    }
    const [status, message] = await post({ 'MCP-Protocol-Version': '2026-07-28' })
    expect([status, message?.error?.code, message?.error?.data?.['requested']]).toEqual([400, -32022, '2026-07-28'])
    expect((await post({}))[1]?.error?.data).toMatchObject({ reason: 'session_required' })
  })

  test('nothing of it costs a place or a process', async () => {
    const before = await counts(mcplex)
    await Promise.all(
      Array.from({ length: 50 }, () => toolResponse(mcplex.url, 'text', {}, { capabilities: { roots: {} } })),
    )
    expect(await counts(mcplex)).toEqual(before)
  })

  test('over HTTP/2 it is the same', async () => {
    const client = await openH2(mcplex.origin)
    onTestFinished(() => client.destroy())
    const answers = ['server/discover', 'tools/list'].map((method) =>
      client.post(JSON.stringify({ jsonrpc: '2.0', id: 'h2', method, params: { _meta: meta } })).end(),
    )
    const seen = (await Promise.all(answers)).map(({ status, text }) => {
      const { id, error } = JSON.parse(text) as RpcMessage
      return [status, id, error?.code]
    })
    expect(seen).toEqual([
      [200, 'h2', -32601],
      [400, 'h2', -32022],
    ])
  })

  test('`mcplex connect` passes on what the endpoint answers, and opens a session next', async () => {
    const piped = startPiped(['connect', mcplex.url])
    onTestFinished(() => piped.end())
    const discovery = await piped.request('server/discover', { _meta: meta })
    expect([discovery.error?.code, reasonOf(discovery)]).toEqual([-32601, 'discover_refused'])
    const call = await piped.call('text', {}, meta)
    expect([call.error?.code, reasonOf(call)]).toEqual([-32022, 'stateless_refused'])
    await piped.initialize()
    await piped.call('remember', { key: 'k', value: 'v' })
    expect(textOf(await piped.call('recall', { key: 'k' }))).toBe('v')
  })

  test('clients of both eras that find out by themselves are isolated: twenty at once', async () => {
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = new Client({ name: 'auto', version: '1' }, { versionNegotiation: { mode: 'auto' } })
        await client.connect(new StreamableHTTPClientTransport(new URL(mcplex.url)))
        onTestFinished(() => client.close())
        return client
      }),
    )
    const call = async (client: Client, name: string, args: object): Promise<string> =>
      textOf({ result: await client.callTool({ name, arguments: { ...args } }) })
    await Promise.all(clients.map((client, at) => call(client, 'remember', { key: 'own', value: `value ${at}` })))
    const found = await Promise.all(clients.map((client) => call(client, 'recall', { key: 'own' })))
    expect(found).toEqual(clients.map((_, at) => `value ${at}`))
  })

  test('it says so when it is ready', () => {
    expect(mcplex.log.find(({ msg }) => msg === 'ready')?.['server']).toMatchObject({
      eras: speaks === 'old' ? ['legacy'] : ['modern', 'legacy'],
      modes: { legacy: 'session' },
      stateless: 'refuse',
    })
  })
})

test('handlers in a program refuse in the same way', async () => {
  const { gateway } = await startForTest(serverForTest('old'))
  const byFetch = fetchHandler(gateway)
  const request = (method: string): Request => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: { _meta: meta } })
    return new Request('http://localhost/mcp', { method: 'POST', headers: json, body })
  }
  const listener = createServer(nodeHandler(gateway, { path: '/own' }))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void listener.close())
  const address = listener.address()
  const own = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/own`
  const ways = [byFetch, (asked: Request) => fetch(new Request(own, asked))]
  for (const way of ways) {
    const seen = []
    for (const method of ['server/discover', 'tools/list']) {
      const response = await way(request(method))
      seen.push([response.status, ((await response.json()) as RpcMessage).error?.code])
    }
    expect(seen).toEqual([
      [200, -32601],
      [400, -32022],
    ])
  }
})

test.each(['principal', 'tenant', 'shared', 'call'])(
  'in mode %s clients without a session are served',
  async (mode) => {
    const mcplex = await mcplexForTest({ server: serverForTest('old'), options: ['--mode', mode] })
    expect(textOf(await toolResponse(mcplex.url, 'text'))).toBe('plain ✓ text')
  },
)

test('a server that speaks nothing but the stateless revision is shared by all, and that is said', async () => {
  const mcplex = await mcplexForTest({ server: serverForTest('new') })
  await toolResponse(mcplex.url, 'remember', { key: 'k', value: 'v' })
  const session = await openSession(mcplex.url)
  expect(await session.text('recall', { key: 'k' })).toBe('v')
  const said = { modes: { modern: 'shared' }, stateless: 'shared' }
  expect(mcplex.log.find(({ msg }) => msg === 'ready')?.['server']).toMatchObject(said)
})

test('with a process for each session such a server is offered with sessions alone', async () => {
  const mcplex = await mcplexForTest({ server: serverForTest('new'), options: ['--mode', 'session'] })
  expect(reasonOf(await toolResponse(mcplex.url, 'text'))).toBe('stateless_refused')
  const [one, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  await one.text('remember', { key: 'k', value: 'v' })
  expect([await one.text('recall', { key: 'k' }), await other.text('recall', { key: 'k' })]).toEqual(['v', ''])
})

describe.each(['old', 'dual'] as const)('what the operator says, in front of a server that is %s', (speaks) => {
  const elicitation = { elicitation: {} }
  const start = (word: string): Promise<Mcplex> =>
    mcplexForTest({ server: serverForTest(speaks), options: ['--stateless', word] })
  const recalled = async (mcplex: Mcplex, capabilities = {}): Promise<string> =>
    textOf(await toolResponse(mcplex.url, 'recall', { key: 'k' }, { capabilities }))
  const whatIsAsked = async (mcplex: Mcplex): Promise<unknown> => {
    const { result } = await toolResponse(mcplex.url, 'ask', { what: 'form' }, { capabilities: elicitation })
    return result?.['resultType'] === 'input_required'
  }

  test('principal: one process for each set of capabilities, apart from sessions', async () => {
    const mcplex = await start('principal')
    await toolResponse(mcplex.url, 'remember', { key: 'k', value: 'v' })
    expect(await recalled(mcplex)).toBe('v')
    expect(await recalled(mcplex, elicitation)).toBe('')
    expect(await (await openSession(mcplex.url)).text('recall', { key: 'k' })).toBe('')
    expect(await whatIsAsked(mcplex), 'its clients can be asked').toBe(true)
  })

  test('shared: the same process for all, whatever they declare, apart from sessions', async () => {
    const mcplex = await start('shared')
    await toolResponse(mcplex.url, 'remember', { key: 'k', value: 'v' })
    expect(await recalled(mcplex)).toBe('v')
    expect(await recalled(mcplex, elicitation)).toBe('v')
    expect(await (await openSession(mcplex.url)).text('recall', { key: 'k' })).toBe('')
    expect(
      await whatIsAsked(mcplex),
      'asked is who can be told apart: by the request, where the server asks by it',
    ).toBe(speaks === 'dual')
  })
})

test('--stateless call: no process sees two calls of stateless clients at once', async () => {
  const mcplex = await mcplexForTest({ server: [echoLegacy], options: ['--stateless', 'call'] })
  const slow = toolResponse(mcplex.url, 'slow', { ms: 1500 })
  await eventually('it is in flight', async () => (await counts(mcplex))['calls'] === 1)
  const { calls } = JSON.parse(textOf(await toolResponse(mcplex.url, 'whoami'))) as { calls: number }
  expect(calls, 'of a process of its own').toBe(1)
  expect(textOf(await slow)).toBe('done after 1500 ms')
})
