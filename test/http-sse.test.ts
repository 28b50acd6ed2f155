/** HTTP+SSE, the transport of revision 2024-11-05: one stream that is the session, and POSTs beside it. */
import { afterEach, describe, expect, test } from 'vitest'
import { createMemoryBackplane } from '../src/backplane/memory.ts'
import { systemClock } from '../src/base/clock.ts'
import { Refusal } from '../src/index.ts'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { send } from './support/http.ts'
import { type InProcess, startInProcess } from './support/in-process.ts'
import { echoLegacy } from './support/mcplex.ts'
import { messagesOf, reasonOf, refusalIn, textOf } from './support/rpc.ts'
import { getStream, openStream, openStreamClient } from './support/stream-client.ts'

const running: InProcess[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end()))
})

async function start(
  settings: Parameters<typeof startInProcess>[1] = {},
  server: readonly string[] = [echoLegacy],
): Promise<InProcess> {
  const one = await startInProcess(server, settings)
  running.push(one)
  return one
}

const handshake = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'c', version: '1' } }

describe('the stream', () => {
  test('begins with the address to POST to, which is relative and cannot be guessed', async () => {
    const { url } = await start()
    const [one, other] = [await openStream(url), await openStream(url)]
    expect(one.stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(one.stream.events[0]?.data).toMatch(/^messages\?sessionId=[A-Za-z0-9_-]{43}$/)
    expect(one.address).not.toBe(other.address)
    expect(one.stream.headers).not.toHaveProperty('mcp-session-id')
  })

  test('brings everything; a POST brings only that it was taken', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const posted = await client.post({
      id: 'a',
      method: 'tools/call',
      params: { name: 'notify', arguments: { count: 3, kind: 'progress' }, _meta: { progressToken: 7 } },
    })
    expect([posted.status, await posted.whole()]).toEqual([202, 'Accepted'])
    const response = await client.message('the response', ({ id }) => id === 'a')
    expect(textOf(response)).toBe('sent 3')
    const [, ...rest] = client.messages()
    expect(rest.map(({ method, params }) => [method, params?.['progressToken'], params?.['progress']])).toEqual([
      ...[1, 2, 3].map((progress) => ['notifications/progress', 7, progress]),
      [undefined, undefined, undefined],
    ])
    expect(client.stream.events.slice(1).every(({ event, id }) => event === 'message' && id === undefined)).toBe(true)
  })

  test('shows life while nothing is said', async () => {
    const { url } = await start({ sessions: { keepAliveMs: 100 } })
    const client = await openStream(url)
    await eventually('three comments', () => client.stream.comments >= 3)
    expect(client.messages()).toEqual([])
  })

  test('is for those who take event streams', async () => {
    const { url } = await start()
    expect((await getStream(url, { headers: { Accept: 'application/json' } })).status).toBe(406)
    expect((await getStream(url, { headers: {} })).status).toBe(200)
  })

  test('of a client that reconnects by itself goes on without a handshake, as what the client was', async () => {
    const { url } = await start()
    const client = await openStreamClient(url, {
      version: '2025-06-18',
      capabilities: { roots: {} },
    })
    const { lastEventId } = client.stream
    expect(lastEventId).toBeDefined()
    client.stream.cut()
    const headers = { Accept: 'text/event-stream', 'Last-Event-ID': lastEventId }
    const again = await openStream(url, { headers })
    expect((await again.whoami()).client).toMatchObject({
      capabilities: { roots: {} },
      clientInfo: { name: 'journey' },
    })
    // It is taken to be that client once.
    const other = await openStream(url, { headers })
    expect((await other.whoami()).client['capabilities']).toEqual({})
  })

  test('of a client that nothing is known of goes on with the version of its header, and is asked nothing', async () => {
    const { url } = await start()
    const client = await openStream(url)
    const posted = await client.post(
      { id: 'p', method: 'tools/call', params: { name: 'whoami', arguments: {} } },
      { headers: { 'Content-Type': 'application/json', 'MCP-Protocol-Version': '2025-06-18' } },
    )
    expect(posted.status).toBe(202)
    const told = await client.message('who it is', ({ id }) => id === 'p')
    expect(JSON.parse(textOf(told))).toMatchObject({ client: { protocolVersion: '2025-06-18' } })
  })

  test('has one handshake, however many requests come at once before it', async () => {
    const one = await start()
    const client = await openStream(one.url)
    const texts = await Promise.all(Array.from({ length: 8 }, (_, i) => client.text('echo', { text: `${i}` })))
    expect(texts).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
    expect((await one.counts())['sessions']).toBe(1)
    expect(reasonOf(await client.request('initialize', handshake))).toBe('already_initialized')
  })
})

