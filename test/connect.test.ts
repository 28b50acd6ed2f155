/** `mcplex connect`: a client that only speaks stdio, in front of a running mcplex. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from './support/mcplex.ts'
import { type Piped, standalone, startPiped } from './support/pipes.ts'
import { reasonOf, textOf } from './support/rpc.ts'

const mirroring = join(import.meta.dirname, 'fixtures', 'everything-modern.mjs')

async function start(server: readonly string[]): Promise<Mcplex> {
  const mcplex = await startMcplex({ server, options: ['--log-level', 'warn', '--stateless', 'principal'] })
  onTestFinished(async () => void (await mcplex.end()))
  return mcplex
}

function connect(url: string, options: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Piped {
  const piped = startPiped(['connect', ...options, url], env)
  onTestFinished(() => piped.end())
  return piped
}

/** An endpoint that answers as the test says, and keeps what it was asked. */
async function endpoint(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => answer(request, response, body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`, seen }
}

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

async function sessionsOf({ origin }: Mcplex): Promise<unknown> {
  const { counts } = (await (await fetch(`${origin}/health`)).json()) as { counts: { sessions: number } }
  return counts.sessions
}

describe.each([
  { name: 'a session-based server', server: [echoLegacy] },
  { name: 'a stateless server', server: [echoModern] },
])('in front of $name', ({ server }) => {
  test('a client of each era is served, both on the same pipes', async () => {
    const piped = connect((await start(server)).url)
    expect((await piped.initialize()).result).toMatchObject({ protocolVersion: '2025-11-25' })
    const answers = await Promise.all([
      piped.call('echo', { text: 'with a session: 😀\n' }),
      piped.call('echo', { text: 'without' }, standalone()),
      piped.request('tools/list'),
      piped.request('server/discover', { _meta: standalone() }),
    ])
    expect(answers.slice(0, 2).map(textOf)).toEqual(['with a session: 😀\n', 'without'])
    expect(answers[2]?.result?.['tools']).not.toHaveLength(0)
    expect(answers[3]?.result).toMatchObject({ supportedVersions: ['2026-07-28'] })
    expect(piped.messages()).toHaveLength(piped.lines.length)
  })

  test.each([
    ['with a session', {}],
    ['without', standalone()],
  ])('calls run in parallel, tell their progress, and end when they are cancelled: %s', async (_name, meta) => {
    const piped = connect((await start(server)).url)
    await piped.initialize()
    const slow = piped.begin('tools/call', {
      name: 'slow',
      arguments: { ms: 300, steps: 2 },
      _meta: { ...meta, progressToken: 'p' },
    })
    expect(textOf(await piped.call('echo', { text: 'first' }, meta))).toBe('first')
    await piped.response(slow)
    const progress = piped.messages().filter(({ method }) => method === 'notifications/progress')
    expect(progress.map(({ params }) => params?.['progressToken'])).toEqual(['p', 'p'])

    const stopping = piped.begin('tools/call', {
      name: 'slow',
      arguments: { ms: 60_000, steps: 600 },
      _meta: { ...meta, progressToken: 'stopping' },
    })
    await piped.told('the call to run', ({ params }) => params?.['progressToken'] === 'stopping')
    piped.send({ method: 'notifications/cancelled', params: { requestId: stopping } })
    await eventually('the server to know', async () => {
      const { count } = JSON.parse(textOf(await piped.call('cancelled', {}, meta))) as { count: number }
      return count === 1
    })
    expect(piped.messages().map(({ id }) => id)).not.toContain(stopping)
  })

  test('changes are told to a session, and to a request that listens', async () => {
    const piped = connect((await start(server)).url)
    await piped.initialize()
    piped.begin('subscriptions/listen', { _meta: standalone(), notifications: { toolsListChanged: true } })
    await piped.told('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
    await piped.call('touch-list')
    await piped.call('touch-list', {}, standalone())
    const told = (has: boolean): Promise<unknown> =>
      piped.told('the change', ({ method, params }) => {
        const isMarked = JSON.stringify(params ?? {}).includes('subscriptionId')
        return method === 'notifications/tools/list_changed' && isMarked === has
      })
    await Promise.all([told(true), told(false)])
  })
})

test('the server asks the client through the bridge, and gets its answer', async () => {
  const piped = connect((await start([echoLegacy])).url)
  await piped.initialize({ capabilities: { elicitation: {} } })
  const call = piped.begin('tools/call', { name: 'ask', arguments: { kind: 'elicitation', message: 'Who?' } })
  const question = await piped.told('the question', ({ method }) => method === 'elicitation/create')
  piped.send({ id: 'never-asked', result: {} })
  piped.send({ id: question.id, result: { action: 'accept', content: { name: 'Ada' } } })
  expect(textOf(await piped.response(call))).toContain('Ada')
})

test('arguments that a tool wants mirrored are, though the client has never listed the tools', async () => {
  const piped = connect((await start([mirroring])).url)
  const params = { name: 'test_x_mcp_header', _meta: standalone() }
  const listed = await piped.request('tools/list', { _meta: standalone() })
  const tools = listed.result?.['tools'] as ReadonlyArray<{ name: string; inputSchema: { properties: object } }>
  const names = Object.keys(tools.find(({ name }) => name === params.name)?.inputSchema.properties ?? {})
  const args = Object.fromEntries(names.map((name) => [name, 'grüße']))

  const stranger = connect((await start([mirroring])).url)
  const answer = await stranger.request('tools/call', { ...params, arguments: args })
  expect(answer.error).toBeUndefined()
  expect(answer.result).toMatchObject({ resultType: 'complete' })
  expect(stranger.lines).toHaveLength(1)
})

describe('the key', () => {
  const key = 'a-key-that-nobody-may-see'

  test('goes into the header of every request, and is seen nowhere else', async () => {
    const { url, seen } = await endpoint((_request, response) => response.writeHead(500).end('no'))
    const piped = connect(url, ['-v', '--key-env', 'TEAM_KEY'], { TEAM_KEY: key, MCPLEX_API_KEY: 'another one' })
    expect(reasonOf(await piped.request('server/discover', { _meta: standalone() }))).toBe('endpoint_invalid_response')
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${key}`])
    expect(readFileSync(`/proc/${piped.pid}/cmdline`, 'utf8')).not.toContain(key)
    expect(piped.stderr() + piped.lines.join('\n')).not.toContain(key)
  })

  test('is missing if the named variable is not set: the usual one is not sent in its place', async () => {
    const piped = connect('http://127.0.0.1:1/mcp', ['--key-env', 'TEAM_KEY'], { MCPLEX_API_KEY: key })
    expect(await piped.exited).toBe(78)
    expect(piped.stderr()).toContain('the variable TEAM_KEY')
  })

  test('that no header can carry is refused without being shown', async () => {
    const piped = connect('http://127.0.0.1:1/mcp', [], { MCPLEX_API_KEY: `${key}\n` })
    expect(await piped.exited).toBe(78)
    expect(piped.stderr()).toContain('MCPLEX_API_KEY')
    expect(piped.stderr()).not.toContain(key)
  })

  test.each([
    [401, {}, 'a key in MCPLEX_API_KEY'],
    [401, { MCPLEX_API_KEY: key }, 'another key'],
    [403, { MCPLEX_API_KEY: key }, 'a key with more rights'],
  ])('that is not let in (%i) is told with the way out, and ends with 77', async (status, env, remedy) => {
    const { url } = await endpoint((_request, response) => response.writeHead(status).end())
    const piped = connect(url, [], env)
    const answer = await piped.request('initialize', { protocolVersion: '2025-11-25' })
    expect(answer.error).toMatchObject({
      message: expect.stringContaining('credentials') as string,
      data: { reason: 'endpoint_denied', status },
    })
    expect(await piped.exited).toBe(77)
    expect(piped.stderr()).toContain('connect_denied')
    expect(piped.stderr()).toContain(remedy)
    expect(piped.stderr()).not.toContain(key)
  })
})

