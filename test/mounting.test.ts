/** What frameworks do to a request on its way to us: paths they cut, bodies they read, words of their own. */
import { createServer } from 'node:http'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import { manualClock } from '../src/base/clock.ts'
import type { LogFields } from '../src/base/log.ts'
import { fetchHandler } from '../src/transports/http/fetch.ts'
import { fastifyPlugin, nodeHandler } from '../src/transports/http/listen.ts'
import { startInProcess } from './support/in-process.ts'
import { express, type ExpressApp, type Mounted, serveOn } from './support/mounts.ts'
import { ask, requestBytes, type RawResponse } from './support/raw-http.ts'
import { createFakeGateway } from './support/fake-gateway.ts'

const json = { 'Content-Type': 'application/json' }
const open: Mounted[] = []

async function serve(app: ExpressApp): Promise<(path: string, body?: string) => Promise<RawResponse>> {
  const mounted = await serveOn(createServer(app))
  open.push(mounted)
  return (path, body = '{"a":1}') => ask(mounted.port, requestBytes(`POST ${path}`, json, body))
}

afterEach(async () => {
  for (const mounted of open.splice(0)) await mounted.close()
})

describe('Express', () => {
  test.each([
    ['the endpoint itself', '/mcp', {}, '/mcp'],
    ['a folder', '/api', {}, '/api/mcp'],
    ['the whole path, which is said', '/tools', { path: '/tools' }, '/tools'],
    ['what is left of it', '/tools', { path: '/' }, '/tools'],
    ['a folder, with the whole path said', '/api', { path: '/api/mcp' }, '/api/mcp'],
    ['a path with a parameter', '/tenants/:tenant/mcp', { path: '*' }, '/tenants/7/mcp?x=y'],
  ])('may mount the handler on %s', async (_name, mount, options, path) => {
    const app = express()
    app.use(mount, nodeHandler(createFakeGateway(), options))
    const send = await serve(app)
    expect(await send(path)).toMatchObject({ status: 200, body: '{"a":1}' })
    expect((await send(`/elsewhere${path}`)).status).toBe(404)
  })

  test('may send a request elsewhere by changing its path', async () => {
    const app = express()
    app.use((request: { url: string }, _response: unknown, next: () => void) => {
      request.url = request.url === '/mcp' ? '/closed' : '/mcp'
      next()
    })
    app.use('/', nodeHandler(createFakeGateway()))
    const send = await serve(app)
    expect((await send('/mcp')).status).toBe(404)
    expect((await send('/old')).status).toBe(200)
  })

  test.each([
    ['parsed', express.json(), '{"a":[1,"é"]}'],
    ['read as bytes', express.raw({ type: '*/*' }), '{ "big": 12345678901234567890 }'],
    ['read as a text', express.text({ type: '*/*' }), '{ "big": 12345678901234567890 }'],
  ])('may have %s the body before', async (_name, parser, body) => {
    const app = express()
    app.use(parser)
    app.use('/mcp', nodeHandler(createFakeGateway()))
    const send = await serve(app)
    expect(await send('/mcp', body)).toMatchObject({ status: 200, body })
  })

  test('has its own limit lowered by ours, however the body was read', async () => {
    const app = express()
    app.use(express.raw({ type: '*/*', limit: '10mb' }))
    app.use('/mcp', nodeHandler(createFakeGateway(), { maxBodyBytes: 1024 }))
    const send = await serve(app)
    expect((await send('/mcp', `"${'x'.repeat(1022)}"`)).status).toBe(200)
    expect((await send('/mcp', `"${'x'.repeat(1023)}"`)).status).toBe(413)
  })

  test('that read the body and left it nowhere is told so, in the log', async () => {
    const logged: LogFields[] = []
    const log = { debug() {}, info() {}, warn() {}, error: (fields: LogFields) => void logged.push(fields) }
    const app = express()
    app.use((request: Readable, _response: unknown, next: () => void) => void request.on('end', next).resume())
    app.use('/mcp', nodeHandler(createFakeGateway({ log })))
    const send = await serve(app)
    expect((await send('/mcp')).status).toBe(500)
    expect(String(logged[0]?.['err'])).toContain('mount mcplex before body parsers')
  })
})

