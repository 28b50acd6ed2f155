/** HTTP/2 by prior knowledge on the port of HTTP/1.1: requests, answers, and what is refused, as on HTTP/1.1. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codes, type H2Answer, type H2Client, openH2 } from './support/h2.ts'
import { ask, rawClient, requestBytes, until } from './support/raw-http.ts'
import { refusalIn } from './support/rpc.ts'
import { openFakeServer, secret, type FakeServer } from './support/fake-gateway.ts'

let fakeServer: FakeServer
const clients: H2Client[] = []

async function open(): Promise<H2Client> {
  const client = await openH2(`http://127.0.0.1:${fakeServer.port}`)
  clients.push(client)
  return client
}

const reasonOf = (answer: H2Answer): unknown => refusalIn(answer.text)

beforeEach(async () => {
  fakeServer = await openFakeServer({ lingerMs: 300 })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  fakeServer.listener.cut()
  await fakeServer.listener.close()
})

describe('a connection', () => {
  test('in HTTP/2 and one in HTTP/1.1 are served on one port at once', async () => {
    const client = await open()
    const http1 = requestBytes('POST /mcp', { 'Content-Type': 'application/json' }, '{"a":1}')
    const [two, one] = await Promise.all([client.post('{"a":2}').end(), ask(fakeServer.port, http1)])
    expect(two).toMatchObject({ status: 200, text: '{"a":2}', code: codes.NGHTTP2_NO_ERROR })
    expect(one).toMatchObject({ status: 200, body: '{"a":1}' })
  })

  test('is told apart however its first bytes are cut', async () => {
    const client = await rawClient(fakeServer.port)
    // The preface, and an empty SETTINGS frame.
    const bytes = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ])
    for (const byte of bytes) await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve))
    await until(
      () => client.received().length >= 9,
      () => 'the settings of the server',
    )
    expect(client.received().charCodeAt(3), 'the type of the first frame').toBe(4)
    client.destroy()

    const post = requestBytes('POST /mcp', { 'Content-Type': 'application/json' }, '{"a":1}')
    const slow = await rawClient(fakeServer.port)
    for (const char of post) await new Promise((resolve) => slow.socket.write(char, resolve))
    expect((await slow.responses(1))[0]).toMatchObject({ status: 200, body: '{"a":1}' })
    slow.destroy()
  })

  test('that begins like HTTP/2 and is not is 400 in HTTP/1.1', async () => {
    const client = await rawClient(fakeServer.port, 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')
    expect((await client.closed()).map(({ status }) => status)).toEqual([400])
  })

  test('has one name for all of its streams, which no other connection has', async () => {
    const [one, two] = [await open(), await open()]
    const whoami = { 'x-act': 'whoami' }
    const [a, b, c] = await Promise.all([
      one.post('{}', whoami).end(),
      one.post('{}', whoami).end(),
      two.post('{}', whoami).end(),
    ])
    expect(a.text).toBe(b.text)
    expect(a.text).not.toBe(c.text)
  })

  test('carries an answer with no header that belongs to HTTP/1.1', async () => {
    const client = await open()
    for (const act of ['echo', 'unread', 'empty', 'steps']) {
      const { headers } = await client.post('{}', { 'x-act': act }).head()
      const names = Object.keys(headers)
      expect(names.filter((name) => /^(connection|keep-alive|transfer-encoding|upgrade)$/.test(name))).toEqual([])
    }
  })
})

describe('an exchange', () => {
  test('a body arrives whole, with or without a length', async () => {
    const client = await open()
    const text = `"${'héllo ✓ '.repeat(50_000)}"`
    expect((await client.post(text).end()).text).toBe(text)
    const length = { 'content-length': String(Buffer.byteLength(text)) }
    expect((await client.post(text, length).end()).text).toBe(text)
  })

  test('without a body is one too', async () => {
    const client = await open()
    expect(await client.request('/livez').end()).toMatchObject({ status: 200, text: 'ok\n' })
    expect(await client.request('/health', { headers: { ':method': 'HEAD' } }).end()).toMatchObject({
      status: 200,
      text: '',
    })
    expect(await client.post('{}', { 'x-act': 'empty' }).end()).toMatchObject({ status: 202, text: '' })
  })

  test('a large answer arrives unharmed', async () => {
    const client = await open()
    const answer = await client.post('{}', { 'x-act': 'large' }).end()
    expect(answer.headers['content-length']).toBe(String(16 * 1024 * 1024 + 2))
    expect(answer.text.length).toBe(8 * 1024 * 1024 + 2)
  })

  test('a stream shows its head before its first piece, and its pieces as they come', async () => {
    const client = await open()
    const answer = await client.post('{}', { 'x-act': 'steps' }).head()
    expect(answer.headers).toMatchObject({ ':status': 200, 'content-type': 'text/event-stream' })
    for (let i = 1; i <= 3; i++) {
      fakeServer.gateway.step()
      await answer.has(`data: ${i} ✓`)
    }
    expect((await answer.end()).code).toBe(codes.NGHTTP2_NO_ERROR)
    expect(fakeServer.gateway.happened).toEqual(['returned'])
  })

  test('that breaks is reset, logged, and harms no other of its connection', async () => {
    const client = await open()
    const other = await client.post('{}', { 'x-act': 'steps' }).head()
    const answer = await client.post('{}', { 'x-act': 'broken' }).end()
    expect(answer.code).toBe(codes.NGHTTP2_INTERNAL_ERROR)
    expect(fakeServer.logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: secret }) })])
    fakeServer.gateway.step()
    await other.has('data: 1')
  })

  test('a client may wait for permission to send the body', async () => {
    const client = await open()
    const answer = client.post('', { expect: '100-continue', 'content-length': '7' }, { open: true })
    let isPermitted = false
    answer.stream.on('continue', () => (isPermitted = true))
    await until(
      () => isPermitted,
      () => 'permission',
    )
    answer.stream.end('{"a":1}')
    expect(await answer.end()).toMatchObject({ status: 200, text: '{"a":1}' })
  })

  test('a refusal ends the request that is still being sent, and harms no other of its connection', async () => {
    const client = await open()
    const other = await client.post('{}', { 'x-act': 'steps' }).head()
    const declared = client.post('x', { 'content-length': String(1024 ** 3) }, { open: true })
    expect(await declared.end()).toMatchObject({ status: 413, code: codes.NGHTTP2_NO_ERROR })
    expect(reasonOf(declared)).toBe('request_too_large')

    const endless = client.post('x', {}, { open: true })
    const push = (): void => {
      if (!endless.stream.closed) endless.stream.write('x'.repeat(60_000), () => setImmediate(push))
    }
    push()
    expect(await endless.end()).toMatchObject({ status: 413, code: codes.NGHTTP2_NO_ERROR })

    const unread = client.post('x', { 'x-act': 'unread' }, { open: true })
    expect(await unread.end()).toMatchObject({ status: 401, code: codes.NGHTTP2_NO_ERROR })
    fakeServer.gateway.step()
    await other.has('data: 1')
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200 })
  })
})

describe('requests that are refused on HTTP/1.1 are refused on HTTP/2', () => {
  test.each<[string, number, Record<string, string | string[] | undefined>]>([
    ['a foreign host', 403, { ':authority': 'evil.example' }],
    ['a host that is none', 400, { ':authority': 'user@127.0.0.1' }],
    ['two hosts that differ', 400, { ':authority': 'localhost', host: 'mcp.example.com' }],
    ['a foreign host without an authority', 403, { host: 'evil.example' }],
    ['a foreign origin', 403, { origin: 'https://evil.example' }],
    ['two sessions', 400, { 'mcp-session-id': ['a', 'b'] }],
    ['another type', 415, { 'content-type': 'text/plain' }],
    ['a compressed body', 415, { 'content-encoding': 'gzip' }],
    ['an answer nobody reads', 406, { accept: 'text/html' }],
    ['an unknown path', 404, { ':path': '/nothing' }],
    ['an unknown method', 405, { ':method': 'PUT' }],
  ])('%s', async (_name, status, headers) => {
    const client = await open()
    const answer = await client.post('{}', headers).end()
    expect(answer.status).toBe(status)
    expect(fakeServer.gateway.seen.filter(({ headers: seen }) => seen['x-act'] !== undefined)).toHaveLength(0)
    expect(await client.post('{"a":1}').end(), 'the connection goes on').toMatchObject({ status: 200 })
  })

  test('CONNECT', async () => {
    const client = await open()
    const stream = client.session.request({ ':method': 'CONNECT', ':authority': 'localhost:443' })
    stream.on('error', () => {})
    const status = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    expect(await status).toBe(405)
    stream.destroy()
  })

  test('a host that was allowed is let in, by either name of it', async () => {
    const client = await open()
    expect((await client.post('{}', { ':authority': 'mcp.example.com' }).end()).status).toBe(200)
    const origin = await client.post('{}', { origin: 'https://app.example.com' }).end()
    expect(origin.headers['access-control-allow-origin']).toBe('https://app.example.com')
  })

  test('more headers than the limit', async () => {
    const client = await open()
    const many = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y']))
    expect((await client.post('{}', many(210)).end()).status).toBe(431)
    const beyond = await client.post('{}', many(300)).end()
    expect(beyond.code).toBe(codes.NGHTTP2_ENHANCE_YOUR_CALM)
    const long = await client.post('{}', { 'x-long': 'y'.repeat(17_000) }).end()
    expect(long.code).toBe(codes.NGHTTP2_ENHANCE_YOUR_CALM)
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200 })
  })

  test.each<[string, Record<string, string>]>([
    ['no host', { ':authority': '' }],
    ['a path that is a URL', { ':path': 'http://127.0.0.1/mcp' }],
    ['no path', { ':path': '' }],
  ])('%s is no request at all', async (_name, headers) => {
    const client = await open()
    expect((await client.post('{}', headers).end()).code).toBe(codes.NGHTTP2_PROTOCOL_ERROR)
    expect(fakeServer.gateway.seen).toHaveLength(0)
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200 })
  })

  test('a body that is not as long as it was said to be', async () => {
    const client = await open()
    const short = await client.post('{"a":1}', { 'content-length': '100' }).end()
    expect(short.code).toBe(codes.NGHTTP2_PROTOCOL_ERROR)
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200 })
  })
})
