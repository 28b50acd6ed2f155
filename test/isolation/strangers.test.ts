/**
 * Sessions of other callers: whoever asks for one, by whatever verb and transport, gets byte for byte what an unknown session
 * gets, as fast, and neither brings a session of its own choice into being nor guesses one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type H2Client, openH2 } from '../support/h2.ts'
import { send } from '../support/http.ts'
import { bearer, keyOf, publicUrl, startIssuer, type Issuer } from '../support/issuer.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { rawClient, requestBytes } from '../support/raw-http.ts'
import { initialize, openSession, type Session } from '../support/session.ts'
import { openStream, type StreamClient } from '../support/stream-client.ts'

type Headers = Readonly<Record<string, string>>

const folder = mkdtempSync(join(tmpdir(), 'mcplex-strangers-'))
const owner = keyOf('acme', 'ann')
const colleague = keyOf('acme', 'bob')
const namesake = keyOf('globex', 'ann')
const version = '2025-11-25'

let issuer: Issuer
let mcplex: Mcplex
let port: number
let session: Session
let event: string
let sse: StreamClient
let h2: H2Client

beforeAll(async () => {
  issuer = await startIssuer('a')
  const file = join(folder, 'mcplex.yaml')
  const keys = [owner, colleague, namesake].map(({ line }) => line)
  const issuers = [`${issuer.url} tenantClaim=org`]
  const upstreams = { echo: { command: [process.execPath, echoLegacy], stateless: 'principal' } }
  const tenants = { default: { upstreams: ['*'] }, acme: {}, globex: {} }
  writeFileSync(
    file,
    JSON.stringify({ auth: { methods: ['keys', 'oauth'], keys, issuers, publicUrl }, upstreams, tenants }),
  )
  mcplex = await startMcplex({ file })
  port = Number(new URL(mcplex.origin).port)
  h2 = await openH2(mcplex.origin)
  session = await openSession(mcplex.url, { headers: bearer(owner.key) })
  const told = await session.call('notify', { count: 2, bytes: 10, kind: 'progress' }, { progressToken: 1 })
  await told.whole()
  event = told.events.find(({ id }) => id !== undefined && id !== '')?.id ?? ''
  const headers = { Accept: 'text/event-stream', 'Content-Type': 'application/json', ...bearer(owner.key) }
  sse = await openStream(mcplex.url, { headers })
})
afterAll(async () => {
  sse?.stream.cut()
  h2?.destroy()
  await mcplex?.end()
  issuer?.close()
  rmSync(folder, { recursive: true })
})

const strangers: ReadonlyArray<readonly [string, () => Headers]> = [
  ['another subject of the tenant', () => bearer(colleague.key)],
  ['the same subject of another tenant', () => bearer(namesake.key)],
  ['a token with the same tenant and subject', () => bearer(issuer.token({ sub: 'ann', org: 'acme' }))],
]

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const eventStream = { Accept: 'text/event-stream' }
const message = (more: object): string => JSON.stringify({ jsonrpc: '2.0', ...more })
const list = message({ id: 1, method: 'tools/list' })
const call = message({ id: 1, method: 'tools/call', params: { name: 'whoami' } })
const cancel = message({ method: 'notifications/cancelled', params: { requestId: 1 } })

interface Probe {
  readonly method: string
  readonly headers?: Headers
  readonly body?: string
}

/** Requests that name a session. */
const probes: ReadonlyArray<readonly [string, () => Probe]> = [
  ['a list', () => ({ method: 'POST', headers: json, body: list })],
  ['a call', () => ({ method: 'POST', headers: json, body: call })],
  ['a call that wants JSON', () => ({ method: 'POST', headers: { ...json, Accept: 'application/json' }, body: call })],
  ['an unknown method', () => ({ method: 'POST', headers: json, body: message({ id: 'x', method: 'made/up' }) })],
  ['a notification', () => ({ method: 'POST', headers: json, body: cancel })],
  ['an answer', () => ({ method: 'POST', headers: json, body: message({ id: 0, result: {} }) })],
  ['a batch', () => ({ method: 'POST', headers: json, body: `[${list},${call}]` })],
  ['no JSON', () => ({ method: 'POST', headers: json, body: '{' })],
  [
    'a large body',
    () => ({
      method: 'POST',
      headers: json,
      body: message({ id: 1, method: 'tools/call', params: { name: 'x'.repeat(300_000) } }),
    }),
  ],
  ['a stream', () => ({ method: 'GET', headers: eventStream })],
  ['a stream that goes on', () => ({ method: 'GET', headers: { ...eventStream, 'Last-Event-ID': event } })],
  ['a stream after no event', () => ({ method: 'GET', headers: { ...eventStream, 'Last-Event-ID': 'none' } })],
  ['no stream', () => ({ method: 'GET', headers: { Accept: 'application/json' } })],
  ['the end', () => ({ method: 'DELETE' })],
]