describe('the endpoints of single servers and views', () => {
  const named = ['mcp/github', 'messages/a_b-C']

  test.each([
    ['a folder', '/api', {}, '/api/'],
    ['the root', '/', {}, '/'],
    ['a folder, with the whole path said', '/api', { path: '/api/mcp' }, '/api/'],
  ])('are found below a handler that Express mounts on %s', async (_name, mount, options, folder) => {
    const gateway = createFakeGateway()
    const app = express()
    app.use(mount, nodeHandler(gateway, options))
    const send = await serve(app)
    for (const path of named) expect((await send(folder + path)).status, path).toBe(200)
    expect(gateway.seen.map(({ path }) => path)).toEqual(named.map((path) => `/${path}`))
    expect((await send(`${folder}mcp/github/more`)).status).toBe(404)
  })

  test('are found where Express strips the path of the endpoint', async () => {
    const gateway = createFakeGateway()
    const app = express()
    app.use('/mcp', nodeHandler(gateway))
    const send = await serve(app)
    expect((await send('/mcp/github')).status).toBe(200)
    expect((await send('/mcp')).status).toBe(200)
    expect(gateway.seen.map(({ path }) => path)).toEqual(['/mcp/github', '/mcp'])
  })

  test.each([
    ['with a prefix', {}, '/own', '/own/mcp'],
    ['at a path of its own', { path: '/tools' }, '', '/tools'],
  ])('are routes of the Fastify plugin %s', async (_name, options, prefix, endpoint) => {
    const gateway = createFakeGateway()
    const app = fastify()
    await app.register(fastifyPlugin(gateway, options), { prefix })
    const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
    open.push({ port: Number(port), close: () => app.close() })
    const send = (path: string): Promise<RawResponse> =>
      ask(Number(port), requestBytes(`POST ${path}`, { ...json, Connection: 'close' }, '{"a":1}'))
    for (const path of [`${endpoint}/github`, `${prefix}/messages/github`, endpoint])
      expect((await send(path)).status, path).toBe(200)
    expect(gateway.seen.map(({ path }) => path)).toEqual(['/mcp/github', '/messages/github', '/mcp'])
    expect((await send(`${endpoint}/a/b`)).status).toBe(404)
  })

  test('leave the parameter of a path that has one to the program', async () => {
    const gateway = createFakeGateway()
    const app = fastify()
    await app.register(fastifyPlugin(gateway, { path: '/mcp/:tenant' }))
    const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
    open.push({ port: Number(port), close: () => app.close() })
    await ask(Number(port), requestBytes('POST /mcp/acme', { ...json, Connection: 'close' }, '{"a":1}'))
    expect(gateway.seen.map(({ path }) => path)).toEqual(['/mcp'])
  })
})

describe('Fastify', () => {
  test('runs its hooks before, keeps its parsers and routes, and may have parameters in the path', async () => {
    const app = fastify()
    app.addHook('onRequest', async (request, reply) => {
      if (request.headers.authorization !== 'Bearer right') await reply.code(401).send('no')
    })
    app.post('/own', (request) => ({ parsed: request.body }))
    app.get('/own/health', () => 'mine')
    await app.register(fastifyPlugin(createFakeGateway(), { path: '/own/:tenant/mcp' }))
    await app.register(fastifyPlugin(createFakeGateway(), { probes: false }), { prefix: '/own' })
    const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
    open.push({ port: Number(port), close: () => app.close() })
    const send = (line: string, key = 'Bearer right'): Promise<RawResponse> =>
      ask(Number(port), requestBytes(line, { ...json, Authorization: key, Connection: 'close' }, '{"a":1}'))
    expect((await send('POST /own/7/mcp')).body).toBe('{"a":1}')
    expect((await send('GET /own/7/livez')).body).toBe('ok\n')
    expect((await send('POST /own/mcp')).body).toBe('{"a":1}')
    expect((await send('POST /own/7/mcp', 'Bearer wrong')).status).toBe(401)
    expect((await send('POST /own')).body).toBe('{"parsed":{"a":1}}')
    expect((await send('GET /own/health')).body).toBe('mine')
  })
})

