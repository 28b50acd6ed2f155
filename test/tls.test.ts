/** TLS: both versions of HTTP by ALPN, certificates that change, and certificates that cannot be used. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { manualClock, systemClock } from '../src/base/clock.ts'
import { CertificateError, listen } from '../src/transports/http/listen.ts'
import { selfSigned } from './fixtures/tls/self-signed.mjs'
import { eventually } from './support/eventually.ts'
import { codes, openH2 } from './support/h2.ts'
import { requestBytes } from './support/raw-http.ts'
import { createFakeGateway, httpSettings, openFakeServer } from './support/fake-gateway.ts'

let folder: string
const ends: Array<() => unknown> = []
const at = (name: string): string => join(folder, name)
const own = selfSigned()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-tls-'))
  writeFileSync(at('cert.pem'), own.cert)
  writeFileSync(at('key.pem'), own.key)
})

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
  rmSync(folder, { recursive: true })
})

const files = (): { tlsCert: string; tlsKey: string } => ({ tlsCert: at('cert.pem'), tlsKey: at('key.pem') })

async function openSecure(tuning = {}): Promise<Awaited<ReturnType<typeof openFakeServer>>> {
  const fakeServer = await openFakeServer(tuning, files())
  ends.push(() => fakeServer.listener.close())
  ends.push(() => fakeServer.listener.cut())
  return fakeServer
}

/** A handshake that offers these protocols. */
async function shake(port: number, ALPNProtocols: string[], rejectUnauthorized = true): Promise<TLSSocket> {
  const trust = { servername: 'localhost', ca: own.cert, rejectUnauthorized }
  const socket = connect({ port, host: '127.0.0.1', ALPNProtocols, ...trust })
  ends.push(() => socket.destroy())
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  return socket
}

function get(port: number): Promise<{ status: number | undefined; version: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path: '/livez', ca: own.cert, agent: false }, (response) => {
      response.resume()
      resolve({ status: response.statusCode, version: response.httpVersion })
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('over TLS', () => {
  test('both versions of HTTP are served on one port', async () => {
    const { listener, port } = await openSecure()
    expect(listener.url).toBe(`https://127.0.0.1:${port}`)
    const client = await openH2(listener.url, { ca: own.cert })
    ends.push(() => client.destroy())
    expect(client.session.alpnProtocol).toBe('h2')
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200, text: '{"a":1}' })
    expect(await get(port)).toEqual({ status: 200, version: '1.1' })
  })

  test.each([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [[], false],
  ])('a client that offers %j speaks %s', async (offered, spoken) => {
    const { port } = await openSecure()
    const socket = await shake(port, offered)
    expect(socket.alpnProtocol).toBe(spoken)
    if (spoken === 'h2') return
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.write(requestBytes('GET /livez'))
    await eventually('an answer', () => text.startsWith('HTTP/1.1 200 OK'))
  })

  test('a client that offers nothing that is served here is told so in the handshake', async () => {
    const { port } = await openSecure()
    await expect(shake(port, ['spdy/3'])).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' })
  })

  test('a connection that is not TLS is closed, and harms no other', async () => {
    const { port } = await openSecure()
    const socket = connectSocket(port, '127.0.0.1')
    ends.push(() => socket.destroy())
    let isClosed = false
    socket.on('error', () => {})
    socket.on('close', () => (isClosed = true))
    socket.resume()
    socket.write(requestBytes('GET /livez'))
    await eventually('the end', () => isClosed)
    expect((await get(port)).status).toBe(200)
  })

  test('a handshake that does not come is not waited for long', async () => {
    const { port } = await openSecure({ headersMs: 300, requestMs: 300, checkEveryMs: 50 })
    const socket = connectSocket(port, '127.0.0.1')
    ends.push(() => socket.destroy())
    let isClosed = false
    socket.on('error', () => {})
    socket.on('close', () => (isClosed = true))
    socket.resume()
    await eventually('the end', () => isClosed)
  })

  test('a drain finishes the requests in flight of either version of HTTP', async () => {
    const { listener, gateway, port } = await openSecure()
    const client = await openH2(listener.url, { ca: own.cert })
    const two = await client.post('{}', { 'x-act': 'steps' }).head()
    const one = await shake(port, ['http/1.1'])
    let text = ''
    one.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    one.write(requestBytes('POST /mcp', { 'Content-Type': 'application/json', 'X-Act': 'steps' }, '{}'))
    await eventually('both', () => gateway.seen.length === 2)
    let isClosed = false
    const closing = listener.close().then(() => (isClosed = true))
    await eventually('the word of it', () => client.goaway === codes.NGHTTP2_NO_ERROR)
    expect(isClosed).toBe(false)
    for (let i = 1; i <= 3; i++) {
      gateway.step()
      await two.has(`data: ${i}`)
      await eventually(`step ${i}`, () => text.includes(`data: ${i}`))
    }
    expect((await two.end()).code).toBe(codes.NGHTTP2_NO_ERROR)
    await closing
  })

  test('a certificate that was renewed is offered from then on, and one that is broken is not', async () => {
    const clock = manualClock()
    // Real time but for the looks at the files, which come every minute.
    const timing = { ...systemClock, every: clock.every }
    const { port, logged } = await openSecure({ clock: timing })
    const offered = async (): Promise<string | undefined> =>
      (await shake(port, ['h2'], false)).getPeerX509Certificate()?.fingerprint256
    const renewed = selfSigned()
    const before = await offered()
    writeFileSync(at('cert.pem'), renewed.cert)
    writeFileSync(at('key.pem'), renewed.key)
    utimesSync(at('cert.pem'), 1, 1)
    clock.advance(60_000)
    await eventually('the renewed one', async () => (await offered()) !== before)
    const after = await offered()
    writeFileSync(at('cert.pem'), 'rubbish')
    clock.advance(60_000)
    await eventually('a word of it', () => logged.some(({ err }) => err instanceof CertificateError))
    expect(await offered()).toBe(after)
  })
})

