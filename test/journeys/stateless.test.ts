/** Clients without sessions in front of a stateless server: listening, several rounds, and what each request says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'

const prefix = 'io.modelcontextprotocol/'

let mcplex: Mcplex
beforeAll(async () => {
  mcplex = await startMcplex({ options: ['--log-level', 'warn'], server: [echoModern] })
})
afterAll(() => mcplex.end())

const stampOf = (message: RpcMessage): unknown => {
  const meta = (message.params?.['_meta'] ?? message.result?.['_meta']) as JsonMap | undefined
  return meta?.[`${prefix}subscriptionId`]
}

describe('a listening stream', () => {
  const listen = async (id: string | number, notifications: JsonMap): ReturnType<typeof ask> => {
    const answered = await ask(mcplex.url, 'subscriptions/listen', { notifications }, { id })
    await answered.event('the acknowledgement', () => true)
    return answered
  }

  test('begins with its acknowledgement, and everything on it names its request', async () => {
    const [tools, resource] = [
      await listen('tools', { toolsListChanged: true, somethingUnknown: true }),
      await listen(7, { resourceSubscriptions: ['echo://values/a', 'echo://values/b'] }),
    ]
    await toolResponse(mcplex.url, 'touch-list')
    await toolResponse(mcplex.url, 'update', { uri: 'echo://values/a' })
    await toolResponse(mcplex.url, 'update', { uri: 'echo://values/unwanted' })
    await toolResponse(mcplex.url, 'update', { uri: 'echo://values/b' })
    await tools.event('the change', ({ data }) => data.includes('list_changed'))
    await resource.event('the second update', ({ data }) => /updated.*values\/b/.test(data))
    expect(messagesOf(tools).map((message) => [message.method, stampOf(message)])).toEqual([
      ['notifications/subscriptions/acknowledged', 'tools'],
      ['notifications/tools/list_changed', 'tools'],
    ])
    expect(messagesOf(tools)[0]?.params?.['notifications']).toEqual({ toolsListChanged: true })
    const updates = messagesOf(resource)
    expect(updates.map(stampOf)).toEqual(updates.map(() => 7))
    expect(updates.slice(1).map(({ params }) => params?.['uri'])).toEqual(['echo://values/a', 'echo://values/b'])
    for (const stream of [tools, resource]) stream.cut()
  })

  test('of one client ends without a trace in the others', async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, (_, at) => listen(at, { toolsListChanged: true })))
    streams[0]?.cut()
    await eventually('its place is free', async () => (await counts(mcplex))['clients'] === 4)
    await toolResponse(mcplex.url, 'touch-list')
    for (const [at, stream] of streams.slice(1).entries()) {
      const { data } = await stream.event('the change', (event) => event.data.includes('list_changed'))
      expect(stampOf(JSON.parse(data) as RpcMessage)).toBe(at + 1)
      stream.cut()
    }
  })

  test('a list that changed is listed anew', async () => {
    const names = async (): Promise<string[]> => {
      const answered = await ask(mcplex.url, 'tools/list', {}, { id: 1 })
      const { result } = await responseTo(answered, 1)
      expect(result).toMatchObject({ ttlMs: expect.any(Number), cacheScope: expect.any(String) })
      const tools = (result?.['tools'] ?? []) as ReadonlyArray<{ name: string }>
      return tools.map(({ name }) => name)
    }
    const before = await names()
    const added = textOf(await toolResponse(mcplex.url, 'touch-list'))
    expect(before).not.toContain(added)
    await eventually('the new tool', async () => (await names()).includes(added))
  })

  test('names its request to the letter, even where numbers are not exact', async () => {
    const id = '9007199254740993'
    const filter = `"notifications":{"toolsListChanged":true}`
    const meta = `"${prefix}protocolVersion":"2026-07-28","${prefix}clientCapabilities":{}`
    const body = `{"jsonrpc":"2.0","id":${id},"method":"subscriptions/listen","params":{${filter},"_meta":{${meta}}}}`
    const answered = await ask(mcplex.url, 'subscriptions/listen', {}, { body })
    const { data } = await answered.event('the acknowledgement', () => true)
    expect(data).toContain(`"${prefix}subscriptionId":${id}`)
  })

  test('without a filter it is refused', async () => {
    const answered = await ask(mcplex.url, 'subscriptions/listen', {}, { id: 1 })
    expect((await responseTo(answered, 1)).error?.code).toBe(-32602)
  })
})

describe('a call in several rounds', () => {
  const capabilities = { elicitation: {} }
  const inputResponses = { answer: { action: 'accept', content: { name: 'Ada' } } }
  const begin = async (message = 'Well?'): Promise<string> => {
    const { result } = await toolResponse(mcplex.url, 'ask', { kind: 'elicitation', message }, { capabilities })
    expect(result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { answer: { method: 'elicitation/create', params: { message } } },
    })
    return String(result?.['requestState'])
  }
  const go = async (method: string, params: JsonMap): Promise<RpcMessage> =>
    responseTo(await ask(mcplex.url, method, { inputResponses, ...params }, { id: 1, capabilities }), 1)
  const again = { name: 'ask', arguments: { kind: 'elicitation', message: 'Well?' } }

  test('goes on with the answers of the client, and its state is sealed on the way', async () => {
    const requestState = await begin()
    expect(requestState).not.toContain('state-of')
    expect(requestState, 'not the same twice').not.toBe(await begin())
    const { result } = await go('tools/call', { ...again, requestState })
    expect(JSON.parse(textOf({ result: result ?? {} }))).toEqual(inputResponses.answer)
    const swapped = { name: 'ask', arguments: { message: 'Well?', kind: 'elicitation' } }
    expect((await go('tools/call', { ...swapped, requestState })).error, 'in any order of members').toBeUndefined()
  })

  test('a state that was changed, or belongs to another request, is refused', async () => {
    const state = await begin()
    const flipped = `${state.slice(0, 20)}${state[20] === 'A' ? 'B' : 'A'}${state.slice(21)}`
    const refused: Array<[string, JsonMap]> = [
      ['tools/call', { ...again, requestState: flipped }],
      ['tools/call', { ...again, requestState: state.slice(0, -4) }],
      ['tools/call', { ...again, requestState: `${state}AAAA` }],
      ['tools/call', { ...again, requestState: 'state-of-elicitation' }],
      ['tools/call', { ...again, requestState: '' }],
      ['tools/call', { ...again, requestState: 7 }],
      ['tools/call', { ...again, arguments: { kind: 'elicitation', message: 'Other' }, requestState: state }],
      ['tools/call', { name: 'echo', arguments: again.arguments, requestState: state }],
      ['prompts/get', { ...again, requestState: state }],
    ]
    const codes = await Promise.all(refused.map(async ([method, params]) => (await go(method, params)).error?.code))
    expect(codes).toEqual(refused.map(() => -32602))
    expect((await go('tools/call', { ...again, requestState: state })).error, 'itself it still opens').toBeUndefined()
  })
})

describe('a request', () => {
  test('gets log lines only if it asks for them, and only its own', async () => {
    const linesFor = async (meta: JsonMap): Promise<number> => {
      // On a process that has served no other client; of another one nothing is known for certain.
      const fresh = await startMcplex({ server: [echoModern], options: ['--log-level', 'warn'] })
      try {
        const call = (): ReturnType<typeof callTool> =>
          callTool(fresh.url, 'notify', { count: 3, kind: 'log' }, { id: 1, meta })
        const [first, second] = [await call(), await call()]
        await Promise.all([first.whole(), second.whole()])
        expect(messagesOf(second).map(({ method }) => method)).toEqual([undefined])
        const methods = messagesOf(first).map(({ method }) => method)
        expect(methods.at(-1)).toBeUndefined()
        return methods.filter((method) => method === 'notifications/message').length
      } finally {
        await fresh.end()
      }
    }
    expect(await linesFor({})).toBe(0)
    expect(await linesFor({ [`${prefix}logLevel`]: 'error' })).toBe(0)
    expect(await linesFor({ [`${prefix}logLevel`]: 'info' })).toBe(3)
  })

  test('gets progress under its own token, whatever its type', async () => {
    for (const progressToken of ['text', 0, -5, 'ünï']) {
      const answered = await callTool(mcplex.url, 'slow', { ms: 60, steps: 3 }, { id: 'x', meta: { progressToken } })
      await answered.whole()
      const tokens = messagesOf(answered).map(({ params }) => params?.['progressToken'])
      expect(tokens).toEqual([progressToken, progressToken, progressToken, undefined])
    }
  })

  test.each([
    ['another method', { 'Mcp-Method': 'tools/list' }],
    ['no method', { 'Mcp-Method': undefined }],
    ['another name', { 'Mcp-Name': 'whoami' }],
    ['no name', { 'Mcp-Name': undefined }],
    ['a name that is not base64', { 'Mcp-Name': '=?base64?%%%?=' }],
    ['another version', { 'MCP-Protocol-Version': '2027-01-01' }],
  ])('whose headers say %s is refused before it is run', async (_, headers) => {
    const before = JSON.parse(textOf(await toolResponse(mcplex.url, 'whoami'))) as { calls: number }
    const answered = await callTool(mcplex.url, 'echo', { text: 'x' }, { id: 1, headers })
    await answered.whole()
    expect(answered.status).toBe(400)
    expect(messagesOf(answered)[0]?.error?.code).toBe(-32020)
    const after = JSON.parse(textOf(await toolResponse(mcplex.url, 'whoami'))) as { calls: number }
    expect(after.calls).toBe(before.calls + 1)
  })

  test('may have its name in base64', async () => {
    const headers = { 'Mcp-Name': `=?base64?${Buffer.from('echo').toString('base64')}?=` }
    expect(textOf(await toolResponse(mcplex.url, 'echo', { text: 'same' }, { headers }))).toBe('same')
  })

  test('of an unknown version is told which are supported; without metadata it is refused', async () => {
    const versioned = (version: string | undefined): ReturnType<typeof send> =>
      send(mcplex.url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': version ?? '2026-07-28',
          'Mcp-Method': 'tools/list',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/list',
          params: {
            _meta:
              version === undefined
                ? {}
                : { [`${prefix}protocolVersion`]: version, [`${prefix}clientCapabilities`]: {} },
          },
        }),
      })
    const unknown = await versioned('2031-01-01')
    await unknown.whole()
    expect(unknown.status).toBe(400)
    expect(messagesOf(unknown)[0]?.error).toMatchObject({ code: -32022, data: { supported: ['2026-07-28'] } })
    const bare = await versioned(undefined)
    await bare.whole()
    expect(bare.status).toBe(400)
    expect(messagesOf(bare)[0]?.error?.code).toBe(-32602)
  })

  test.each(['nothing/there', 'initialize', 'ping', 'logging/setLevel', 'resources/subscribe'])(
    'for %s is answered with 404 and the code for an unknown method',
    async (method) => {
      const answered = await ask(mcplex.url, method, {}, { id: 1 })
      await answered.whole()
      expect(answered.status).toBe(404)
      expect(messagesOf(answered)[0]?.error?.code).toBe(-32601)
    },
  )

  test('knows no sessions: their headers are ignored, and GET and DELETE do not exist', async () => {
    const headers = { 'Mcp-Session-Id': 'made-up', 'Last-Event-ID': 'l.x.1' }
    const answered = await callTool(mcplex.url, 'echo', { text: 'x' }, { id: 1, headers })
    expect(textOf(await responseTo(answered, 1))).toBe('x')
    expect(answered.headers['mcp-session-id']).toBeUndefined()
    for (const method of ['GET', 'DELETE']) {
      const version = { 'MCP-Protocol-Version': '2026-07-28', Accept: 'text/event-stream' }
      const { status, headers: given } = await send(mcplex.url, { method, headers: version })
      expect([status, given['allow']]).toEqual([405, 'POST'])
    }
  })
})

describe('a client and a server of different eras', () => {
  test('a client with a session calls, lists and sees progress of a stateless server', async () => {
    const session = await openSession(mcplex.url)
    expect(await session.text('echo', { text: 'across' })).toBe('across')
    const { result } = await session.request('tools/list')
    expect(result?.['tools']).not.toHaveLength(0)
    expect(result, 'nothing of the other era').not.toHaveProperty('ttlMs')
    const answered = await session.call('slow', { ms: 60, steps: 3 }, { progressToken: 'mine' })
    await answered.whole()
    expect(messagesOf(answered).map(({ params }) => params?.['progressToken'])).toEqual([
      'mine',
      'mine',
      'mine',
      undefined,
    ])
  })

  test('a client without a session calls, lists and sees progress of a server with sessions', async () => {
    const legacy = await startMcplex({
      options: ['--log-level', 'warn', '--stateless', 'principal'],
      server: [echoLegacy],
    })
    try {
      const answer = await toolResponse(legacy.url, 'echo', { text: 'across' })
      expect(textOf(answer)).toBe('across')
      expect(answer.result?.['resultType']).toBe('complete')
      const listed = await responseTo(await ask(legacy.url, 'tools/list', {}, { id: 1 }), 1)
      expect(listed.result).toMatchObject({ resultType: 'complete', ttlMs: expect.any(Number) })
      const answered = await callTool(
        legacy.url,
        'slow',
        { ms: 60, steps: 3 },
        { id: 1, meta: { progressToken: 'mine' } },
      )
      await answered.whole()
      expect(messagesOf(answered).map(({ params }) => params?.['progressToken'])).toEqual([
        'mine',
        'mine',
        'mine',
        undefined,
      ])
    } finally {
      await legacy.end()
    }
  })
})
