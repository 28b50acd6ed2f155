/** One suite for all adapters between HTTP and the gateway: whatever carries the bytes, the promises are the same. */
import { afterEach, describe, expect, test } from 'vitest'
import type { LogFields } from '../src/base/log.ts'
import { type Mounted, mountKinds } from './support/mounts.ts'
import { ask, rawClient, requestBytes, until, type RawClient, type RawResponse } from './support/raw-http.ts'
import { createFakeGateway, secret, type FakeGateway, wellReport } from './support/fake-gateway.ts'

const json = { 'Content-Type': 'application/json' }
const page = 'https://app.example.com'

describe.each(mountKinds)('$name', ({ endpoint, open }) => {
  const folder = endpoint.slice(0, endpoint.lastIndexOf('/'))
  let gateway: FakeGateway
  let mounted: Mounted
  let logged: LogFields[]
  const clients: RawClient[] = []

  async function mount(slowReaderMs = 30_000): Promise<void> {
    logged = []
    const keep = (fields: LogFields): void => void logged.push(fields)
    gateway = createFakeGateway({ slowReaderMs, log: { debug: keep, info: keep, warn: keep, error: keep } })
    mounted = await open(gateway)
  }
  async function client(bytes: string): Promise<RawClient> {
    const opened = await rawClient(mounted.port, bytes)
    clients.push(opened)
    return opened
  }
  const post = (headers: Record<string, string | undefined> = {}, body = '{"a":1}'): string =>
    requestBytes(`POST ${endpoint}`, { ...json, ...headers }, body)
  const send = (headers: Record<string, string | undefined> = {}, body?: string): Promise<RawResponse> =>
    ask(mounted.port, post(headers, body))
  const get = (path: string, headers: Record<string, string> = {}): Promise<RawResponse> =>
    ask(mounted.port, requestBytes(`GET ${path}`, headers))
  const happened = (what: string): Promise<void> =>
    until(
      () => gateway.happened.includes(what),
      () => `${what}; ${gateway.happened.join(', ')}`,
    )

  afterEach(async () => {
    expect((await send()).status, 'it still serves').toBe(200)
    for (const opened of clients.splice(0)) opened.destroy()
    await mounted.close()
  })

  test('shows a page to a browser that opens the endpoint, and asks the gateway nothing', async () => {
    await mount()
    const browser = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
    const shown = await get(endpoint, browser)
    expect(shown.status).toBe(200)
    expect(shown.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(shown.body).toContain('An MCP endpoint')
    expect(gateway.seen).toEqual([])
  })

  test('hands over method, headers and body, and gives back the answer', async () => {
    await mount()
    expect(await send({}, '{"text":"héllo ✓"}')).toMatchObject({ status: 200, body: '{"text":"héllo ✓"}' })
    expect(JSON.parse((await send({ 'X-Act': 'headers', 'Mcp-Method': 'a' })).body)).toMatchObject({
      'mcp-method': 'a',
    })
    expect(await send({ 'X-Act': 'empty' })).toMatchObject({ status: 202, body: '' })
    expect((await send({ 'X-Act': 'unread' })).headers.get('www-authenticate')).toBe('Bearer')
    expect(gateway.seen.map((inbound) => [inbound.method, inbound.path])).toEqual(
      Array.from({ length: 4 }, () => ['POST', '/mcp']),
    )
  })

  test.each([
    [413, 'request_too_large', { 'Content-Length': '99999999', 'Content-Type': 'text/plain' }],
    [415, 'unsupported_media_type', { 'Content-Type': 'text/plain', Accept: 'text/html' }],
    [415, 'unsupported_media_type', { 'Content-Type': 'application/json; charset=latin1' }],
    [415, 'unsupported_media_type', { 'Content-Encoding': 'gzip' }],
    [406, 'not_acceptable', { Accept: 'text/html' }],
    [403, 'forbidden_host', { Host: 'evil.example' }],
    // Some frameworks refuse this before us, in words of their own.
    [400, '', { Host: 'evil@127.0.0.1' }],
    [403, 'forbidden_origin', { Origin: 'https://evil.example' }],
    [403, 'forbidden_origin', { Origin: 'null' }],
  ])('refuses with %i %s', async (status, reason, headers) => {
    await mount()
    const refused = await send(headers)
    expect(refused.status).toBe(status)
    expect(refused.body).toContain(reason)
    expect([...refused.headers.keys()]).not.toContain('access-control-allow-origin')
  })

  test('takes a body up to the limit of the gateway, and not a byte more, declared or not', async () => {
    await mount()
    const text = `"${'x'.repeat(1024 * 1024 - 2)}"`
    expect((await send({}, text)).body.length).toBe(text.length)
    expect((await send({}, `${text} `)).status).toBe(413)
    const chunk = `${(text.length + 1).toString(16)}\r\n${text} \r\n0\r\n\r\n`
    expect((await send({ 'Transfer-Encoding': 'chunked' }, chunk)).status).toBe(413)
    expect((await send({ 'Transfer-Encoding': 'chunked' }, '2\r\n{}\r\n0\r\n\r\n')).body).toBe('{}')
  })

  test('refuses a body that is not UTF-8', async () => {
    await mount()
    const head = post({ 'Content-Length': '2' }, ' ').slice(0, -1)
    const refused = await ask(mounted.port, Buffer.concat([Buffer.from(head), Buffer.from([0x22, 0xff])]))
    expect(refused.status).toBe(400)
    expect(refused.body).toContain('parse_error')
  })

  test('lets pages of an allowed origin read answers and ask before they send', async () => {
    await mount()
    for (const act of ['echo', 'refuse'])
      expect((await send({ Origin: page, 'X-Act': act })).headers.get('access-control-allow-origin')).toBe(page)
    const preflight = { Origin: page, 'Access-Control-Request-Method': 'POST' }
    const asked = await ask(mounted.port, requestBytes(`OPTIONS ${endpoint}`, preflight))
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-methods')).toContain('DELETE')
    expect(asked.headers.get('access-control-allow-origin')).toBe(page)
  })

  test('tells how it is, beside the endpoint', async () => {
    await mount()
    expect(JSON.parse((await get(`${folder}/health`)).body)).toEqual(wellReport)
    expect(await get(`${folder}/livez`)).toMatchObject({ status: 200, body: 'ok\n' })
    gateway.health = () => Promise.reject(new Error(secret))
    const failed = await get(`${folder}/readyz`)
    expect(failed.status).toBe(503)
    expect(failed.body).not.toContain('secret')
    const head = await client(requestBytes(`HEAD ${folder}/readyz`, { Connection: 'close' }))
    await head.closed()
    expect(head.received()).toMatch(/^HTTP\/1\.1 503 [^]*\r\n\r\n$/)
  })

  test('says what it takes where it is, and nothing where it is not', async () => {
    await mount()
    const refused = await ask(mounted.port, requestBytes(`PUT ${endpoint}`, json, '{}'))
    expect(refused.status).toBe(405)
    expect(refused.headers.get('allow')).toBe('GET, POST, DELETE, OPTIONS')
    for (const path of [`${endpoint}//`, `${folder}/nothing`, '/nothing']) expect((await get(path)).status).toBe(404)
    expect(gateway.seen).toHaveLength(0)
  })

  test('answers a fault without internals, and logs what is behind it', async () => {
    await mount()
    const failed = await send({ 'X-Act': 'fault' })
    expect(failed.status).toBe(500)
    expect(failed.body).not.toContain('secret')
    expect(logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: secret }) })])
  })

  test('shows the head of a stream before its first piece, then each piece as it comes', async () => {
    await mount()
    const reader = await client(post({ 'X-Act': 'steps' }))
    await until(() => reader.received().includes('\r\n\r\n'), reader.received)
    expect(reader.received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*text\/event-stream/)
    for (let i = 1; i <= 3; i++) {
      gateway.step()
      await until(() => Buffer.from(reader.received(), 'latin1').toString().includes(`data: ${i} ✓`), reader.received)
    }
    expect((await reader.responses(1))[0]?.body).toBe('data: 1 ✓\n\ndata: 2 ✓\n\ndata: 3 ✓\n\n')
    expect(gateway.happened).toEqual(['returned'])
  })

  test('cuts off a stream that breaks, without internals', async () => {
    await mount()
    const reader = await client(post({ 'X-Act': 'broken' }))
    expect(await reader.closed()).toEqual([])
    expect(reader.received()).not.toContain('secret')
    expect(logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: secret }) })])
  })

  test('hears that a client went away in the middle of its stream, and ends the stream', async () => {
    await mount()
    const reader = await client(post({ 'X-Act': 'steps' }))
    await until(() => reader.received().includes('\r\n\r\n'), reader.received)
    gateway.step()
    await until(() => reader.received().includes('data: 1'), reader.received)
    reader.destroy()
    await happened('returned')
    expect(gateway.happened).toEqual(['closed: client gone', 'returned'])
  })

  test('hears that a client went away before its answer', async () => {
    await mount()
    const waiting = await client(post({ 'X-Act': 'hang' }))
    await happened('hanging')
    waiting.destroy()
    await happened('closed: client gone')
  })

  test.each(['late', 'deaf'])('ends a stream that is %s when its client has gone', async (act) => {
    await mount()
    const reader = await client(post({ 'X-Act': act }))
    if (act === 'late') await happened('waiting')
    else await until(() => reader.received().includes('\r\n\r\n'), reader.received)
    reader.destroy()
    await happened('returned')
  })

  test('hears that a client went away in the middle of its body', async () => {
    await mount()
    const sender = await client(post({ 'Content-Length': '1000' }, '{'))
    await until(
      () => gateway.seen.length === 1,
      () => 'the request',
    )
    sender.destroy()
    await until(
      () => gateway.seen[0]?.closed.cancelled === true,
      () => 'its end',
    )
    expect(logged).toEqual([])
  })

  test('takes the end of a client after its answer for no news', async () => {
    await mount()
    const done = await client(post())
    await done.responses(1)
    done.destroy()
    await send()
    expect(gateway.seen.map((inbound) => inbound.closed.cancelled)).toEqual([false, false])
  })

  test('produces a stream no further than it is read, and cuts a reader that stops', async () => {
    await mount(400)
    const reader = await client('')
    reader.socket.pause()
    reader.write(post({ 'X-Act': 'flood' }))
    await happened('returned')
    expect(gateway.happened).toEqual([expect.stringMatching(/^closed: /), 'returned'])
    expect(gateway.pulled).toBeLessThan(16 * 1024 * 1024)
  })

  test('serves a slow reader to the end', async () => {
    await mount(2_000)
    const reader = await client(post({ 'X-Act': 'flood' }))
    const slow = setInterval(() => (reader.socket.isPaused() ? reader.socket.resume() : reader.socket.pause()), 10)
    const [response] = await reader.responses(1)
    clearInterval(slow)
    expect(response?.body.length).toBe(320 * 65_536)
    expect(gateway.happened).toContain('flood is through')
  })
})
