/** Requests and answers over real sockets: bodies, pipelines, paths, health, and the end of a listener. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeHandler } from '../src/transports/http/listen.ts'
import { refusalIn } from './support/rpc.ts'
import { ask, rawClient, requestBytes, until, type RawClient, type RawResponse } from './support/raw-http.ts'
import {
  createFakeGateway,
  httpSettings,
  openFakeServer,
  secret,
  wellReport,
  type FakeServer,
} from './support/fake-gateway.ts'

const json = { 'Content-Type': 'application/json' }
const post = (headers: Record<string, string | undefined> = {}, body = '{"a":1}'): string =>
  requestBytes('POST /mcp', { ...json, ...headers }, body)

let fakeServer: FakeServer
const clients: RawClient[] = []

async function open(bytes: string | Buffer = ''): Promise<RawClient> {
  const client = await rawClient(fakeServer.port, bytes)
  clients.push(client)
  return client
}

const get = (target: string, headers: Record<string, string> = {}): Promise<RawResponse> =>
  ask(fakeServer.port, requestBytes(`GET ${target}`, headers))

const reasonOf = (response: RawResponse | undefined): unknown => refusalIn(response?.body ?? '')

beforeEach(async () => {
  fakeServer = await openFakeServer({ lingerMs: 300 })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  fakeServer.listener.cut()
  await fakeServer.listener.close()
})

describe('an exchange', () => {
  test('reads the body and answers on a connection that stays open', async () => {
    const client = await open(post({}, '{"text":"héllo ✓"}'))
    const [first] = await client.responses(1)
    expect(first).toMatchObject({ status: 200, body: '{"text":"héllo ✓"}' })
    client.write(post({ 'X-Act': 'empty' }))
    const [, second] = await client.responses(2)
    expect(second).toMatchObject({ status: 202, body: '' })
    expect(second?.headers.get('content-length')).toBe('0')
    expect(client.isClosed()).toBe(false)
  })

  test('has the name of its connection, which no other connection has', async () => {
    const [one, two] = [await open(), await open()]
    one.write(post({ 'X-Act': 'whoami' }) + post({ 'X-Act': 'whoami' }))
    two.write(post({ 'X-Act': 'whoami' }))
    const [a, b] = await one.responses(2)
    const [c] = await two.responses(1)
    expect(a?.body).toBe(b?.body)
    expect(a?.body).not.toBe(c?.body)
  })

  test('pipelined requests are answered in the order in which they came', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => `{"n":${i}}`)
    const client = await open(texts.map((text, i) => post(i % 3 === 0 ? { 'X-Act': 'unread' } : {}, text)).join(''))
    const responses = await client.responses(20)
    expect(responses.map((response) => response.body)).toEqual(
      texts.map((text, i) => (i % 3 === 0 ? '{"unread":true}' : text)),
    )
  })

  test('a pipelined request is not begun before the one in front of it is answered', async () => {
    const client = await open(post({ 'X-Act': 'steps' }) + post() + post())
    for (const shown of ['event-stream', 'data: 1', 'data: 2']) {
      await until(
        () => client.received().includes(shown),
        () => shown,
      )
      expect(fakeServer.gateway.seen).toHaveLength(1)
      fakeServer.gateway.step()
    }
    expect((await client.responses(3)).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('a client that sends far ahead of the answers is cut', async () => {
    const client = await open(post({ 'X-Act': 'steps' }) + post().repeat(40))
    await client.closed()
    expect(fakeServer.gateway.seen.length).toBeLessThan(2)
    expect(fakeServer.logged).toContainEqual({ code: 'overloaded', cause: 'too many requests in a pipeline' })
  })

  test('a fault is an answer without internals, and the log has the rest under the same id', async () => {
    const response = await ask(fakeServer.port, post({ 'X-Act': 'fault' }))
    expect(response.status).toBe(500)
    expect(response.body).not.toContain('secret')
    const id = /^id: ([\w-]+)$/m.exec(response.body)?.[1]
    expect(fakeServer.logged).toEqual([
      expect.objectContaining({ id, err: expect.objectContaining({ message: secret }) }),
    ])
  })

  test('a refusal has the status of its row and Retry-After', async () => {
    const response = await ask(fakeServer.port, post({ 'X-Act': 'refuse', 'X-Code': 'overloaded' }))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(reasonOf(response)).toBe('overloaded')
  })

  test('an Upgrade header that mcplex does not offer leaves a normal request', async () => {
    const upgrade = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' }
    expect(await ask(fakeServer.port, post(upgrade))).toMatchObject({ status: 200, body: '{"a":1}' })
  })

  test('a request handler mounted in another server does the same', async () => {
    const gateway = createFakeGateway()
    const server = createServer(nodeHandler(gateway, { allowHosts: ['mcp.example.com'] }))
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect(await ask(port, post())).toMatchObject({ status: 200, body: '{"a":1}' })
    expect((await ask(port, post({ Host: 'evil.example' }))).status).toBe(403)
    expect((await ask(port, post({ Host: 'mcp.example.com' }))).status).toBe(200)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('a body', () => {
  test('is not read before it is asked for; a small one is dropped and the connection goes on', async () => {
    const client = await open(post({ 'X-Act': 'unread' }, '{"never":"read"}') + post())
    const [first, second] = await client.responses(2)
    expect(first).toMatchObject({ status: 401, body: '{"unread":true}' })
    expect(second).toMatchObject({ status: 200, body: '{"a":1}' })
  })

  test('that is large and not wanted ends the connection, and the client can read why', async () => {
    const client = await open(post({ 'X-Act': 'unread', 'Content-Length': '900000' }, 'x'.repeat(10_000)))
    const [response] = await client.responses(1)
    expect(response).toMatchObject({ status: 401, body: '{"unread":true}' })
    expect(response?.headers.get('connection')).toBe('close')
    expect(await client.closed()).toHaveLength(1)
  })

  test('arrives whole however it is cut, even inside a character', async () => {
    const text = `{"text":"${'héllo ✓ 😀 '.repeat(50)}"}`
    const client = await open(post({ 'Content-Length': String(Buffer.byteLength(text)) }, ' ').slice(0, -1))
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += 7) {
      await new Promise((resolve) => client.socket.write(bytes.subarray(at, at + 7), resolve))
    }
    expect((await client.responses(1))[0]?.body).toBe(text)
  })

  test('may be chunked, and its trailers never become headers', async () => {
    const chunks = '5\r\n{"a":\r\n2;ext=1\r\n1}\r\n0\r\nMcp-Session-Id: stolen\r\nX-Act: fault\r\n\r\n'
    const client = await open(post({ 'Transfer-Encoding': 'chunked', 'X-Act': 'headers' }, chunks))
    const [response] = await client.responses(1)
    expect(response?.status).toBe(200)
    expect(response?.body).not.toContain('stolen')
    expect(fakeServer.gateway.seen.at(-1)?.headers['x-act']).toBe('headers')
  })

  test.each([
    ['a lone byte', [0xff]],
    ['a cut character', [0x22, 0xe2, 0x9c]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ])('that is not UTF-8 is refused: %s', async (_name, bytes) => {
    const head = post({ 'Content-Length': String(bytes.length) }, ' ').slice(0, -1)
    const response = await ask(fakeServer.port, Buffer.concat([Buffer.from(head), Buffer.from(bytes)]))
    expect(response.status).toBe(400)
    expect(reasonOf(response)).toBe('parse_error')
  })

  test('that was read whole leaves the connection open, however large it is', async () => {
    const { maxBodyBytes } = httpSettings
    const client = await open()
    for (let size = 70_000, count = 1; size < maxBodyBytes; size = Math.ceil(size * 1.3), count++) {
      client.write(post({ 'X-Act': 'empty' }, 'x'.repeat(size)))
      const response = (await client.responses(count))[count - 1]
      expect([size, response?.status, response?.headers.get('connection')]).toEqual([size, 202, 'keep-alive'])
    }
  })

  test('that is declared too large is refused although none of it was sent', async () => {
    const client = await open(post({ 'Content-Length': String(1024 ** 3) }, ''))
    const [response] = await client.responses(1)
    expect(response?.status).toBe(413)
    expect(reasonOf(response)).toBe('request_too_large')
    expect(response?.headers.get('connection')).toBe('close')
    await client.closed()
  })

  test('that turns out too large is refused while the client still sends', async () => {
    const client = await open(post({ 'Transfer-Encoding': 'chunked' }, ''))
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    let sent = 0
    const send = (): void => {
      sent++
      if (!client.isClosed()) client.socket.write(chunk, () => setImmediate(send))
    }
    send()
    const [response] = await client.responses(1)
    expect(response?.status).toBe(413)
    expect(reasonOf(response)).toBe('request_too_large')
    await client.closed()
    expect(sent).toBeGreaterThan(16)
  })

  test('of exactly the limit passes, one byte more does not', async () => {
    const text = `"${'x'.repeat(1024 * 1024 - 2)}"`
    expect((await ask(fakeServer.port, post({}, text))).status).toBe(200)
    expect((await ask(fakeServer.port, post({}, `${text} `))).status).toBe(413)
  })

  test('is permitted to a client that asks first, unless it would be refused', async () => {
    const expecting = { Expect: '100-continue', 'Content-Length': '7' }
    const client = await open(post(expecting, ''))
    expect((await client.responses(1))[0]?.status).toBe(100)
    client.write('{"a":1}')
    expect((await client.responses(2))[1]).toMatchObject({ status: 200, body: '{"a":1}' })

    for (const [headers, status] of [
      [{ ...expecting, 'Content-Length': '99999999' }, 413],
      [{ ...expecting, 'Content-Type': 'text/plain' }, 415],
      [{ ...expecting, 'X-Act': 'unread' }, 401],
    ] as const) {
      const refused = await open(post(headers, ''))
      const [response] = await refused.responses(1)
      expect(response?.status).toBe(status)
      expect(response?.headers.get('connection'), 'the next bytes could be the body').toBe('close')
      await refused.closed()
    }
  })

  test.each([
    [413, { 'Content-Length': '99999999', 'Content-Type': 'text/plain', Accept: 'text/html' }],
    [415, { 'Content-Type': 'text/plain; application/json', Accept: 'text/html' }],
    [415, { 'Content-Type': undefined }],
    [415, { 'Content-Encoding': 'gzip' }],
    [406, { Accept: 'text/html' }],
    [200, { Accept: 'application/json' }],
    [200, { Accept: '*/*' }],
  ])('is looked at in the order size, type, Accept: %i', async (status, headers) => {
    expect((await ask(fakeServer.port, post(headers))).status).toBe(status)
  })
})