describe('the handshake', () => {
  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2024-10-07', '2025-11-25'],
  ])('a client that asks for %s is answered with %s', async (asked, given) => {
    const { url } = await start()
    const client = await openStream(url)
    const { result } = await client.request('initialize', { ...handshake, protocolVersion: asked })
    expect(result).toMatchObject({ protocolVersion: given, serverInfo: { name: 'echo-legacy' } })
    await client.notify('notifications/initialized')
    const version = { 'Content-Type': 'application/json', 'MCP-Protocol-Version': given }
    const posted = await client.post({ id: 9, method: 'tools/list' }, { headers: version })
    expect(posted.status).toBe(202)
    const listed = await client.message('the list', ({ id }) => id === 9)
    expect(listed.result?.['tools']).toContainEqual(expect.objectContaining({ name: 'echo' }))
  })

  test('may follow a ping', async () => {
    const { url } = await start()
    const client = await openStream(url)
    expect(await client.request('ping')).toMatchObject({ result: {} })
    expect(await client.request('initialize', handshake)).toHaveProperty('result')
    expect(await client.text('echo', { text: 'now' })).toBe('now')
  })

  test('comes once, and one that fails may be tried again', async () => {
    const { url } = await start()
    const client = await openStream(url)
    expect(reasonOf(await client.request('initialize', { protocolVersion: 1 }))).toBe('invalid_params')
    expect(await client.request('initialize', handshake)).toHaveProperty('result')
    expect(reasonOf(await client.request('initialize', handshake))).toBe('already_initialized')
    expect(await client.text('echo', { text: 'still' })).toBe('still')
  })

  test('that the store cannot keep is told, and ends the stream', async () => {
    const memory = createMemoryBackplane({ clock: systemClock })
    const create = (): Promise<never> => Promise.reject(new Refusal('store_unavailable'))
    const backplane = { ...memory, records: { ...memory.records, create } }
    const one = await startInProcess([echoLegacy], {}, { backplane })
    running.push(one)
    const client = await openStream(one.url)
    expect(reasonOf(await client.request('initialize', handshake))).toBe('store_unavailable')
    expect(await client.stream.over).toBe('whole')
    await eventually('its place is free', async () => (await one.counts())['clients'] === 0)
  })

  test('has a time limit, for both of its halves', async () => {
    const one = await start({ sessions: { handshakeTimeoutMs: 300 } })
    const [silent, half] = [await openStream(one.url), await openStreamClient(one.url, { unfinished: true })]
    expect(await silent.stream.over).toBe('whole')
    expect(await half.stream.over).toBe('whole')
    await eventually('both places are free', async () => (await one.counts())['clients'] === 0)
    expect((await half.post({ id: 1, method: 'ping' })).status).toBe(404)
  })
})

