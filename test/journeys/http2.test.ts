/** The whole of mcplex over HTTP/2: official clients, a thousand streams on one connection, resumption, and a drain. */
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch as fetchByUndici } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { selfSigned } from '../fixtures/tls/self-signed.mjs'
import { connect, kinds } from '../isolation/clients.ts'
import { eventually } from '../support/eventually.ts'
import { codes, type H2Answer, type H2Client, openH2 } from '../support/h2.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { textOf, type RpcMessage } from '../support/rpc.ts'
import { createSseReader, type SseReader } from '../support/sse.ts'
import { fixture, runCommand } from '../support/typed-command.ts'

let folder: string
const at = (name: string): string => join(folder, name)
const { cert, key } = selfSigned()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-h2-'))
  writeFileSync(at('cert.pem'), cert)
  writeFileSync(at('key.pem'), key)
})
afterAll(() => rmSync(folder, { recursive: true }))

const ends: Array<() => unknown> = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(...options: string[]): Promise<Mcplex> {
  const mcplex = await startMcplex({ options: ['--log-level', 'debug', '--stateless', 'principal', ...options] })
  ends.push(() => mcplex.end())
  return mcplex
}

async function open(mcplex: Mcplex): Promise<H2Client> {
  const client = await openH2(mcplex.origin, { ca: cert })
  ends.push(() => client.destroy())
  return client
}

const rpc = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message })

