/** Lists, results, errors and handshakes of servers of one era, as clients of the other era and of older revisions get them. */
import { fileURLToPath } from 'node:url'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { type JsonMap, type RpcMessage, responseTo, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

const script = fileURLToPath(new URL('scripted-answers.mjs', import.meta.url))
const start = (era: 'legacy' | 'modern', answers: JsonMap): Promise<InProcess> =>
  startInProcess([script, era, JSON.stringify(answers)], { upstream: { stateless: 'principal' } })

const complete = { resultType: 'complete' }
const kept = { ...complete, ttlMs: 5000, cacheScope: 'public' }
const inputSchema = { type: 'object' }
const link = { type: 'resource_link', uri: 'file:///a', name: 'a' }
const audio = { type: 'audio', data: 'AA==', mimeType: 'audio/wav' }

/** What each request's answer is. */
async function asked(url: string, method: string, params?: JsonMap): Promise<RpcMessage & { readonly status: number }> {
  const answered = await ask(url, method, params, { id: 'it' })
  return { ...(await responseTo(answered, 'it')), status: answered.status }
}

describe('a stateless server', () => {
  let mcplex: InProcess
  beforeAll(async () => {
    mcplex = await start('modern', {
      capabilities: { tools: {}, prompts: {}, resources: {}, completions: {}, extensions: { 'x/y': {} } },
      'tools/list': {
        ...kept,
        tools: [
          {
            name: 'numbers',
            inputSchema: { ...inputSchema, properties: { any: true } },
            outputSchema: { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'number' } } },
          },
          {
            name: 'maybe',
            inputSchema,
            outputSchema: { anyOf: [{ type: 'object', required: ['a'] }, { type: 'null' }] },
          },
          { name: 'wrong', inputSchema, outputSchema: { type: 'array', items: { type: 'number' } } },
        ],
      },
      'tools/call': {
        numbers: { ...complete, content: [], structuredContent: [1, 2] },
        maybe: { ...complete, content: [], structuredContent: { a: 1 } },
        wrong: { ...complete, content: [], structuredContent: ['one'] },
        link: { ...complete, content: [link], structuredContent: { a: 1 } },
        lacks: { error: { code: -32021, message: 'no', data: { requiredCapabilities: { sampling: {} } } } },
        later: { resultType: 'task', taskId: 't', status: 'working' },
      },
      'prompts/get': { ...complete, messages: [{ role: 'user', content: audio }] },
      'resources/read': { error: { code: -32602, message: 'Resource not found', data: { uri: 'file:///none' } } },
      'completion/complete': { ...complete, completion: { values: [] } },
    })
  })
  afterAll(() => mcplex.end())

  test.each([
    ['first', (url: string) => connectOld(url)],
    ['second', (url: string) => connectNew(url)],
  ])('gives the %s official client with a session what that takes for valid', async (_, connect) => {
    const client = await connect(mcplex.url)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['numbers', 'maybe', 'wrong'])
    expect((await client.callTool({ name: 'numbers' })).structuredContent).toEqual({ result: [1, 2] })
    expect((await client.callTool({ name: 'maybe' })).structuredContent).toEqual({ a: 1 })
    await expect(client.callTool({ name: 'wrong' })).rejects.toThrow(/does not match/)
    await client.close()
  })

  test('lists to each revision what that has, whatever revision asked before', async () => {
    const schemas = async (version: string): Promise<unknown[]> => {
      const session = await openSession(mcplex.url, { version })
      const { result } = await session.request('tools/list')
      expect(Object.keys(result ?? {})).toEqual(['tools'])
      const tools = (result?.['tools'] ?? []) as ReadonlyArray<{ outputSchema?: JsonMap }>
      return tools.map(({ outputSchema }) => outputSchema?.['type'])
    }
    // How long the list may be kept becomes less as time passes.
    const stateless = async (): Promise<unknown> => {
      const { ttlMs, ...list } = (await asked(mcplex.url, 'tools/list')).result ?? {}
      expect(Number(ttlMs)).toBeLessThanOrEqual(kept.ttlMs)
      return list
    }
    const before = await stateless()
    expect(await schemas('2025-11-25')).toEqual(['object', 'object', 'object'])
    expect(await schemas('2025-03-26')).toEqual([undefined, undefined, undefined])
    expect(await schemas('2025-06-18')).toEqual(['object', 'object', 'object'])
    expect(await stateless()).toEqual(before)
    expect(before).toMatchObject({ cacheScope: kept.cacheScope, tools: [{ outputSchema: { type: 'array' } }, {}, {}] })
  })

  test('gives older clients blocks and members that they know', async () => {
    const [oldest, older] = [
      await openSession(mcplex.url, { version: '2024-11-05' }),
      await openSession(mcplex.url, { version: '2025-03-26' }),
    ]
    expect((await older.response('link')).result).toEqual({ content: [{ type: 'text', text: 'a\nfile:///a' }] })
    expect((await older.response('numbers')).result).toEqual({ content: [{ type: 'text', text: '[1,2]' }] })
    const prompt = await older.request('prompts/get', { name: 'p' })
    expect(prompt.result?.['messages']).toEqual([{ role: 'user', content: audio }])
    const note = await oldest.request('prompts/get', { name: 'p' })
    expect(note.result?.['messages']).toMatchObject([{ role: 'user', content: { type: 'text' } }])
  })

  test('gets an answer to initialize that fits its revision and capabilities', async () => {
    const hello = async (version: string, capabilities: JsonMap): Promise<JsonMap | undefined> => {
      const params = { protocolVersion: version, capabilities, clientInfo: { name: 'c', version: '1' } }
      const session = await openSession(mcplex.url)
      const { 'Mcp-Session-Id': __, ...headers } = session.headers
      const answered = await session.post(
        { id: 0, method: 'initialize', params },
        { headers: { ...headers, 'Mcp-Session-Id': undefined } },
      )
      return (await responseTo(answered, 0)).result
    }
    expect(await hello('2024-11-05', {})).toEqual({
      protocolVersion: '2024-11-05',
      capabilities: { tools: {}, prompts: {}, resources: {} },
      serverInfo: { name: 'told', version: '1' },
    })
    expect((await hello('2025-11-25', { extensions: { 'x/y': {} } }))?.['capabilities']).toMatchObject({
      completions: {},
      extensions: { 'x/y': {} },
    })
  })

  test('an error uses a code that session-based clients know', async () => {
    const session = await openSession(mcplex.url)
    const missing = await session.request('resources/read', { uri: 'file:///none' })
    expect(missing.error).toMatchObject({ code: -32002, data: { uri: 'file:///none' } })
    expect((await session.response('lacks')).error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('sampling') as string,
    })
    expect((await session.response('later')).error).toMatchObject({ data: { reason: 'upstream_invalid' } })
    expect((await session.response('nothing')).error).toMatchObject({ code: -32601 })
  })
})

