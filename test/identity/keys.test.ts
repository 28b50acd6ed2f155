/** API keys, from `mcplex keys create` to a revoked key, with the built command and real requests. */
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { openH2 } from '../support/h2.ts'
import { send } from '../support/http.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { initialize, openSession, type Session } from '../support/session.ts'

const main = join(import.meta.dirname, '../../dist/cli/main.js')
const folder = mkdtempSync(join(tmpdir(), 'mcplex-keys-'))
const file = join(folder, 'mcplex.yaml')
const keysFile = join(folder, 'mcplex.keys.json')

interface Key {
  readonly id: string
  readonly key: string
  readonly line?: string
}

function run(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: process.env['PATH'], HOME: folder }
  return spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', env })
}

function keys(...args: readonly string[]): Key {
  const { status, stdout, stderr } = run('keys', ...args, '--json')
  if (status !== 0) throw new Error(`keys ${args.join(' ')}: ${status} ${stderr}${stdout}`)
  return JSON.parse(stdout) as Key
}

const bearer = ({ key }: Key): { Authorization: string } => ({ Authorization: `Bearer ${key}` })

let place: RuntimeFolder
let mcplex: Mcplex
let ann: Key
let bob: Key
let written: Key

beforeAll(async () => {
  ann = keys('create', '--subject', 'ann', '--tenant', 'acme')
  bob = keys('create', '--subject', 'bob', '--tenant', 'acme')
  written = keys('create', '--subject', 'written', '--line')
  const yaml = { command: [process.execPath, echoLegacy] }
  writeFileSync(
    file,
    `auth: { methods: [keys], keys: [${JSON.stringify(written.line)}] }\nupstreams: { echo: ${JSON.stringify(yaml)} }\n`,
  )
  place = runtimeFolder()
  mcplex = await startMcplex({ file, env: place.env })
})
afterAll(async () => {
  await mcplex.end()
  place.remove()
  rmSync(folder, { recursive: true, force: true })
})

const sessionOf = (key: Key): Promise<Session> => openSession(mcplex.url, { headers: bearer(key) })

