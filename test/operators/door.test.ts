/** The door for operators: where it is, whom it lets in, and that it tells no more than its document says. */
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { api, type OperationId } from '../../src/admin/api.ts'
import { answers } from '../../src/admin/schemas.ts'
import { selfSigned } from '../fixtures/tls/self-signed.mjs'
import { eventually } from '../support/eventually.ts'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { echoLegacy, type Mcplex, mcplexForTest, startMcplex } from '../support/mcplex.ts'
import { serveStdio } from '../support/pipes.ts'
import { openSession, type Session } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex
let session: Session
let socket: string
let url: string
let token: string

beforeAll(async () => {
  place = runtimeFolder()
  mcplex = await startMcplex({ env: place.env, options: ['--admin', '127.0.0.1:0'] })
  const places = place.placesOf(mcplex.pid)
  socket = places.socket
  url = places.url ?? ''
  token = places.token ?? ''
  session = await openSession(mcplex.url, { client: 'door-tester' })
  await session.text('echo', { text: 'hello' })
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

const bearer = (value: string): { headers: Record<string, string> } => ({
  headers: { Authorization: `Bearer ${value}` },
})

describe('the socket', () => {
  test('lets in its user alone', () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    expect(statSync(socket).isSocket()).toBe(true)
    expect(socket.startsWith(`${place.folder}/`)).toBe(true)
  })

  test('answers each question as the document says, and tells no id of a session', async () => {
    const { body } = await askAt(socket, '/api/v1/sessions')
    const [{ label }] = (body as { sessions: [{ label: string }] }).sessions
    for (const [id, { method, path }] of Object.entries(api)) {
      // This instance has no tenants: tenants.test.ts asks for one.
      if (method !== 'GET' || id === 'tenant') continue
      const asked = id === 'explain' ? `${path}?tool=echo` : path
      const answer = await askAt(socket, asked.replace('{session}', label).replace('{upstream}', 'server'))
      expect([path, answer.status]).toEqual([path, 200])
      // Nothing is told that the schema does not have.
      expect(answers[id as OperationId].parse(answer.body)).toEqual(answer.body)
      expect(answer.text).not.toContain(session.id)
    }
  })

  test('has a document that describes the body of each operation that takes one', async () => {
    const { body } = await askAt(socket, '/api/v1/openapi.json')
    interface Described {
      readonly requestBody?: {
        readonly content: { readonly 'application/json': { readonly schema: { readonly properties: object } } }
      }
    }
    const { paths } = body as { paths: Record<string, Record<string, Described>> }
    for (const { method, path, body: members } of Object.values(api)) {
      const found = paths[path]?.[method.toLowerCase()]?.requestBody?.content['application/json'].schema
      expect(Object.keys(found?.properties ?? {}), path).toEqual(Object.keys(members ?? {}))
    }
  })

  test('tells its document, which is the one of docs/', async () => {
    const { text } = await askAt(socket, '/api/v1/openapi.json')
    expect(text).toBe(readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8'))
  })

  test.each([
    ['an unknown path', 'GET', '/api/v2/instance', {}, 404, 'not_found'],
    ['a wrong method', 'POST', '/api/v1/instance', {}, 405, 'method_not_allowed'],
    ['an unknown parameter', 'GET', '/api/v1/sessions?order=age', {}, 400, 'bad_request'],
    ['too high a limit', 'GET', '/api/v1/sessions?limit=1001', {}, 400, 'bad_request'],
    ['a path that is not encoded', 'GET', '/api/v1/sessions/%E0%A4', {}, 400, 'bad_request'],
    [
      'a definition of an upstream that is not there',
      'POST',
      '/api/v1/upstreams/x/accept',
      {},
      404,
      'upstream_unknown',
    ],
    ['a session that is not there', 'POST', '/api/v1/sessions/zzzzzzzz/close', {}, 404, 'session_unknown'],
    [
      'a body that is no object',
      'POST',
      '/api/v1/sessions/zz/close',
      { body: '[]', type: 'application/json' },
      400,
      'bad_request',
    ],
    [
      'a body of another type',
      'POST',
      '/api/v1/drain',
      { body: 'x=1', type: 'text/plain' },
      415,
      'unsupported_media_type',
    ],
    [
      'a body that is too large',
      'POST',
      '/api/v1/drain',
      { body: `{"a":"${'x'.repeat(70_000)}"}`, type: 'application/json' },
      413,
      'request_too_large',
    ],
    [
      'an unknown member of a body',
      'POST',
      '/api/v1/upstreams/server/pause',
      { body: '{"for":"5s"}', type: 'application/json' },
      400,
      'bad_request',
    ],
    [
      'a pause without end',
      'POST',
      '/api/v1/upstreams/server/pause',
      { body: '{"forMs":1e9}', type: 'application/json' },
      400,
      'bad_request',
    ],
    ['a breaker without a state', 'POST', '/api/v1/upstreams/server/breaker', {}, 400, 'bad_request'],
    ['a foreign host', 'GET', '/api/v1/instance', { host: 'evil.example' }, 403, 'forbidden_host'],
    ['a foreign page', 'GET', '/api/v1/instance', { origin: 'https://evil.example' }, 403, 'forbidden_origin'],
  ] as ReadonlyArray<
    readonly [string, string, string, { body?: string; type?: string; host?: string; origin?: string }, number, string]
  >)('refuses %s', async (_, method, path, { body, type, host, origin }, status, reason) => {
    const headers = {
      ...(type !== undefined && { 'Content-Type': type }),
      ...(host !== undefined && { Host: host }),
      ...(origin !== undefined && { Origin: origin }),
    }
    const answer = await askAt(socket, path, { method, headers, ...(body !== undefined && { body }) })
    expect([answer.status, answer.body]).toMatchObject([status, { status, reason }])
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })
})

describe('the address', () => {
  test('answers with the token alone, which the runtime file has', async () => {
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(await askAt(url, '/api/v1/instance', bearer(token))).toMatchObject({
      status: 200,
      body: { pid: mcplex.pid },
    })
    for (const wrong of [{}, bearer('x'), bearer(`${token}x`), { headers: { Authorization: `Basic ${token}` } }]) {
      const answer = await askAt(url, '/api/v1/instance', wrong)
      expect(answer).toMatchObject({
        status: 401,
        body: { reason: 'unauthorized' },
        headers: { 'www-authenticate': 'Bearer' },
      })
    }
    await eventually('it is logged that tokens were wrong', () =>
      mcplex.log.some(({ msg }) => msg === 'a request to the address for operators was refused'),
    )
    expect(JSON.stringify(mcplex.log)).not.toContain(token)
  })

  test('refuses a foreign host even with the token', async () => {
    const headers = { ...bearer(token).headers, Host: 'evil.example' }
    expect(await askAt(url, '/api/v1/instance', { headers })).toMatchObject({
      status: 403,
      body: { reason: 'forbidden_host' },
    })
  })

  test('is not at the port of clients', async () => {
    const answer = await askAt(mcplex.origin, '/api/v1/instance', bearer(token))
    expect(answer.status).toBe(404)
  })

  test('is asked by verbs with the token of the runtime file, or of a file', async () => {
    expect(await place.json('sessions', '--admin', url)).toMatchObject({ total: 1 })
    const file = join(place.folder, '..', 'token')
    writeFileSync(file, 'not-the-token-at-all', { mode: 0o600 })
    Object.assign(place.env, { MCPLEX_ADMIN__TOKEN_FILE: file })
    onTestFinished(() => void delete (place.env as Record<string, string>)['MCPLEX_ADMIN__TOKEN_FILE'])
    const { code, stderr } = await place.run('sessions', '--admin', url)
    expect([code, stderr]).toEqual([77, expect.stringContaining('admin_denied') as string])
    writeFileSync(file, `${token}\n`)
    expect(await place.json('sessions', '--admin', url)).toMatchObject({ total: 1 })
  })
})

test('an address behind a proxy with TLS is asked by verbs', async () => {
  const { cert, key } = selfSigned()
  const ca = join(place.folder, '..', 'ca.pem')
  writeFileSync(ca, cert)
  const proxy = createSecureServer({ cert, key }, (asked, answered) => {
    const { authorization } = asked.headers
    const passed = request(new URL(asked.url ?? '/', url), { headers: { authorization } }, (response) => {
      answered.writeHead(response.statusCode ?? 500)
      response.pipe(answered)
    })
    asked.pipe(passed)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const file = join(place.folder, '..', 'token-of-proxy')
  writeFileSync(file, token, { mode: 0o600 })
  const env = place.env as Record<string, string>
  Object.assign(env, { NODE_EXTRA_CA_CERTS: ca, MCPLEX_ADMIN__TOKEN_FILE: file })
  onTestFinished(() => {
    delete env['NODE_EXTRA_CA_CERTS']
    delete env['MCPLEX_ADMIN__TOKEN_FILE']
  })
  const { port } = proxy.address() as AddressInfo
  expect(await place.json('upstreams', '--admin', `https://localhost:${port}`)).toMatchObject({ event: 'upstreams' })
})

describe('how it is opened', () => {
  test('an address that is taken is an error without a terminal, and the way out is told', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void taken.close())
    const address = taken.address()
    const port = typeof address === 'object' ? address?.port : 0
    const options = ['--port', '0', '--log-format', 'json', '--admin', `127.0.0.1:${port}`]
    const { code, stderr } = await place.run('serve', ...options, '--', process.execPath, echoLegacy)
    expect(code).toBe(1)
    expect(stderr).toContain('port_in_use')
    expect(stderr).toContain(`--admin 127.0.0.1:${(port ?? 0) + 1}`)
  })

  test('a token of a file is used, is not told, and must be long enough', async () => {
    const file = join(place.folder, '..', 'own-token')
    writeFileSync(file, 'short', { mode: 0o600 })
    const env = { ...place.env, MCPLEX_ADMIN__TOKEN_FILE: file }
    const short = startMcplex({ env, options: ['--admin', '127.0.0.1:0'] })
    await expect(short).rejects.toThrow('admin_token')
    const unknown = { ...place.env, MCPLEX_ADMIN__RUNTIME_FILE: 'false' }
    await expect(startMcplex({ env: unknown, options: ['--admin', '127.0.0.1:0'] })).rejects.toThrow('admin_token')
    writeFileSync(file, 'a-token-of-thirty-characters-x\n')
    const own = await mcplexForTest({ env, options: ['--admin', '127.0.0.1:0'] })
    const places = place.placesOf(own.pid)
    expect(places).not.toHaveProperty('token')
    expect(await askAt(places.url ?? '', '/api/v1/instance', bearer('a-token-of-thirty-characters-x'))).toMatchObject({
      status: 200,
    })
    expect(await askAt(places.url ?? '', '/api/v1/instance')).toMatchObject({ status: 401 })
  })

  test('off closes it: nothing listens, and verbs say so', async () => {
    const closed = await mcplexForTest({ env: place.env, options: ['--admin', 'off'] })
    expect(place.placesOf(closed.pid)).toBeUndefined()
    const { code, stderr } = await place.run('sessions', '--pid', String(closed.pid))
    expect([code, stderr]).toEqual([1, expect.stringContaining('admin_closed') as string])
    const { stdout } = await place.run('ps')
    expect(stdout.split('\n').find((row) => row.startsWith(String(closed.pid)))).toMatch(/ runs +\d+\w/)
  })

  test('a client at stdin and stdout has none', async () => {
    const before = new Set(readdirSync(place.folder))
    const piped = serveStdio([echoLegacy], [], place.env)
    onTestFinished(() => piped.end())
    await piped.initialize()
    const file = `${piped.pid}.json`
    await eventually('its runtime file', () => existsSync(join(place.folder, file)))
    expect(readdirSync(place.folder).filter((name) => !before.has(name))).toEqual([file])
  })

  test('the socket of a dead process is removed by the next one, and no other', async () => {
    const dead = await startMcplex({ env: place.env })
    const left = place.placesOf(dead.pid).socket
    dead.signal('SIGKILL')
    await dead.exited
    expect(existsSync(left)).toBe(true)
    const longAgo = Date.now() / 1000 - 3600
    utimesSync(left, longAgo, longAgo)
    utimesSync(socket, longAgo, longAgo)
    const next = await mcplexForTest({ env: place.env })
    await eventually('the stale socket to be gone', () => !existsSync(left))
    expect(await askAt(socket, '/api/v1/instance')).toMatchObject({ status: 200 })
    expect(await askAt(place.placesOf(next.pid).socket, '/api/v1/instance')).toMatchObject({ body: { pid: next.pid } })
  })
})