const oneId = /"requestId":"[^"]*"|id: \S+\n/g

/** The whole answer, without what differs from one request to the next: its time, and the id it has in the log. */
async function overHttp1(path: string, { method, headers = {}, body }: Probe, of: Headers): Promise<string> {
  const client = await rawClient(port, requestBytes(`${method} ${path}`, { ...headers, ...of }, body))
  await client.responses(1)
  client.destroy()
  const text = client.received()
  // A stream has begun if there is no whole answer.
  return text.replace(/\r\ndate: [^\r]*/i, '').replace(oneId, 'ID')
}

async function overHttp2(path: string, { method, headers = {}, body }: Probe, of: Headers): Promise<string> {
  const lower = Object.fromEntries(
    Object.entries({ ...headers, ...of }).map(([name, one]) => [name.toLowerCase(), one]),
  )
  const asked = { headers: { ':method': method, ...lower }, ...(body !== undefined && { body }) }
  const answer = await h2.request(path, asked).end()
  const { date: _, ...rest } = answer.headers
  return JSON.stringify([rest, answer.text.replace(oneId, 'ID')])
}

/** Where the stream is posted to, without the id of its session, and that id. */
function addressOfStream(): { readonly path: string; readonly id: string } {
  const { pathname, search } = new URL(sse.address)
  const at = search.indexOf('=') + 1
  return { path: pathname + search.slice(0, at), id: search.slice(at) }
}

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d+)|":status":(\d+)/.exec(text)?.slice(1).join(''))
const unknown = 'x'.repeat(43)

describe.each(strangers)('%s', (_who, credentials) => {
  test.each(probes)('asks for %s of the session and is told of an unknown one', async (_what, probe) => {
    for (const asked of [overHttp1, overHttp2]) {
      const of = (id: string): Headers => ({ ...credentials(), 'Mcp-Session-Id': id, 'MCP-Protocol-Version': version })
      const foreign = await asked('/mcp', probe(), of(session.id))
      expect(foreign).toBe(await asked('/mcp', probe(), of(unknown)))
      expect(statusOf(foreign)).toBeGreaterThanOrEqual(400)
    }
  })

  test.each([list, call, cancel, '{', `[${list}]`])(
    'posts %s to the address of the stream and is told of an unknown one',
    async (body) => {
      const { path, id } = addressOfStream()
      const probe = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
      for (const asked of [overHttp1, overHttp2]) {
        const foreign = await asked(path + id, probe, credentials())
        expect(foreign).toBe(await asked(path + unknown, probe, credentials()))
        expect(statusOf(foreign)).toBeGreaterThanOrEqual(400)
      }
    },
  )

  test('reaches neither session at the address of the other transport', async () => {
    const { path, id } = addressOfStream()
    const probe = { method: 'POST', headers: json, body: list }
    const crossed = await overHttp1(`${path}${session.id}`, probe, credentials())
    expect(crossed).toBe(await overHttp1(`${path}${unknown}`, probe, credentials()))
    const other = { ...credentials(), 'Mcp-Session-Id': id }
    expect(await overHttp1('/mcp', probe, other)).toBe(
      await overHttp1('/mcp', probe, { ...other, 'Mcp-Session-Id': unknown }),
    )
  })

  test('gets a session of its own, whatever id it asks for', async () => {
    for (const wanted of [session.id, unknown, 'chosen']) {
      const answered = await initialize(mcplex.url, { headers: { ...credentials(), 'Mcp-Session-Id': wanted } })
      const given = String(answered.headers['mcp-session-id'])
      expect([answered.status, given === wanted]).toEqual([200, false])
      const headers = { ...json, ...credentials(), 'Mcp-Session-Id': wanted }
      expect((await send(mcplex.url, { method: 'POST', headers, body: list })).status).toBe(404)
      await send(mcplex.url, { method: 'DELETE', headers: { ...credentials(), 'Mcp-Session-Id': given } })
    }
  })
})

