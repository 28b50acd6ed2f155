/** Requests without good credentials: nothing is kept for them, and nothing is started. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { descendantsOf } from '../children/processes.ts'
import { askAt, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { openH2 } from '../support/h2.ts'
import { bearer, keyOf, publicUrl, startIssuer } from '../support/issuer.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { rawClient, requestBytes } from '../support/raw-http.ts'
import { openSession } from '../support/session.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const requests = 3000
const mostMiB = 40
const each = { http1: 5, http2: 100 }
const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

const small = initializeWith('')
/** Above what a request may be without being counted as memory. */
const big = initializeWith('x'.repeat(mebibyte / 4))

function initializeWith(filler: string): string {
  const clientInfo = { name: 'a', version: '1', filler }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  return JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
}

/** Credentials that are missing, or bad in one of many ways; each as often as any other. */
async function badCredentials(): Promise<{ readonly issuer: string; all: ReadonlyArray<Record<string, string>> }> {
  const [trusted, stranger] = [await startIssuer('a'), await startIssuer('a')]
  onTestFinished(() => [trusted, stranger].forEach((one) => one.close()))
  const { key } = keyOf('acme', 'eve')
  const [head = '', claims = ''] = trusted.token().split('.')
  const tokens = [
    key,
    `${key.slice(0, -1)}x`,
    stranger.token(),
    // What a stranger signs in the name of the issuer, by the id of its key and by one that is not known.
    stranger.token({ iss: trusted.url }),
    trusted.token({}, 'unknown'),
    trusted.token({ exp: 1 }),
    trusted.token({ aud: 'https://elsewhere.example.com' }),
    `${head}.${claims}.`,
    'opaque',
    'x'.repeat(9000),
  ]
  return { issuer: trusted.url, all: [{}, { authorization: 'Basic YWxhZGRpbjpvcGVu' }, ...tokens.map(lowerBearer)] }
}

const lowerBearer = (token: string): Record<string, string> => ({ authorization: bearer(token).Authorization })

const isBig = (at: number): boolean => at % 5 === 0
const bodyOf = (at: number): string => (isBig(at) ? big : small)

/** A half of the requests, with as many connections as it takes for all to be open at once. @returns the statuses */
async function askOverHttp1(target: Target, headers: ReadonlyArray<Record<string, string>>): Promise<number[]> {
  const port = Number(new URL(target.origin).port)
  const clients = await Promise.all(Array.from({ length: headers.length / each.http1 }, () => rawClient(port)))
  const all = await Promise.all(
    clients.map(async (client, index) => {
      const statuses: number[] = []
      for (let at = index * each.http1; at < (index + 1) * each.http1; at++) {
        const fresh = client.isClosed() ? await rawClient(port) : client
        const before = fresh === client ? statuses.length : 0
        fresh.write(requestBytes('POST /mcp', { ...json, ...headers[at] }, bodyOf(at)))
        const responses = await fresh.responses(before + 1)
        statuses.push(responses.at(-1)?.status ?? 0)
        if (fresh !== client) fresh.destroy()
      }
      return statuses
    }),
  )
  for (const client of clients) client.destroy()
  return all.flat()
}

async function askOverHttp2(target: Target, headers: ReadonlyArray<Record<string, string>>): Promise<number[]> {
  const connections = await Promise.all(
    Array.from({ length: headers.length / each.http2 }, () => openH2(target.origin, { maxSessionMemory: 100 })),
  )
  const answers = connections.flatMap((connection, index) =>
    headers
      .slice(index * each.http2, (index + 1) * each.http2)
      .map((own, at) => connection.post(bodyOf(index * each.http2 + at), own)),
  )
  const statuses = await Promise.all(answers.map(async (answer) => (await answer.end()).status ?? 0))
  for (const connection of connections) connection.destroy()
  return statuses
}

test('3,000 times initialize without good credentials: less than 40 MiB, no session, no process', async () => {
  const place = runtimeFolder()
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-anonymous-'))
  onTestFinished(() => {
    place.remove()
    rmSync(folder, { recursive: true })
  })
  const { issuer, all } = await badCredentials()
  const good = keyOf('acme', 'ann')
  const file = join(folder, 'mcplex.yaml')
  const auth = { methods: ['keys', 'oauth'], keys: [good.line], issuers: [issuer], publicUrl }
  writeFileSync(
    file,
    JSON.stringify({ auth, upstreams: { echo: { command: [process.execPath, echoLegacy], pool: { spares: 0 } } } }),
  )
  const target = await startTarget(256, { file, env: place.env })

  const { socket } = place.placesOf(target.pid)
  const counted = async (): Promise<Readonly<Record<string, number | undefined>>> => {
    const { body } = await askAt(socket, '/api/v1/instance')
    const { sessions, clients, streams, calls, workers } = (body as { counts: Readonly<Record<string, number>> }).counts
    return { sessions, clients, streams, calls, workers }
  }
  const attack = async (count: number): Promise<void> => {
    const headers = Array.from({ length: count / 2 }, (_, at) => all[at % all.length] ?? {})
    const statuses = [await askOverHttp1(target, headers), await askOverHttp2(target, headers)].flat()
    expect(statuses).toHaveLength(count)
    expect(new Set(statuses)).toEqual(new Set([401]))
  }

  // What is loaded and compiled once is no cost of a request.
  await attack(requests / 5)
  const session = await openSession(target.url, { headers: bearer(good.key) })
  const before = await counted()
  const processes = descendantsOf(target.pid)
  const { bytes } = await target.inUse()
  await attack(requests)
  const { mostBytes } = await target.inUse()
  expect((mostBytes - bytes) / mebibyte, 'MiB in use above rest').toBeLessThan(mostMiB)
  expect(descendantsOf(target.pid)).toEqual(processes)
  expect(await counted()).toEqual(before)
  await eventually('a heap as before', async () => (await target.heapBytes()) < bytes * 1.1)
  expect(await session.text('echo', { text: 'still here' })).toBe('still here')
})
