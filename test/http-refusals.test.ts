/** Requests that are refused for their headers alone, over real sockets: smuggling, foreign hosts and origins, endless headers. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ask, rawClient, requestBytes, until } from './support/raw-http.ts'
import { openFakeServer, type FakeServer } from './support/fake-gateway.ts'

let fakeServer: FakeServer
beforeAll(async () => {
  fakeServer = await openFakeServer({ lingerMs: 200 })
})
afterEach(async () => {
  expect((await ask(fakeServer.port, good)).status, 'the edge still serves').toBe(200)
  fakeServer.gateway.seen.length = 0
})
afterAll(async () => {
  fakeServer.listener.cut()
  await fakeServer.listener.close()
})

const json = { 'Content-Type': 'application/json' }
const good = requestBytes('POST /mcp', json, '{"a":1}')
const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`
const head = ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
const chunked = [...head, 'Transfer-Encoding: chunked']

describe('bytes that two parsers would read differently are 400 and the end of the connection', () => {
  test.each<[string, string | Buffer]>([
    ['a length and chunks', lines(...chunked, 'Content-Length: 7') + '0\r\n\r\n'],
    ['chunks and a length', lines(...head, 'Content-Length: 7', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    ['two lengths that differ', lines(...head, 'Content-Length: 7', 'Content-Length: 8') + '{"a":1}'],
    ['two lengths that agree', lines(...head, 'Content-Length: 7', 'Content-Length: 7') + '{"a":1}'],
    ['a list of lengths', lines(...head, 'Content-Length: 7, 7') + '{"a":1}'],
    ['a signed length', lines(...head, 'Content-Length: +7') + '{"a":1}'],
    ['a negative length', lines(...head, 'Content-Length: -7') + '{"a":1}'],
    ['a length in hex', lines(...head, 'Content-Length: 0x7') + '{"a":1}'],
    ['a length beyond all numbers', lines(...head, `Content-Length: ${'9'.repeat(40)}`)],
    ['an unknown coding', lines(...head, 'Transfer-Encoding: xchunked') + '0\r\n\r\n'],
    ['a coding after chunked', lines(...head, 'Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
    ['a coding before chunked', lines(...head, 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n'],
    ['two codings', lines(...chunked, 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    ['a coding with a tab', lines(...head, 'Transfer-Encoding:\u000bchunked') + '0\r\n\r\n'],
    ['a chunk size that is none', lines(...chunked) + 'xyz\r\n'],
    ['a negative chunk size', lines(...chunked) + '-1\r\n'],
    ['a chunk size in 0x form', lines(...chunked) + '0x7\r\n{"a":1}\r\n0\r\n\r\n'],
    ['a chunk size beyond all numbers', lines(...chunked) + `${'f'.repeat(40)}\r\n`],
    ['a chunk longer than it says', lines(...chunked) + '3\r\n{"a":1}\r\n0\r\n\r\n'],
    ['a chunk ended by a bare LF', lines(...chunked) + '7\n{"a":1}\n0\n\n'],
    ['a folded header', lines(...head, 'X-Folded: a', ' b')],
    ['a header folded by a tab', lines(...head, 'X-Folded: a', '\tb')],
    ['a NUL in a header', lines(...head, 'X-Nul: a\u0000b')],
    ['a NUL in a header name', lines(...head, 'X-\u0000Nul: a')],
    ['a NUL in the target', lines('POST /mcp\u0000 HTTP/1.1', 'Host: localhost')],
    ['bare LFs', 'POST /mcp HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n'],
    ['a bare LF between headers', lines(...head, 'X-A: b\nTransfer-Encoding: chunked')],
    ['a bare CR between headers', lines(...head, 'X-A: b\rTransfer-Encoding: chunked')],
    ['a space before the colon', lines(...head, 'Transfer-Encoding : chunked')],
    ['a space in a header name', lines(...head, 'Transfer Encoding: chunked')],
    ['a header without a name', lines(...head, ': chunked')],
    ['a header without a colon', lines(...head, 'Transfer-Encoding')],
    ['a header name that is not ASCII', lines(...head, 'Trànsfer: chunked')],
    ['a space before the first header', 'POST /mcp HTTP/1.1\r\n Host: localhost\r\n\r\n'],
    ['no host', lines('POST /mcp HTTP/1.1', 'Content-Length: 0')],
    ['two hosts', lines(...head, 'Host: localhost', 'Content-Length: 0')],
    ['a request line without a version', lines('POST /mcp', 'Host: localhost')],
    ['an unknown version', lines('POST /mcp HTTP/3.0', 'Host: localhost')],
    ['an unknown protocol', lines('POST /mcp HTCPCP/1.0', 'Host: localhost')],
    ['an unknown method', lines('STEAL /mcp HTTP/1.1', 'Host: localhost')],
    ['a method in lower case', lines('post /mcp HTTP/1.1', 'Host: localhost')],
    ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
    ['noise', Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 7919) % 256))],
  ])('%s', async (_name, bytes) => {
    const client = await rawClient(fakeServer.port, bytes)
    // What follows would be a request of its own if the front were read another way.
    client.write(requestBytes('POST /mcp', { ...json, 'X-Act': 'whoami' }, '{"smuggled":true}'))
    const responses = await client.closed()
    expect(responses.map((response) => response.status)).toEqual([400])
    expect(client.received()).not.toContain('smuggled')
    expect(fakeServer.gateway.seen.filter((inbound) => inbound.headers['x-act'] === 'whoami')).toHaveLength(0)
  })

  test('rubbish after a request that is still being answered ends the connection without a second answer', async () => {
    const client = await rawClient(fakeServer.port, requestBytes('POST /mcp', { ...json, 'X-Act': 'hang' }, '{}'))
    await until(
      () => fakeServer.gateway.happened.includes('hanging'),
      () => 'the call',
    )
    client.write('rubbish\r\n\r\n')
    expect(await client.closed()).toEqual([])
    await until(
      () => fakeServer.gateway.happened.some((what) => what.startsWith('closed')),
      () => 'its cancellation',
    )
  })
})

describe('heads', () => {
  test.each([
    'Host',
    'Origin',
    'Authorization',
    'Mcp-Session-Id',
    'Mcp-Method',
    'Mcp-Name',
    'MCP-Protocol-Version',
    'Last-Event-ID',
    'Content-Type',
  ])('two %s headers are refused', async (name) => {
    const value = name === 'Host' ? 'localhost' : name === 'Origin' ? 'http://localhost' : 'x'
    const response = await ask(
      fakeServer.port,
      lines('POST /mcp HTTP/1.1', 'Host: localhost', `${name}: ${value}`, `${name.toLowerCase()}: ${value}`),
    )
    expect(response.status).toBe(400)
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test.each<[string, string]>([
    ['a header of 17 KiB', lines(...head, `X-Large: ${'x'.repeat(17 * 1024)}`)],
    ['a target of 17 KiB', lines(`POST /mcp?${'x'.repeat(17 * 1024)} HTTP/1.1`, 'Host: localhost')],
    [
      'many headers of 17 KiB together',
      lines(...head, ...Array.from({ length: 100 }, (_, i) => `X-${i}: ${'x'.repeat(170)}`)),
    ],
    [
      '201 headers',
      lines('GET /health HTTP/1.1', 'Host: localhost', ...Array.from({ length: 200 }, (_, i) => `X-${i}: x`)),
    ],
  ])('%s is 431', async (_name, bytes) => {
    const response = await ask(fakeServer.port, bytes)
    expect(response.status).toBe(431)
    expect(response.body).toContain('headers_too_large')
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test('200 headers pass', async () => {
    const many = Array.from({ length: 199 }, (_, i) => `X-${i}: x`)
    expect((await ask(fakeServer.port, lines('GET /health HTTP/1.1', 'Host: localhost', ...many))).status).toBe(200)
  })
})

const everywhere = [
  'POST /mcp',
  'GET /mcp',
  'DELETE /mcp',
  'OPTIONS /mcp',
  'GET /health',
  'GET /livez',
  'HEAD /readyz',
  'GET /nothing',
]

describe.each(everywhere)('%s', (line) => {
  test.each(['evil.example', 'localhost.evil.example:8080', '192.168.1.1', 'localhost.'])(
    'under the host %s is 403',
    async (host) => {
      const client = await rawClient(
        fakeServer.port,
        requestBytes(line, { Host: host, Connection: 'close', Origin: 'https://app.example.com' }),
      )
      await client.closed()
      expect(client.received()).toMatch(/^HTTP\/1\.1 403 /)
      expect(client.received()).toMatch(line.startsWith('HEAD') ? /\r\n\r\n$/ : /forbidden_host/)
      expect(client.received().toLowerCase()).not.toContain('access-control')
    },
  )

  test('under a host that is none is 400', async () => {
    const client = await rawClient(fakeServer.port, requestBytes(line, { Host: 'evil@127.0.0.1', Connection: 'close' }))
    await client.closed()
    expect(client.received()).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('a request line with a URL of a foreign host is 403, whatever the Host header says', async () => {
    const [method, path] = line.split(' ')
    const client = await rawClient(
      fakeServer.port,
      requestBytes(`${method} http://evil.example${path}`, { Connection: 'close' }),
    )
    await client.closed()
    expect(client.received()).toMatch(/^HTTP\/1\.1 403 /)
  })

  test.each([
    'null',
    'http://evil.example',
    'http://localhost.evil.example',
    'http://evil@127.0.0.1',
    'ftp://127.0.0.1',
    'http://localhost.',
    'http://LOCALHOST',
    'https://app.example.com.evil.example',
    'https://app.example.com/',
  ])('from the origin %s is 403 and shows the page nothing', async (origin) => {
    const client = await rawClient(
      fakeServer.port,
      requestBytes(line, { Origin: origin, Connection: 'close', 'Access-Control-Request-Method': 'POST' }),
    )
    await client.closed()
    expect(client.received()).toMatch(/^HTTP\/1\.1 403 /)
    expect(client.received().toLowerCase()).not.toContain('access-control')
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })
})

describe('pages of an allowed origin', () => {
  test.each(['https://app.example.com', 'http://localhost:3000', 'http://[::1]:6274'])(
    '%s can read answers and refusals',
    async (origin) => {
      for (const headers of [
        { 'X-Act': 'echo' },
        { 'X-Act': 'refuse' },
        { 'X-Act': 'steps' },
        { 'Content-Type': 'text/plain' },
      ]) {
        const client = await rawClient(
          fakeServer.port,
          requestBytes('POST /mcp', { ...json, ...headers, Origin: origin }, '{}'),
        )
        await until(() => client.received().includes('\r\n\r\n'), client.received)
        client.destroy()
        expect(client.received()).toContain(`\r\nAccess-Control-Allow-Origin: ${origin}\r\n`)
        expect(client.received()).toMatch(/\r\nVary: Origin\r\n/)
        expect(client.received()).toMatch(
          /\r\nAccess-Control-Expose-Headers: [^\r]*Mcp-Session-Id[^\r]*WWW-Authenticate[^\r]*Retry-After/,
        )
      }
    },
  )

  test('may ask before they send', async () => {
    const response = await ask(
      fakeServer.port,
      requestBytes('OPTIONS /mcp', {
        Origin: 'https://app.example.com',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type,mcp-session-id,mcp-param-region',
      }),
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(response.headers.get('access-control-allow-methods')).toContain('DELETE')
    expect(response.headers.get('access-control-allow-headers')).toContain('mcp-param-region')
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })
})