describe('messages that are posted to a stream', () => {
  const refused = async (posted: Awaited<ReturnType<typeof send>>): Promise<[number, unknown]> => {
    await posted.whole()
    return [posted.status, refusalIn(posted.text)]
  }

  test('needs the address of a stream that is there', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
    const at = (address: string): ReturnType<typeof send> =>
      send(new URL(address, url).href, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
    expect(await refused(await at('messages'))).toEqual([400, 'session_required'])
    expect(await refused(await at('messages?sessionId='))).toEqual([404, 'session_not_found'])
    expect(await refused(await at(`messages?sessionId=${'x'.repeat(43)}`))).toEqual([404, 'session_not_found'])
    const id = new URL(client.address).searchParams.get('sessionId') ?? ''
    const header = { 'Mcp-Session-Id': id, 'Content-Type': 'application/json' }
    expect(await refused(await send(url, { method: 'POST', body, headers: header }))).toEqual([
      404,
      'session_not_found',
    ])
    client.stream.cut()
    await eventually('it is gone', async () => (await client.post({ id: 1, method: 'ping' })).status === 404)
  })

  test('must be a message, in JSON and of bearable size', async () => {
    const { url } = await start({ http: { maxBodyBytes: 2048 } })
    const client = await openStreamClient(url)
    const before = client.messages().length
    const raw = async (body: string, type = 'application/json'): Promise<[number, unknown]> =>
      refused(await send(client.address, { method: 'POST', body, headers: { 'Content-Type': type } }))
    expect(await raw('{"jsonrpc":')).toEqual([400, 'parse_error'])
    expect(await raw('"text"')).toEqual([400, 'invalid_request'])
    expect(await raw('{"id":1,"method":"ping"}')).toEqual([400, 'invalid_request'])
    expect(await raw('')).toEqual([400, 'parse_error'])
    expect(await raw('[]')).toEqual([400, 'invalid_request'])
    expect(await raw('{"jsonrpc":"2.0","id":1,"method":"ping"}', 'text/plain')).toEqual([415, 'unsupported_media_type'])
    expect(await raw(`"${'x'.repeat(3000)}"`)).toEqual([413, 'request_too_large'])
    expect(await client.text('echo', { text: 'unharmed' })).toBe('unharmed')
    expect(client.messages()).toHaveLength(before + 1)
  })

  test('names the request whose message is malformed', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const posted = await client.post({ jsonrpc: '1.0', id: 'mine', method: 'ping' })
    await posted.whole()
    expect(messagesOf(posted)).toMatchObject([{ id: 'mine', error: { code: -32600 } }])
  })

  test('comes from hosts and pages that are let in', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
    for (const foreign of [{ Host: 'evil.example' }, { Origin: 'https://evil.example' }]) {
      const headers = { 'Content-Type': 'application/json', ...foreign }
      expect((await send(client.address, { method: 'POST', body, headers })).status).toBe(403)
      expect((await getStream(url, { headers: foreign })).status).toBe(403)
    }
  })

  test('is one message, unless the client has agreed on the revision that has batches', async () => {
    const { url } = await start()
    const batch = [
      { jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'echo', arguments: { text: 'A' } } },
      { jsonrpc: '2.0', method: 'notifications/whatever' },
      { jsonrpc: '2.0', id: 'b', method: 'ping' },
    ]
    const old = await openStreamClient(url)
    expect(await refused(await old.post(batch))).toEqual([400, 'invalid_request'])
    const client = await openStreamClient(url, { version: '2025-03-26' })
    expect((await client.post(batch)).status).toBe(202)
    expect(textOf(await client.message('A', ({ id }) => id === 'a'))).toBe('A')
    expect((await client.message('B', ({ id }) => id === 'b')).result).toEqual({})
  })

  test('belongs to a session: requests without one are told to open one, and where they may be served', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const own = { ...meta, 'io.modelcontextprotocol/clientCapabilities': {} }
    const answer = await client.request('server/discover', { _meta: own })
    expect(answer.error).toMatchObject({ code: -32601, data: { reason: 'discover_refused' } })
    const call = await client.request('tools/call', { name: 'whoami', _meta: own })
    const data = {
      reason: 'stateless_refused',
      requested: '2026-07-28',
      supported: expect.arrayContaining(['2025-11-25']),
    }
    expect(call.error).toMatchObject({ code: -32022, data })
    for (const { error } of [answer, call]) expect(error?.message).toMatch(/connect with initialize.*\/mcp/)
    const stateless = { 'Content-Type': 'application/json', 'MCP-Protocol-Version': '2026-07-28' }
    const note = await client.post({ method: 'notifications/whatever' }, { headers: stateless })
    expect(await refused(note)).toEqual([400, 'stateless_refused'])
    const unknown = { 'Content-Type': 'application/json', 'MCP-Protocol-Version': 'tomorrow' }
    expect((await client.post({ id: 1, method: 'ping' }, { headers: unknown })).status).toBe(400)
  })
})