describe('a session-based server', () => {
  const lists = { tools: [{ name: 'a', inputSchema, execution: { taskSupport: 'optional' } }] }
  const answers = {
    'tools/list': lists,
    'tools/call': {
      link: { content: [link, audio], structuredContent: { a: 1 } },
      nothing: { structuredContent: { a: 1 } },
      busy: { error: { code: -32000, message: 'busy', data: { why: 'x' } } },
      odd: { error: { code: -32021, message: 'odd' } },
    },
    'resources/read': { error: { code: -32002, message: 'Resource not found', data: { uri: 'file:///none' } } },
    'completion/complete': { completion: { values: [] } },
  }
  let mcplex: InProcess
  let announcing: InProcess
  beforeAll(async () => {
    const tasks = { list: {}, requests: { tools: { call: {} } } }
    mcplex = await start('legacy', { ...answers, capabilities: { tools: {}, tasks, extensions: { 'x/y': {} } } })
    announcing = await start('legacy', { ...answers, capabilities: { tools: { listChanged: true } } })
  })
  afterAll(() => Promise.all([mcplex.end(), announcing.end()]))

  test('is discovered without its tasks', async () => {
    const { result } = await asked(mcplex.url, 'server/discover')
    expect(result?.['capabilities']).toEqual({ tools: {}, extensions: { 'x/y': {} } })
    const list = (await asked(mcplex.url, 'tools/list')).result
    expect(list?.['tools']).toEqual([{ name: 'a', inputSchema }])
  })

  test('has lists that their client alone may keep, for what is left of their age', async () => {
    const hints = async (url: string): Promise<JsonMap> => (await asked(url, 'tools/list')).result ?? {}
    for (const { url } of [mcplex, announcing]) {
      const { ttlMs, cacheScope } = await hints(url)
      expect(cacheScope).toBe('private')
      // What is left of the age of the list.
      expect(Number(ttlMs)).toBeGreaterThan(0)
      expect(Number(ttlMs)).toBeLessThanOrEqual(5 * 60_000)
    }
  })

  test('gives results with all that a result has', async () => {
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'told', version: '1' } }
    const { result } = await toolResponse(mcplex.url, 'link')
    expect(result).toEqual({ ...complete, ...answers['tools/call'].link, _meta: meta })
    const bare = await toolResponse(mcplex.url, 'nothing')
    expect(bare.result).toMatchObject({ ...complete, content: [], structuredContent: { a: 1 } })
    const completion = (await asked(mcplex.url, 'completion/complete', { ref: {}, argument: {} })).result
    expect(completion).toEqual({ ...complete, completion: { values: [] }, _meta: meta })
  })

  test('fails with codes that mean nothing else in the stateless revision', async () => {
    const missing = await asked(mcplex.url, 'resources/read', { uri: 'file:///none' })
    expect(missing).toMatchObject({ status: 200, error: { code: -32602, data: { uri: 'file:///none' } } })
    const busy = await asked(mcplex.url, 'tools/call', { name: 'busy' })
    expect(busy).toMatchObject({ status: 200, error: { code: -32603, message: 'busy', data: { why: 'x' } } })
    expect(await asked(mcplex.url, 'tools/call', { name: 'odd' })).toMatchObject({
      status: 200,
      error: { code: -32603 },
    })
  })

  test('gives clients of its own era what it said, but for blocks that an older one cannot read', async () => {
    const given = answers['tools/call'].link
    for (const version of ['2025-11-25', '2025-06-18'])
      expect((await (await openSession(mcplex.url, { version })).response('link')).result).toEqual(given)
    const session = await openSession(mcplex.url, { version: '2025-03-26' })
    const text = { type: 'text', text: 'a\nfile:///a' }
    expect((await session.response('link')).result).toEqual({ ...given, content: [text, audio] })
    expect((await session.request('tools/list')).result).toEqual(lists)
  })
})