describe('a URL', () => {
  test.each([404, 405, 301])('without an MCP endpoint (%i) is told, and ends with 78', async (status) => {
    const { url } = await endpoint((_request, response) => response.writeHead(status, { Location: '/there' }).end())
    const piped = connect(url)
    expect(reasonOf(await piped.request('initialize', { protocolVersion: '2025-11-25' }))).toBe(
      'endpoint_invalid_response',
    )
    expect(await piped.exited).toBe(78)
    expect(piped.stderr()).toContain('connect_endpoint')
  })

  test('of a server without sessions is none to give up at: its client may try another way', async () => {
    const error = { code: -32601, message: 'Method not found' }
    const { url } = await endpoint((_request, response, body) => {
      const { id } = JSON.parse(body) as { id: number }
      response.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, error }))
    })
    const piped = connect(url)
    expect((await piped.request('initialize', { protocolVersion: '2025-11-25' })).error).toEqual(error)
    expect((await piped.request('server/discover', { _meta: standalone() })).error).toEqual(error)
  })

  test('of mcplex without its path is told which one it is', async () => {
    const { origin } = await start([echoLegacy])
    const piped = connect(origin)
    expect((await piped.request('initialize', { protocolVersion: '2025-11-25' })).error).toBeDefined()
    expect(await piped.exited).toBe(78)
    expect(piped.stderr()).toContain(`"try":["${origin}/mcp"]`)
  })

  test('with a password is wrong usage, and is not repeated', async () => {
    const piped = connect('http://user:hunter2@127.0.0.1/mcp')
    expect(await piped.exited).toBe(2)
    expect(piped.stderr()).not.toContain('hunter2')
  })
})