describe('a certificate that cannot be used is an error with the way out', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const locked = other.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()
  test.each<[string, 'tlsCert' | 'tlsKey', () => { tlsCert?: string; tlsKey?: string }]>([
    ['no key', 'tlsKey', () => ({ tlsCert: at('cert.pem') })],
    ['no certificate', 'tlsCert', () => ({ tlsKey: at('key.pem') })],
    ['a file that is not there', 'tlsCert', () => ({ ...files(), tlsCert: at('none.pem') })],
    ['a directory', 'tlsKey', () => ({ ...files(), tlsKey: folder })],
    ['a pipe, which would be waited for', 'tlsCert', () => ({ ...files(), tlsCert: pipe() })],
    ['a device that never ends', 'tlsKey', () => ({ ...files(), tlsKey: '/dev/zero' })],
    ['a file that is far too large', 'tlsCert', () => ({ ...files(), tlsCert: written('x'.repeat(2 ** 21)) })],
    ['a certificate that is none', 'tlsCert', () => ({ ...files(), tlsCert: written('rubbish') })],
    ['an empty certificate', 'tlsCert', () => ({ ...files(), tlsCert: written('') })],
    ['a key that is none', 'tlsKey', () => ({ ...files(), tlsKey: written('rubbish') })],
    ['a key that is locked', 'tlsKey', () => ({ ...files(), tlsKey: written(locked) })],
    [
      'a key of another certificate',
      'tlsKey',
      () => ({ ...files(), tlsKey: written(other.export({ type: 'pkcs8', format: 'pem' }).toString()) }),
    ],
  ])('%s', async (_name, setting, settings) => {
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const error: unknown = await listen(createFakeGateway(), { ...httpSettings, ...settings() }, log).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(CertificateError)
    expect(error).toMatchObject({ setting, remedy: expect.stringMatching(/./) })
    expect(String(error), 'nothing of what is in the files').not.toContain('rubbish')
  })
})

function pipe(): string {
  execFileSync('mkfifo', [at('pipe')])
  return at('pipe')
}

function written(text: string): string {
  writeFileSync(at('given.pem'), text)
  return at('given.pem')
}