describe.each(['legacy', 'modern'] as const)('through a %s server', (era) => {
  let mcplex: InProcess
  beforeAll(async () => {
    mcplex = await start(era, { capabilities: { tools: {} } })
  })
  afterAll(() => mcplex.end())
  const trace = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=1',
    baggage: 'b=2',
  }
  const seen = (message: RpcMessage): JsonMap => JSON.parse(textOf(message)) as JsonMap

  test('the trace of a call goes on, and tasks of one era do not reach the other', async () => {
    const session = await openSession(mcplex.url)
    const params = { name: 'params', task: { ttl: 1 }, _meta: trace }
    const withSession = seen(await session.request('tools/call', params))
    expect(withSession['_meta']).toMatchObject(trace)
    expect('task' in withSession).toBe(era === 'legacy')
    const without = seen(
      await responseTo(await ask(mcplex.url, 'tools/call', { name: 'params', task: {} }, { id: 1, meta: trace }), 1),
    )
    expect(without['_meta']).toMatchObject(trace)
    expect('task' in without).toBe(era === 'modern')
  })
})

async function connectOld(url: string): Promise<OldClient> {
  const client = new OldClient({ name: 'shapes', version: '1' })
  await client.connect(new OldTransport(new URL(url)))
  return client
}

async function connectNew(url: string): Promise<NewClient> {
  const client = new NewClient({ name: 'shapes', version: '1' }, { versionNegotiation: { mode: 'legacy' } })
  await client.connect(new NewTransport(new URL(url)))
  return client
}