test('an answer in pretty JSON is one line, and numbers of any size stay as they are', async () => {
  const { url } = await endpoint((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end('{\n  "jsonrpc": "2.0",\r\n  "id": 1,\n  "result": {"n": 12345678901234567890, "text": "a\\nb"}\n}\n')
  })
  const piped = connect(url)
  expect((await piped.request('server/discover', { _meta: standalone() })).result?.['text']).toBe('a\nb')
  expect(piped.lines).toHaveLength(1)
  expect(piped.lines[0]).toContain('12345678901234567890')
})

describe('the end', () => {
  test('of stdin lets what was sent be answered, ends the session at the server, and ends with 0', async () => {
    const mcplex = await start([echoLegacy])
    const piped = connect(mcplex.url)
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    expect(await sessionsOf(mcplex)).toBe(1)
    const slow = piped.begin('tools/call', { name: 'slow', arguments: { ms: 300 } })
    piped.hangUp()
    expect(await piped.exited).toBe(0)
    expect(textOf(await piped.response(slow))).toContain('300')
    expect(await sessionsOf(mcplex)).toBe(0)
  })

  test('is the same for one that never got through', async () => {
    const piped = connect(`http://127.0.0.1:${await closedPort()}/mcp`, ['--wait', '200ms'])
    const id = piped.begin('server/discover', { _meta: standalone() })
    piped.hangUp()
    expect(await piped.exited).toBe(0)
    expect(reasonOf(await piped.response(id))).toBe('endpoint_unreachable')
  })

  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('%s ends the session and itself with %i', async (signal, code) => {
    const mcplex = await start([echoLegacy])
    const piped = connect(mcplex.url)
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    piped.child.kill(signal)
    expect(await piped.exited).toBe(code)
    expect(await sessionsOf(mcplex)).toBe(0)
  })

  test('of a client that is gone ends the session and what runs for it', async () => {
    const mcplex = await start([echoLegacy])
    const piped = connect(mcplex.url)
    await piped.initialize()
    piped.begin('tools/call', { name: 'hang' })
    await piped.call('echo', { text: 'x' })
    piped.child.stdout?.destroy()
    piped.begin('tools/call', { name: 'echo', arguments: { text: 'to nobody' } })
    expect(await piped.exited).toBe(0)
    expect(await sessionsOf(mcplex)).toBe(0)
  })
})

describe('an endpoint that redirects', () => {
  test('is followed on its own origin, with the same method and message', async () => {
    const mcplex = await start([echoLegacy])
    const target = new URL(mcplex.url)
    const moved = await endpoint((request, response, body) => {
      if (request.url === '/mcp') return void response.writeHead(307, { Location: '/mcp/v1' }).end()
      const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers
      void fetch(target, {
        method: request.method ?? 'GET',
        headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
        ...(body !== '' && { body }),
      }).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        for await (const chunk of answer.body ?? []) response.write(chunk)
        response.end()
      })
    })
    const piped = connect(moved.url)
    await piped.initialize()
    expect(textOf(await piped.call('echo', { text: 'found' }))).toBe('found')
    expect(moved.seen.filter(({ url }) => url === '/mcp')).toHaveLength(1)
  })

  test.each(['http://localhost:1/mcp', 'https://127.0.0.1:1/mcp'])('to another origin is not: %s', async (location) => {
    const moved = await endpoint((_request, response) => void response.writeHead(308, { Location: location }).end())
    const piped = connect(moved.url)
    piped.begin('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    })
    const refused = await piped.told('the refusal', ({ error }) => error !== undefined)
    expect(reasonOf(refused)).toBe('endpoint_invalid_response')
  })
})