describe('calls', () => {
  test('run at once, and each is answered under its own id', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const slow = client.call('slow', { ms: 300 }, { id: 'slow' })
    const quick = await Promise.all(Array.from({ length: 20 }, (_, at) => client.text('echo', { text: `${at}` })))
    expect(quick).toEqual(Array.from({ length: 20 }, (_, at) => `${at}`))
    expect(textOf(await slow)).toBe('done after 300 ms')
  })

  test('beyond the bound of a session are refused on the stream', async () => {
    const { url } = await start({ limits: { callsPerSession: 2 } })
    const client = await openStreamClient(url)
    const slow = [client.call('slow', { ms: 500 }), client.call('slow', { ms: 500 })]
    await eventually('both are in flight', async () => (await running[0]?.counts())?.['calls'] === 2)
    const third = await client.call('echo', { text: 'x' })
    expect([third.error?.code, reasonOf(third)]).toEqual([-32603, 'too_many_calls'])
    for (const one of await Promise.all(slow)) expect(textOf(one)).toBe('done after 500 ms')
    expect(await client.text('echo', { text: 'again' })).toBe('again')
  })

  test('are cancelled by a notification, and then not answered', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const params = { name: 'slow', arguments: { ms: 60_000, steps: 600 }, _meta: { progressToken: 1 } }
    await client.post({ id: 'long', method: 'tools/call', params })
    await client.message('some progress', ({ method }) => method === 'notifications/progress')
    await client.notify('notifications/cancelled', { requestId: 'long' })
    await eventually('the server knows', async () => (await client.text('cancelled')).includes('"count":1'))
    expect(client.messages().some(({ id }) => id === 'long')).toBe(false)
  })

  test('that are not valid are refused on the stream', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    expect((await client.request('tools/call', { name: 5 })).error?.code).toBe(-32602)
    expect((await client.request('no/such/method')).error?.code).toBe(-32601)
    expect((await client.request('subscriptions/listen')).error?.code).toBe(-32601)
    expect((await client.request('logging/setLevel', { level: 'loud' })).error?.code).toBe(-32602)
  })

  test('lost with their process are told so, and the session goes on with another one', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    const before = await client.whoami()
    const lost = client.call('slow', { ms: 60_000 })
    await eventually('it is in flight', async () => (await running[0]?.counts())?.['calls'] === 1)
    process.kill(before.pid, 'SIGKILL')
    expect(reasonOf(await lost)).toBe('upstream_closed')
    const after = await client.whoami()
    expect(after.pid).not.toBe(before.pid)
  })
})

describe('requests and notifications of the server', () => {
  test('questions come on the stream, and are answered by POSTs', async () => {
    const { url } = await start()
    const client = await openStreamClient(url, { capabilities: { elicitation: {}, sampling: {}, roots: {} } })
    for (const [kind, method] of [
      ['elicitation', 'elicitation/create'],
      ['sampling', 'sampling/createMessage'],
      ['roots', 'roots/list'],
    ]) {
      const call = client.call('ask', { kind, message: 'Well?' })
      const question = await client.message('the question', (one) => one.method === method)
      expect((await client.post({ id: question.id, result: { kind, roots: [] } })).status).toBe(202)
      expect(JSON.parse(textOf(await call))).toEqual({ kind, roots: [] })
    }
  })

  test('updates, logs and changes go to the clients that asked for them', async () => {
    const { url } = await start()
    const client = await openStreamClient(url)
    expect((await client.request('resources/subscribe', { uri: 'echo://calls' })).result).toEqual({})
    expect(await client.text('update', { uri: 'echo://calls' })).toBe('told 1')
    await client.message('the update', ({ method }) => method === 'notifications/resources/updated')
    expect((await client.request('resources/unsubscribe', { uri: 'echo://calls' })).result).toEqual({})
    expect(await client.text('update', { uri: 'echo://calls' })).toBe('told 0')
    expect((await client.request('logging/setLevel', { level: 'error' })).result).toEqual({})
    await client.text('notify', { count: 2, kind: 'log' })
    expect(client.messages().filter(({ method }) => method === 'notifications/message')).toEqual([])
    await client.text('touch-list')
    await client.message('the change', ({ method }) => method === 'notifications/tools/list_changed')
  })
})