test('what strangers have tried has changed nothing for whose they are', async () => {
  expect(await session.text('echo', { text: 'mine' })).toBe('mine')
  const resumed = await session.listen(event)
  expect([resumed.status, (await resumed.whole()).includes('sent 2')]).toEqual([200, true])
  expect(sse.stream.isOver).toBe(false)
  expect(sse.messages()).toEqual([])
})

test('2,000 ids that are near that of a session find none', async () => {
  const { id } = session
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const replaced = id
    .split('')
    .flatMap((_, at) => digits.split('').map((digit) => id.slice(0, at) + digit + id.slice(at + 1)))
  const cut = id.split('').flatMap((_, at) => [id.slice(at + 1), id.slice(0, at), `${id}${id.slice(0, at + 1)}`])
  const guesses = [...replaced, ...cut].filter((guess) => guess !== id && guess !== '').slice(-2000)
  expect(guesses).toHaveLength(2000)
  const headers = { ...json, ...bearer(owner.key) }
  const statuses = new Set<number>()
  const tell = async (own: readonly string[]): Promise<void> => {
    const client = await rawClient(port)
    for (const [at, guess] of own.entries()) {
      client.write(requestBytes('POST /mcp', { ...headers, 'Mcp-Session-Id': guess }, list))
      statuses.add((await client.responses(at + 1))[at]?.status ?? 0)
    }
    client.destroy()
  }
  await Promise.all(Array.from({ length: 50 }, (_, part) => tell(guesses.slice(part * 40, (part + 1) * 40))))
  expect([...statuses]).toEqual([404])
})

test('ids of sessions have at least 128 random bits, and none tells anything of another', async () => {
  const ids = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const one = await openSession(mcplex.url, { headers: bearer(colleague.key), unfinished: true })
      await one.end()
      return one.id
    }),
  )
  const bytes = ids.map((id) => Buffer.from(id, 'base64url'))
  expect(Math.min(...bytes.map(({ length }) => length))).toBeGreaterThanOrEqual(16)
  // Each bit of the last 16 bytes is set in about half of them: 8 to 56 of 64, but for one time in a billion.
  for (let bit = 0; bit < 128; bit++) {
    const set = bytes.filter((one) => ((one.at(-1 - (bit >> 3)) ?? 0) >> (bit & 7)) & 1).length
    expect([bit, set > 7 && set < 57]).toEqual([bit, true])
  }
})

/** Five times what the bench judges: `node bench/run.mjs identity`. */
const mostApartMs = 10

test('the session of somebody else takes as long as an unknown one', async () => {
  const client = await rawClient(port)
  const times = new Map<string, number[]>([
    [session.id, []],
    [unknown, []],
  ])
  const answer = (): Promise<void> => new Promise((resolve) => void client.socket.once('data', () => resolve()))
  for (let round = 0; round < 1000; round++)
    for (const [id, taken] of round % 2 === 0 ? times : [...times].toReversed()) {
      const headers = { ...json, ...bearer(namesake.key), 'Mcp-Session-Id': id }
      const startedAt = performance.now()
      const answered = answer()
      client.write(requestBytes('POST /mcp', headers, call))
      await answered
      taken.push(performance.now() - startedAt)
    }
  client.destroy()
  const [foreign = 0, none = 0] = [...times.values()].map((taken) => taken.toSorted((a, b) => a - b)[500])
  expect(Math.abs(foreign - none)).toBeLessThan(mostApartMs)
})