/** Opens a session as a stream of the connection. */
async function session(client: H2Client): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'journey', version: '1' } }
  const { headers, status } = await client.post(rpc({ id: 0, method: 'initialize', params })).end()
  expect(status).toBe(200)
  const own = { 'mcp-session-id': String(headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' }
  expect((await client.post(rpc({ method: 'notifications/initialized' }), own).end()).status).toBe(202)
  return own
}

const call = (client: H2Client, own: Record<string, string>, id: number, name: string, args: object): H2Answer =>
  client.post(rpc({ id, method: 'tools/call', params: { name, arguments: args, _meta: { progressToken: id } } }), own)

const listen = (client: H2Client, own: Record<string, string>, lastEventId?: string): H2Answer =>
  client.request('/mcp', { headers: { accept: 'text/event-stream', 'last-event-id': lastEventId, ...own } })

function eventsOf(answer: H2Answer): SseReader {
  const reader = createSseReader()
  reader.push(answer.text)
  return reader
}

/** The response to a call, of an answer in JSON or in events. */
function responseIn(answer: H2Answer): RpcMessage {
  const texts = String(answer.headers['content-type']).includes('event-stream')
    ? eventsOf(answer).events.map(({ data }) => data)
    : [answer.text]
  const messages = texts.filter((text) => text !== '').map((text) => JSON.parse(text) as RpcMessage)
  const response = messages.find(({ result, error }) => result ?? error)
  if (!response) throw new Error(`no response in ${answer.text.slice(0, 300)}`)
  return response
}

const streamsOf = (mcplex: Mcplex): number =>
  mcplex.log.filter(({ protocol }) => protocol === 'h2').reduce((sum, { streams }) => sum + Number(streams), 0)

describe.each([
  ['a session-based server', echoLegacy],
  ['a stateless server', echoModern],
])('in front of %s', (_name, server) => {
  test.each(kinds)('%s works over HTTP/2 that TLS has agreed on', async (kind) => {
    const options = [
      '--tls-cert',
      at('cert.pem'),
      '--tls-key',
      at('key.pem'),
      '--log-level',
      'debug',
      '--stateless',
      'principal',
    ]
    const mcplex = await startMcplex({ options, server: [server] })
    ends.push(() => mcplex.end())
    const dispatcher = new Agent({ allowH2: true, connect: { ca: cert } })
    let fetched = 0
    vi.stubGlobal('fetch', (...[input, init]: Parameters<typeof fetchByUndici>) => {
      fetched++
      return fetchByUndici(input, { ...init, dispatcher })
    })
    ends.push(() => vi.unstubAllGlobals())
    const caller = await connect(kind, mcplex.url)
    expect((await caller.call('echo', { text: 'over h2' })).text).toContain('over h2')
    const slow = await caller.call('slow', { ms: 60, steps: 3 })
    expect(slow.progress.length).toBeGreaterThan(0)
    await caller.close()
    await dispatcher.close()
    await eventually('all requests on HTTP/2', () => streamsOf(mcplex) >= fetched)
  })
})

describe('one connection', () => {
  test('carries a thousand event streams with calls beside them, and ends as it should in a drain', async () => {
    const count = 1_000
    const mcplex = await start('--max-connections', '2000', '--mode', 'shared')
    const client = await open(mcplex)
    const sessions: Array<Record<string, string>> = []
    for (let i = 0; i < count; i += 50)
      sessions.push(...(await Promise.all(Array.from({ length: 50 }, () => session(client)))))
    const streams = sessions.map((own) => listen(client, own))
    await Promise.all(streams.map((stream) => stream.head()))
    expect(streams.filter(({ status }) => status === 200)).toHaveLength(count)

    const nonces = sessions.map((_, i) => `nonce-${i}`)
    for (let i = 0; i < count; i += 100) {
      const own = sessions.slice(i, i + 100)
      const answers = own.map((each, j) => call(client, each, 1, 'echo', { text: nonces[i + j] }))
      await Promise.all(answers.map((answer) => answer.end()))
      expect(answers.map((answer) => textOf(responseIn(answer)))).toEqual(nonces.slice(i, i + 100))
    }
    expect(
      streams.filter(({ code }) => code === undefined),
      'all of them stand',
    ).toHaveLength(count)

    const last = call(client, sessions[0] ?? {}, 2, 'slow', { ms: 1_000, steps: 2 })
    await last.has('progress')
    mcplex.signal('SIGTERM')
    await eventually('the word of it', () => client.goaway === codes.NGHTTP2_NO_ERROR)
    await last.end()
    expect(responseIn(last).result).toBeDefined()
    await Promise.all(streams.map((stream) => stream.end()))
    expect(new Set(streams.map(({ code }) => code))).toEqual(new Set([codes.NGHTTP2_NO_ERROR]))
    await client.closed()
    expect(await mcplex.exited).toEqual({ code: 0, signal: null })
  }, 60_000)

  test('a stream that is reset is resumed on it, with every event once and in order', async () => {
    const mcplex = await start()
    const client = await open(mcplex)
    const own = await session(client)
    const first = call(client, own, 7, 'slow', { ms: 600, steps: 20 })
    await first.has('"progress":3')
    first.stream.close(codes.NGHTTP2_CANCEL)
    await first.end()
    const before = eventsOf(first)
    const rest = await listen(client, own, before.lastEventId).end()
    const events = [...before.events, ...eventsOf(rest).events].filter(({ data }) => data !== '')
    const ids = events.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const messages = events.map(({ data }) => JSON.parse(data) as RpcMessage)
    const steps = messages.flatMap(({ params }) => (params ? [Number(params['progress'])] : []))
    expect(steps).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(messages.filter(({ id }) => id === 7)).toHaveLength(1)
  })

  test('a huge result does not delay small calls beside it', async () => {
    const mcplex = await start('--mode', 'shared')
    const client = await open(mcplex)
    const own = await session(client)
    const order: string[] = []
    const huge = call(client, own, 1, 'big', { bytes: 8_000_000 })
    huge.stream.on('close', () => order.push('huge'))
    await eventually('its beginning', () => huge.text.length > 0)
    const small = Array.from({ length: 20 }, async (_, i) => {
      await call(client, own, 10 + i, 'echo', { text: 'small' }).end()
      order.push('small')
    })
    await Promise.all([...small, huge.end()])
    expect(order.indexOf('huge')).toBe(20)
    expect(textOf(responseIn(huge)).length).toBe(8_000_000)
  })
})

describe('the command', () => {
  test('listens at a Unix socket, says so in its line, and takes the file away when it ends', async () => {
    const path = at('mcp.sock')
    const running = runCommand(['serve', '--json', '--socket', path, '--', ...fixture('echo-legacy.mjs')])
    ends.push(() => running.child.kill('SIGKILL'))
    const ready = await running.ready()
    expect(ready).toMatchObject({ event: 'ready', socket: path, endpoint: 'http://localhost/mcp' })
    expect(ready).not.toHaveProperty('port')
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    const status = await new Promise((resolve, reject) => {
      const asked = request({ socketPath: path, path: '/livez', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject)
      asked.end()
    })
    expect(status).toBe(200)
    const second = runCommand(['serve', '--socket', path, '--', ...fixture('echo-legacy.mjs')])
    expect(await second.exit()).toBe(1)
    expect(second.stderr()).toContain(`a server listens at the socket ${path} already`)
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
    expect(existsSync(path)).toBe(false)
  })

  test.each<[string, () => string[], string]>([
    ['a key is missing', () => ['--tls-cert', at('cert.pem')], 'does nothing without --tls-key'],
    ['a file is missing', () => ['--tls-cert', at('none.pem'), '--tls-key', at('key.pem')], 'cannot be read: ENOENT'],
    ['a key is none', () => ['--tls-cert', at('cert.pem'), '--tls-key', at('cert.pem')], 'holds no key in PEM'],
  ])('ends with 78 and the way out when %s', async (_name, options, text) => {
    const running = runCommand(['serve', '--port', '0', ...options(), '--', ...fixture('echo-legacy.mjs')])
    expect(await running.exit()).toBe(78)
    expect(running.stderr()).toContain('"code":"config_tls"')
    expect(running.stderr()).toContain(text)
    expect(running.log().at(-1)).toMatchObject({ try: [expect.any(String)] })
  })
})