describe('the end of a stream', () => {
  test('is the end of its session: calls are cancelled, place and process are free', async () => {
    const one = await start({ limits: { maxConnections: 1 } })
    const client = await openStreamClient(one.url)
    const { pid } = await client.whoami()
    const params = { name: 'slow', arguments: { ms: 60_000 } }
    await client.post({ id: 1, method: 'tools/call', params })
    await eventually('it is in flight', async () => (await one.counts())['calls'] === 1)
    client.stream.cut()
    await eventually('all is free', async () => {
      const { sessions, streams, calls, clients } = await one.counts()
      return sessions === 0 && streams === 0 && calls === 0 && clients === 0
    })
    await eventually('its process is gone', () => !runs(pid))
    expect(await (await openStreamClient(one.url)).text('echo', { text: 'next' })).toBe('next')
  })

  test('comes when the session was idle for too long, or is too old', async () => {
    const idle = await start({ sessions: { idleTimeoutMs: 400 } })
    const client = await openStreamClient(idle.url)
    expect(await client.stream.over).toBe('whole')
    expect((await client.post({ id: 1, method: 'ping' })).status).toBe(404)
    const old = await start({ sessions: { maxSessionMs: 600 } })
    const busy = await openStreamClient(old.url)
    await busy.post({ id: 1, method: 'tools/call', params: { name: 'slow', arguments: { ms: 60_000 } } })
    expect(await busy.stream.over).toBe('whole')
    await eventually('its place is free', async () => (await old.counts())['clients'] === 0)
  })

  test('comes for a client that left its stream open, fell silent, and keeps others out', async () => {
    const one = await start({ limits: { maxConnections: 1, queueWaitMs: 20_000 }, sessions: { evictIdleMs: 200 } })
    const silent = await openStreamClient(one.url)
    const newcomer = openStreamClient(one.url)
    await silent.message('a question for a sign of life', ({ method }) => method === 'ping')
    expect(await silent.stream.over).toBe('whole')
    expect(await (await newcomer).text('echo', { text: 'in' })).toBe('in')
  })
})

describe('when all places are taken', () => {
  test('a stream without a message of its client is evicted', async () => {
    const one = await start({ limits: { maxConnections: 2, queueWaitMs: 20_000 } })
    const [greeted, silent] = [await openStreamClient(one.url), await openStream(one.url)]
    expect(await (await openStreamClient(one.url)).text('echo', { text: 'in' })).toBe('in')
    expect(await silent.stream.over).toBe('whole')
    expect(await greeted.text('echo', { text: 'here' })).toBe('here')
  })

  test('a client waits, and comes in when another one leaves', async () => {
    const one = await start({ limits: { maxConnections: 1 } })
    const first = await openStreamClient(one.url)
    const second = openStreamClient(one.url)
    await eventually('it waits', async () => (await one.counts())['waitingClients'] === 1)
    first.stream.cut()
    expect(await (await second).text('echo', { text: 'in' })).toBe('in')
  })

  test('a client that waited for too long is told when to come back', async () => {
    const one = await start({ limits: { maxConnections: 1, queueWaitMs: 100 } })
    await openStreamClient(one.url)
    const refused = await getStream(one.url)
    await refused.whole()
    expect([refused.status, refusalIn(refused.text)]).toEqual([503, 'overloaded'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  })

  test('one that leaves while it waits takes no place', async () => {
    const one = await start({ limits: { maxConnections: 1 } })
    const first = await openStreamClient(one.url)
    const abort = new AbortController()
    const waiting = getStream(one.url, { signal: abort.signal }).catch(() => 'left')
    await eventually('it waits', async () => (await one.counts())['waitingClients'] === 1)
    abort.abort()
    expect(await waiting).toBe('left')
    first.stream.cut()
    await eventually('no client to hold a place', async () => (await one.counts())['clients'] === 0)
  })
})

test('HTTP+SSE is not served where it is switched off', async () => {
  const { url } = await start({ http: { sse: false } })
  expect((await getStream(url)).status).toBe(404)
  const posted = await send(new URL('messages?sessionId=x', url).href, {
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json' },
  })
  expect(posted.status).toBe(404)
})