describe('with a key', () => {
  test('a client is served, with either header', async () => {
    expect(await (await sessionOf(ann)).text('echo', { text: 'hello' })).toContain('hello')
    const { status } = await initialize(mcplex.url, { headers: { 'X-Api-Key': bob.key } })
    expect(status).toBe(200)
  })

  test('of the configuration a client is served', async () => {
    expect((await sessionOf(written)).id).not.toBe('')
  })

  test('a client of HTTP+SSE is served', async () => {
    const stream = await send(`${mcplex.origin}/sse`, { headers: bearer(ann) })
    const { data } = await stream.event('the address', ({ event }) => event === 'endpoint')
    const post = (headers: Record<string, string>): ReturnType<typeof send> =>
      send(new URL(data, mcplex.origin).href, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
    expect((await post({})).status).toBe(401)
    expect((await post(bearer(bob))).status).toBe(404)
    expect((await post(bearer(ann))).status).toBe(202)
    stream.cut()
  })

  test('a session of another subject is, byte for byte, an unknown one', async () => {
    const session = await sessionOf(ann)
    const answers = async (id: string, method: string): Promise<readonly [number, string, unknown]> => {
      const answered = await send(mcplex.url, {
        method,
        headers: {
          ...session.headers,
          ...bearer(bob),
          'Mcp-Session-Id': id,
          Accept: 'application/json, text/event-stream',
          'Content-Type': 'application/json',
        },
        ...(method === 'POST' && { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
      })
      const { date: _, ...headers } = answered.headers
      // Each refusal has an id of its own, by which the operator finds it in the log.
      return [answered.status, (await answered.whole()).replace(/"requestId":"[^"]*"/, '"requestId":""'), headers]
    }
    for (const method of ['POST', 'GET', 'DELETE']) {
      const [foreign, unknown] = [await answers(session.id, method), await answers('x'.repeat(43), method)]
      expect(foreign).toEqual(unknown)
      expect(foreign[0]).toBe(404)
    }
    expect(await session.text('echo', { text: 'still mine' })).toContain('still mine')
  })
})

describe('without a good key a request is 401, before its body is read', () => {
  const form = (key: Key): string => key.key
  test.each<[string, () => Record<string, string>, string]>([
    ['none', () => ({}), ''],
    ['a typing error', () => ({ Authorization: `Bearer ${form(ann).slice(0, -1)}x` }), ''],
    ['a key that is not known', () => ({ Authorization: `Bearer ${keys('create', '--line').key}` }), ''],
    ['a password', () => ({ Authorization: 'Basic YWxhZGRpbjpvcGVu' }), ''],
    ['a good key in the address', () => ({}), `?access_token=key`],
    ['a good key in the header and in the address', () => bearer(ann), '?api_key=key'],
    ['both headers', () => ({ ...bearer(ann), 'X-Api-Key': ann.key }), ''],
  ])('%s', async (_, headers, query) => {
    const address = `${mcplex.url}${query.replace('=key', `=${ann.key}`)}`
    // More is announced than is sent: an answer comes only if the body is not waited for.
    const answered = await inTime(
      'a refusal',
      send(address, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json',
          'Content-Length': '3000000',
          ...headers(),
        },
        body: '{',
      }),
    )
    expect(answered.status).toBe(401)
    expect(answered.headers['www-authenticate']).toMatch(/^Bearer realm="mcplex"/)
    expect(await answered.whole()).toMatch(/^unauthorized: Valid credentials are required\.\nid: \S+\n$/)
  })

  test('over HTTP/2 and for GET and DELETE as well', async () => {
    for (const method of ['GET', 'DELETE'])
      expect((await send(mcplex.url, { method, headers: { Accept: 'text/event-stream' } })).status).toBe(401)
    const h2 = await openH2(mcplex.origin)
    expect((await h2.post('{}').head()).status).toBe(401)
    h2.destroy()
  })
})

test('within a moment after it is revoked, a key is refused, its streams end and its sessions too; others stay', async () => {
  const eve = keys('create', '--subject', 'eve')
  const served = async (key: Key): Promise<boolean> =>
    (await initialize(mcplex.url, { headers: bearer(key) })).status === 200
  await eventually('the new key to be known', () => served(eve))
  const [session, other] = [await sessionOf(eve), await sessionOf(ann)]
  const [stream, otherStream] = [await session.listen(), await other.listen()]
  const sse = await send(`${mcplex.origin}/sse`, { headers: bearer(eve) })
  const arriving = send(mcplex.url, {
    method: 'POST',
    headers: { ...session.headers, 'Content-Type': 'application/json', 'Content-Length': '3000000' },
    body: '{',
  })
  const slow = await session.call('slow', { ms: 600_000 }, { progressToken: 1 })
  keys('revoke', eve.id)
  await inTime('the ends of its streams', Promise.all([stream.over, sse.over, slow.over]))
  expect((await inTime('a refusal of the body that still arrives', arriving)).status).toBe(401)
  expect((await session.call('echo', { text: 'x' })).status).toBe(401)
  await eventually('its session to end', () =>
    mcplex.log.some(
      ({ msg, session: ended, reason }) => msg === 'session ends' && ended !== undefined && reason === 'revoked',
    ),
  )
  expect(otherStream.isOver).toBe(false)
  expect(await other.text('echo', { text: 'still here' })).toContain('still here')
  otherStream.cut()
})

test('a new key of the same subject goes on with its sessions, and the old one ends', async () => {
  const old = keys('create', '--subject', 'fay')
  await eventually(
    'the new key to be known',
    async () => (await initialize(mcplex.url, { headers: bearer(old) })).status === 200,
  )
  const session = await sessionOf(old)
  const stream = await session.listen()
  const next = keys('rotate', old.id, '--overlap', '0s')
  await inTime('the end of its stream', stream.over)
  await eventually('the old key to be refused', async () => (await session.call('echo', { text: 'x' })).status === 401)
  const { status } = await session.call('echo', { text: 'x' }, { headers: bearer(next) })
  expect(status).toBe(200)
})

test('a keys file that is broken while it is in use changes nothing, and the log says so', async () => {
  const before = readFileSync(keysFile, 'utf8')
  writeFileSync(keysFile, '{')
  await eventually('the log to say so', () =>
    mcplex.log.some(({ msg }) => msg === 'the keys file was not read: the keys before stay in force'),
  )
  expect((await initialize(mcplex.url, { headers: bearer(ann) })).status).toBe(200)
  writeFileSync(keysFile, before)
})

test('no key is in the log, nor in the keys file, which only its owner can read', () => {
  const text = JSON.stringify(mcplex.log) + readFileSync(keysFile, 'utf8')
  for (const { key } of [ann, bob, written]) expect(text.includes(key.slice(18, 40))).toBe(false)
  expect(mcplex.log.some(({ msg, key_id: id }) => msg === 'credentials refused' && typeof id === 'string')).toBe(true)
  expect(statSync(keysFile).mode & 0o777).toBe(0o600)
})

test('what callers have is told to operators: anyone is told the status alone', async () => {
  const report = JSON.parse(await (await send(`${mcplex.origin}/health`)).whole()) as object
  expect(report).toEqual({ status: 'ok', ready: true, live: true, checks: {}, version: expect.any(String) })
  expect(await (await send(`${mcplex.origin}/readyz?verbose`)).whole()).toBe('readyz check passed\n')
  const { body } = await askAt(place.placesOf(mcplex.pid).socket, '/api/v1/instance')
  const { counts } = body as { counts: { apiKeys?: number } }
  expect(counts.apiKeys).toBeGreaterThanOrEqual(3)
})

describe('the command', () => {
  test('lists keys without their secrets, and knows none that is not there', () => {
    const listed = run('keys')
    expect(listed.status).toBe(0)
    expect(listed.stdout).toContain(ann.id)
    expect(listed.stdout).not.toContain(ann.key)
    const unknown = run('keys', 'revoke', ann.key)
    expect(unknown.status).toBe(1)
    expect(unknown.stderr).toContain('key_unknown')
    expect(unknown.stderr).not.toContain(ann.key)
  })

  test('refuses a file that other users may write, because they could make keys', () => {
    const open = join(folder, 'open.json')
    writeFileSync(open, '{"version":1,"keys":[]}')
    chmodSync(open, 0o666)
    const { status, stderr } = run('serve', '--auth', 'keys', '--keys-file', open, '--', process.execPath, echoLegacy)
    expect(status).toBe(78)
    expect(stderr).toContain('keys_file')
  })

  test('several at once lose no key', async () => {
    const shared = join(folder, 'shared.json')
    const make = (): Promise<void> =>
      new Promise((resolve, reject) => {
        execFile(process.execPath, [main, 'keys', 'create', '--keys-file', shared], (error) =>
          error ? reject(error) : resolve(),
        )
      })
    await Promise.all([make(), make(), make()])
    expect((JSON.parse(readFileSync(shared, 'utf8')) as { keys: unknown[] }).keys).toHaveLength(3)
  })
})
