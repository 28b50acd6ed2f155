/**
 * What clients that people run do beside or before the protocol, and are served all the same: each habit as it was seen
 * on the wire.
 */
import { describe, expect, test } from 'vitest'
import { descendantsOf } from '../children/processes.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { type Answered, type Asked, send } from '../support/http.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { type JsonMap, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const bothForms = 'application/json, text/event-stream'

/** One POST as the client sends it, with nothing added. */
function post(url: string, message: JsonMap, headers: Asked['headers'] = {}): Promise<Answered> {
  return send(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: bothForms, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

const hello = (version: string, name: string, capabilities: JsonMap = {}): JsonMap => ({
  id: 0,
  method: 'initialize',
  params: { protocolVersion: version, capabilities, clientInfo: { name, version: '1' } },
})

/** The id of the session that an answer has opened. */
function sessionIn({ status, headers, text }: Answered): string {
  const id = headers['mcp-session-id']
  if (typeof id !== 'string') throw new Error(`no session: ${status} ${text}`)
  return id
}

describe('a client that looks for the authorization server before its first message (Codex)', () => {
  /** Where it looks for an authorization server. */
  const wellKnown = [
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration/mcp',
    '/.well-known/openid-configuration',
    '/mcp/.well-known/openid-configuration',
  ]

  /** What it does first, and again for each conversation. */
  async function looksAround({ url, origin }: Mcplex): Promise<void> {
    const stream = await send(url, { headers: { Accept: '*/*', 'MCP-Protocol-Version': '2024-11-05' } })
    await stream.whole()
    // 401 would begin a login, and an event stream would be waited for.
    expect([stream.status, stream.headers['www-authenticate']]).toEqual([400, undefined])
    for (const path of wellKnown) {
      const found = await send(`${origin}${path}`, {
        headers: { Accept: '*/*', 'MCP-Protocol-Version': '2024-11-05' },
      })
      await found.whole()
      expect([path, found.status, found.headers['www-authenticate']]).toEqual([path, 404, undefined])
    }
  }

  /** A session opened as it does. */
  async function opens({ url }: Mcplex): Promise<Record<string, string>> {
    const accept = { Accept: 'text/event-stream, application/json' }
    const answered = await post(url, hello('2025-06-18', 'codex-mcp-client', { elicitation: {} }), accept)
    expect((await responseTo(answered, 0)).result).toMatchObject({ protocolVersion: '2025-06-18' })
    const headers = { ...accept, 'Mcp-Session-Id': sessionIn(answered), 'MCP-Protocol-Version': '2025-06-18' }
    expect((await post(url, { method: 'notifications/initialized' }, headers)).status).toBe(202)
    return headers
  }

  test('finds that there is none, and is served, each of two times', async () => {
    const mcplex = await mcplexForTest()
    for (const round of ['its list', 'its conversation']) {
      await looksAround(mcplex)
      const headers = await opens(mcplex)
      const list = await responseTo(await post(mcplex.url, { id: 1, method: 'tools/list' }, headers), 1)
      expect(list.result?.['tools'], round).toBeInstanceOf(Array)
      const call = { name: 'echo', arguments: { text: round }, _meta: { threadId: 'a', progressToken: 1 } }
      const answered = await post(mcplex.url, { id: 2, method: 'tools/call', params: call }, headers)
      expect(textOf(await responseTo(answered, 2))).toBe(round)
    }
    expect(mcplex.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('may end the session that it lost after it has opened another', async () => {
    const mcplex = await mcplexForTest()
    const lost = await opens(mcplex)
    const next = await opens(mcplex)
    expect((await send(mcplex.url, { method: 'DELETE', headers: lost })).status).toBe(200)
    expect((await send(mcplex.url, { method: 'DELETE', headers: lost })).status).toBe(404)
    expect(await responseTo(await post(mcplex.url, { id: 1, method: 'ping' }, next), 1)).toMatchObject({ result: {} })
  })
})

test('a client that never names the revision it agreed on (Gemini CLI) gets that revision all the same', async () => {
  const mcplex = await mcplexForTest()
  const said = async (version: string | undefined): Promise<readonly (RpcMessage | number)[]> => {
    const answered = await post(mcplex.url, hello('2025-06-18', 'mcp-test-client'))
    const session = sessionIn(answered)
    const headers = { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': version }
    const ready = await post(mcplex.url, { method: 'notifications/initialized' }, headers)
    const stream = await send(mcplex.url, { headers: { Accept: 'text/event-stream', ...headers } })
    const asks = async (id: number, method: string, params: JsonMap = {}): Promise<RpcMessage> =>
      responseTo(await post(mcplex.url, { id, method, params }, headers), id)
    const answers = [
      await responseTo(answered, 0),
      ready.status,
      stream.status,
      await asks(1, 'tools/list'),
      await asks(2, 'ping'),
      await asks(3, 'tools/call', { name: 'echo', arguments: { text: 'grüße' } }),
      await asks(4, 'resources/list'),
      await asks(5, 'tools/call', { name: 'no-such-tool' }),
    ]
    stream.cut()
    const ended = await send(mcplex.url, { method: 'DELETE', headers })
    return [...answers, ended.status]
  }
  const without = await said(undefined)
  expect(without).toEqual(await said('2025-06-18'))
  expect(without.slice(1, 3)).toEqual([202, 200])
  expect(without.at(-1)).toBe(200)
})

test('a client that tries each endpoint with a session of its own first (mcp-remote) takes no place for it', async () => {
  const env = { MCPLEX_SESSIONS__EVICT_IDLE: '200ms' }
  const mcplex = await mcplexForTest({ options: ['--max-connections', '2', '--queue-wait', '20s'], env })
  // It names the method in a header before any revision is agreed on.
  const early = { 'Mcp-Method': 'initialize' }
  for (let start = 1; start <= 4; start++) {
    const trial = await post(mcplex.url, hello('2025-11-25', 'mcp-remote-fallback-test'), early)
    expect((await responseTo(trial, 0)).result).toBeDefined()
    const trialHeaders = { 'Mcp-Session-Id': sessionIn(trial), 'MCP-Protocol-Version': '2025-11-25' }
    expect((await post(mcplex.url, { method: 'notifications/initialized' }, trialHeaders)).status).toBe(202)
    // It is left as it is: no word says that it is over.
    const answered = await post(mcplex.url, hello('2025-11-25', 'claude (via mcp-remote)'), early)
    const headers = { 'Mcp-Session-Id': sessionIn(answered), 'MCP-Protocol-Version': '2025-11-25' }
    expect((await post(mcplex.url, { method: 'notifications/initialized' }, headers)).status).toBe(202)
    const call = { name: 'echo', arguments: { text: `start ${start}` } }
    const text = textOf(
      await responseTo(await post(mcplex.url, { id: 1, method: 'tools/call', params: call }, headers), 1),
    )
    expect(text).toBe(`start ${start}`)
  }
  expect((await counts(mcplex))['sessions']).toBeLessThanOrEqual(2)
})

interface Left {
  readonly children: number
  readonly heldBytes: number
  readonly counts: Readonly<Record<string, number>>
}

/** What an idle mcplex keeps. */
async function left({ origin, pid }: Mcplex): Promise<Left> {
  const response = await fetch(`${origin}/health?verbose`)
  const report = (await response.json()) as { memory: { heldBytes: number }; counts: Record<string, number> }
  return { children: descendantsOf(pid).length, heldBytes: report.memory.heldBytes, counts: report.counts }
}

test('500 sessions whose clients send no DELETE end by themselves, and leave nothing', async () => {
  const env = { MCPLEX_UPSTREAM__POOL__IDLE: '1s', MCPLEX_UPSTREAM__POOL__SPARES: '0' }
  const mcplex = await mcplexForTest({ options: ['--idle-timeout', '1s', '--pool', '12'], env })
  const calls = async (): Promise<void> => {
    const session = await openSession(mcplex.url, { client: 'left behind', capabilities: { roots: {} } })
    await session.request('tools/list')
    await session.text('echo', { text: 'a call, and not a word more' })
    const stream = await session.listen()
    stream.cut()
  }
  const looks = async (): Promise<void> => {
    const session = await openSession(mcplex.url, { client: 'left behind' })
    await session.request('tools/list')
  }
  const idle = async (): Promise<Left> => {
    await eventually('all sessions to end', async () => (await counts(mcplex))['sessions'] === 0)
    await eventually('their processes to end', async () => (await counts(mcplex))['servingWorkers'] === 0)
    return left(mcplex)
  }
  // What the server lists to clients of each kind is kept on purpose, perhaps not from the first of them on.
  const rest = async (): Promise<Left> => {
    await Promise.all([calls(), looks()])
    return idle()
  }
  let before = await rest()
  await eventually('two clients more to change nothing', async () => {
    const earlier = before
    before = await rest()
    return before.children === earlier.children && before.heldBytes === earlier.heldBytes
  })
  // Eight come at a time; every twentieth needs a process.
  let opened = 0
  const clients = Array.from({ length: 8 }, async () => {
    while (opened < 500) await (++opened % 20 === 0 ? calls() : looks())
  })
  await Promise.all(clients)
  expect(opened).toBeGreaterThanOrEqual(500)
  await idle()
  let after = await left(mcplex)
  await eventually('nothing to be left', async () => {
    after = await left(mcplex)
    return after.children <= before.children && after.heldBytes <= before.heldBytes
  }).catch(() => undefined)
  expect(after.children).toBeLessThanOrEqual(before.children)
  expect(after.heldBytes).toBeLessThanOrEqual(before.heldBytes)
  for (const name of ['sessions', 'streams', 'calls', 'clients', 'waitingClients', 'servingWorkers', 'waitingCalls'])
    expect([name, after.counts[name]]).toEqual([name, 0])
  // The log takes so many such lines a second, and counts the others.
  const ends = mcplex.log.filter(({ msg }) => msg === 'session ends')
  expect(ends.length).toBeGreaterThan(50)
  expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(['idle']))
})