describe('paths', () => {
  test('a GET in a session that accepts no event stream is refused before the gateway sees it', async () => {
    expect((await get('/mcp', { Accept: 'text/html', 'Mcp-Session-Id': 'x' })).status).toBe(406)
    expect(fakeServer.gateway.seen).toHaveLength(0)
    expect((await get('/mcp', { Accept: 'text/plain', 'X-Act': 'unread' })).status).toBe(401)
  })

  test.each([
    ['PUT /mcp', 405],
    ['TRACE /mcp', 405],
    ['PATCH /health', 405],
    ['CONNECT localhost:443', 405],
    ['POST /', 404],
    ['POST //mcp', 404],
    ['POST /mcp//', 404],
    ['GET /../health', 404],
    ['OPTIONS *', 404],
  ])('%s is answered with %i', async (line, status) => {
    const response = await ask(fakeServer.port, requestBytes(line))
    expect(response.status).toBe(status)
    expect(response.headers.has('allow')).toBe(status === 405)
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test('a query and a whole URL of ours name the same endpoint', async () => {
    expect((await ask(fakeServer.port, requestBytes('POST /mcp?x=/health', json, '{}'))).status).toBe(200)
    expect((await ask(fakeServer.port, requestBytes('POST http://localhost:1/mcp', json, '{}'))).status).toBe(200)
    expect(fakeServer.gateway.seen.map((inbound) => inbound.path)).toEqual(['/mcp', '/mcp'])
  })

  test('health is told to people and to orchestrators', async () => {
    expect(JSON.parse((await get('/health')).body)).toEqual(wellReport)
    expect(await get('/livez')).toMatchObject({ status: 200, body: 'ok\n' })
    fakeServer.gateway.health = () =>
      Promise.resolve({
        ...wellReport,
        status: 'down',
        ready: false,
        checks: { upstream: { ok: false, detail: 'silent' } },
      })
    expect((await get('/health')).status).toBe(503)
    expect((await get('/livez')).status).toBe(200)
    expect(await get('/readyz?verbose')).toMatchObject({
      status: 503,
      body: '[-]upstream failed: silent\nreadyz check failed (down)\n',
    })
    const head = await open(requestBytes('HEAD /readyz'))
    await until(() => head.received().endsWith('\r\n\r\n'), head.received)
    expect(head.received()).toMatch(/^HTTP\/1\.1 503 [^]*Content-Length: 13/)
  })

  test('a health report that fails is a failed report', async () => {
    fakeServer.gateway.health = () => Promise.reject(new Error(secret))
    const response = await get('/health')
    expect(response.status).toBe(503)
    expect(response.body).not.toContain('secret')
  })
})

describe('a listener', () => {
  test('a port in use rejects the call of listen', async () => {
    const { listen } = await import('../src/transports/http/listen.ts')
    const { silentLog } = await import('../src/base/log.ts')
    const taken = listen(createFakeGateway(), { ...httpSettings, port: fakeServer.port }, silentLog)
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('when it closes, idle connections end, and answers in flight are finished first', async () => {
    const idle = await open(post())
    await idle.responses(1)
    const half = await open('POST /mcp HTTP/1.1\r\nHost: loc')
    const streaming = await open(post({ 'X-Act': 'steps' }))
    await until(() => streaming.received().includes('\r\n\r\n'), streaming.received)
    const slow = await open(post({ 'Content-Length': '7' }, '{"a"'))
    await until(
      () => fakeServer.gateway.seen.length === 3,
      () => 'three requests seen',
    )

    let isClosed = false
    const closing = fakeServer.listener.close().then(() => (isClosed = true))
    await Promise.all([idle.closed(), half.closed()])
    await expect(rawClient(fakeServer.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(isClosed).toBe(false)

    slow.write(':1}')
    const [late] = await slow.closed()
    expect(late).toMatchObject({ status: 200, body: '{"a":1}' })
    expect(late?.headers.get('connection')).toBe('close')
    for (let i = 1; i <= 3; i++) {
      fakeServer.gateway.step()
      await until(() => streaming.received().includes(`data: ${i}`), streaming.received)
    }
    expect((await streaming.closed())[0]?.body).toBe('data: 1 ✓\n\ndata: 2 ✓\n\ndata: 3 ✓\n\n')
    await closing
  })
})