describe('fetch', () => {
  const url = 'http://localhost/mcp'
  const post = (init: RequestInit = {}, at = url): Request =>
    new Request(at, { method: 'POST', body: '{"a":1}', headers: json, ...init })

  test('takes requests made by hand, which say neither host nor length', async () => {
    const mcp = fetchHandler(createFakeGateway())
    expect(await (await mcp(post())).text()).toBe('{"a":1}')
    expect((await mcp(post({ body: '', headers: {} }))).status).toBe(200)
    expect((await mcp(post({ headers: { 'Content-Type': 'text/plain' } }))).status).toBe(415)
    expect((await mcp(post({}, 'http://evil.example/mcp'))).status).toBe(403)
    expect((await mcp(post({}, 'http://localhost/other'))).status).toBe(404)
  })

  test('takes no header that came twice for one value, unless that value is a list', async () => {
    const mcp = fetchHandler(createFakeGateway())
    const twice = (name: string, value: string): Request =>
      post({ headers: [['Content-Type', 'application/json'], [name, value], [name, value]] }) // prettier-ignore
    expect((await mcp(twice('Host', 'localhost'))).status).toBe(400)
    expect((await mcp(twice('Origin', 'http://localhost'))).status).toBe(403)
    expect((await mcp(twice('Content-Type', 'application/json'))).status).toBe(415)
    expect((await mcp(twice('Content-Length', '7'))).status).toBe(413)
  })

  test('works behind a mount of Hono, whatever else that hands over', async () => {
    const app = new Hono()
    app.mount('/api', fetchHandler(createFakeGateway()))
    expect(await (await app.request('http://localhost/api/mcp', post())).text()).toBe('{"a":1}')
    expect((await app.request('http://localhost/api/livez')).status).toBe(200)
  })

  test('names clients as it is told to, or each request by itself', async () => {
    const gateway = createFakeGateway()
    const clientOf = (_request: Request, { remote }: { remote: string }): string => remote
    const named = fetchHandler(gateway, { clientOf })
    const whoami = { ...json, 'X-Act': 'whoami' }
    expect(await (await named(post({ headers: whoami }), { remote: '192.0.2.7' })).text()).toBe('192.0.2.7')
    const unnamed = fetchHandler(gateway)
    const names = [await unnamed(post({ headers: whoami })), await unnamed(post({ headers: whoami }))]
    expect(new Set(await Promise.all(names.map((response) => response.text()))).size).toBe(2)
  })

  test('pulls no piece before it is read, and ends the stream when the response is cancelled', async () => {
    const gateway = createFakeGateway()
    const response = await fetchHandler(gateway)(post({ headers: { ...json, 'X-Act': 'flood' } }))
    const reader = response.body?.getReader()
    expect((await reader?.read())?.value?.length).toBe(65_536)
    expect(gateway.pulled).toBe(65_536)
    await reader?.cancel()
    await expect.poll(() => gateway.happened).toEqual(['closed: client gone', 'returned'])
  })

  test('ends a stream that is not read within the time that readers have', async () => {
    const clock = manualClock()
    const gateway = createFakeGateway({ clock, slowReaderMs: 30_000 })
    const response = await fetchHandler(gateway)(post({ headers: { ...json, 'X-Act': 'flood' } }))
    expect(gateway.pulled).toBe(65_536)
    clock.advance(29_999)
    expect(gateway.happened).toEqual([])
    clock.advance(1)
    await expect.poll(() => gateway.happened).toEqual(['closed: reader too slow', 'returned'])
    await expect(response.text()).rejects.toThrow('stopped reading')
  })

  test('hears of a client that is gone by the signal of the request, even before it came', async () => {
    const gateway = createFakeGateway()
    const mcp = fetchHandler(gateway)
    const gone = new AbortController()
    const hanging = mcp(post({ signal: gone.signal, headers: { ...json, 'X-Act': 'hang' } }))
    gone.abort()
    await hanging
    expect(gateway.happened).toEqual(['hanging', 'closed: client gone'])
    await mcp(post({ signal: AbortSignal.abort(), headers: { ...json, 'X-Act': 'hang' } }))
    expect(gateway.happened).toHaveLength(4)
  })

  test('logs that other code has read the body', async () => {
    const logged: LogFields[] = []
    const log = { debug() {}, info() {}, warn() {}, error: (fields: LogFields) => void logged.push(fields) }
    const request = post()
    await request.text()
    expect((await fetchHandler(createFakeGateway({ log }))(request)).status).toBe(500)
    expect(String(logged[0]?.['err'])).toContain('read the body')
  })
})

test('a handler keeps to the settings of its gateway, and to its own where it has any', async () => {
  const settings = { allowHosts: ['mcp.example.com'], maxBodyBytes: 1024 }
  const echo = fileURLToPath(new URL('fixtures/echo-legacy.mjs', import.meta.url))
  const listener = await startInProcess([echo], { http: settings, sessions: { slowReaderMs: 5_000 } })
  const { gateway } = listener
  expect(gateway.transportServices).toMatchObject({ http: settings, slowReaderMs: 5_000 })
  const statuses = async (options: Parameters<typeof fetchHandler>[1]): Promise<number[]> => {
    const mcp = fetchHandler(gateway, options)
    const requests = [
      new Request('http://mcp.example.com/livez'),
      new Request('http://other.example.com/livez'),
      new Request('http://localhost/mcp', { method: 'POST', headers: json, body: 'x'.repeat(1025) }),
    ]
    return Promise.all(requests.map(async (request) => (await mcp(request)).status))
  }
  expect(await statuses({})).toEqual([200, 403, 413])
  expect(await statuses({ allowHosts: ['other.example.com'] })).toEqual([403, 200, 413])
  expect(await statuses({ maxBodyBytes: 2048 })).toEqual([200, 403, 400])
  await listener.end()
})
