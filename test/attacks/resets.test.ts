/**
 * Clients that reset their connection (RST) at any moment of any refusal, on a server of ours and behind those of
 * others: the same process serves on, keeps no connection, and has nothing to tell of it.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { request as requestPlainly } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { selfSigned } from '../fixtures/tls/self-signed.mjs'
import { eventually, inTime } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { inSession, type Open, refusals, resetAll, secured, securing } from '../support/resets.ts'
import { openSession } from '../support/session.ts'
import { fixture } from '../support/typed-command.ts'

const root = join(import.meta.dirname, '..', '..')

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** How many descriptors it has open, but for the three pipes of each server that it has started. */
const descriptors = (mcplex: Mcplex): number =>
  readdirSync(`/proc/${mcplex.pid}/fd`).length - 3 * mcplex.servers().length

/**
 * Connections of HTTP/2 that have broken the protocol are not looked at by node any more, so of these a reset is not
 * heard: they end when they have been idle for 10 s, or for 75 s if they brought a proper request before. Of the latter
 * there are a few among the hundreds.
 */
const longestMs = 40_000
const fewIdle = 12

/** The same process answers, has kept no connection, logged nothing but news, and ends as it should. */
async function expectUnharmed(
  mcplex: Mcplex,
  before: number,
  status: () => Promise<number | undefined>,
): Promise<void> {
  expect(await status()).toBe(200)
  expect(mcplex.log.filter(({ level }) => level !== 'info')).toEqual([])
  await eventually('the connections to be gone', () => descriptors(mcplex) <= before + fewIdle, longestMs)
  expect(await mcplex.end()).toEqual({ code: 0, signal: null })
}

const statusOf = (ask: typeof request, options: RequestOptions): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = ask({ path: '/livez', agent: false, ...options }, (answer) => resolve(answer.resume().statusCode))
    asked.once('error', reject).end()
  })

test('a port', { timeout: 60_000 }, async () => {
  const mcplex = await mcplexForTest()
  const { port } = new URL(mcplex.url)
  const session = await openSession(mcplex.url)
  expect(await session.text('echo', { text: 'before' })).toBe('before')
  const before = descriptors(mcplex)
  const sent = [...refusals('/mcp'), ...inSession('/mcp', session)]
  for (let round = 0; round < 2; round++) expect(await resetAll(Number(port), sent)).toBeGreaterThan(600)
  expect(await session.text('echo', { text: 'after' })).toBe('after')
  await expectUnharmed(mcplex, before, () => statusOf(requestPlainly, { port }))
})

test('a Unix socket', { timeout: 60_000 }, async () => {
  const socketPath = join(temporaryFolder(), 's')
  const mcplex = await mcplexForTest({ options: ['--socket', socketPath] })
  const before = descriptors(mcplex)
  for (let round = 0; round < 2; round++) await resetAll(socketPath, refusals('/mcp'))
  await expectUnharmed(mcplex, before, () => statusOf(requestPlainly, { socketPath }))
})

test('a port with TLS, in the handshake and behind it', { timeout: 90_000 }, async () => {
  const folder = temporaryFolder()
  const { cert, key } = selfSigned()
  writeFileSync(join(folder, 'cert'), cert)
  writeFileSync(join(folder, 'key'), key)
  const mcplex = await mcplexForTest({
    options: ['--tls-cert', join(folder, 'cert'), '--tls-key', join(folder, 'key')],
  })
  const { port } = new URL(mcplex.url)
  const before = descriptors(mcplex)
  const never: Open = (socket) => Promise.resolve(socket)
  const cut = [0, 2, 5].map((ms) => securing(ms))
  const done = [['http/1.1'], ['h2'], ['spdy/3'], []].map((protocols) => secured(protocols))
  for (const open of [never, ...cut, ...done]) await resetAll(Number(port), refusals('/mcp'), open)
  await expectUnharmed(mcplex, before, () => statusOf(request, { port, host: 'localhost', ca: cert }))
})

/** Programs that put mcplex behind a server of their own, which ends with the first uncaught error. */
const hosts = [
  'examples/embed-node-http.mjs',
  'examples/embed-express.mjs',
  'examples/embed-fastify.mjs',
  'examples/embed-hono.mjs',
  'examples/embed-fetch.mjs',
  'test/attacks/host-http2.mjs',
  'test/attacks/host-upgrades.mjs',
]

test.each(hosts)('a server of another user: %s', async (host) => {
  const child = spawn(process.execPath, [join(root, host), ...fixture('echo-legacy.mjs')], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text) => (said += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = await eventually(`${host} to be ready`, () => /ready: (\S+)/.exec(said)?.[1])
  const { port, pathname } = new URL(url)
  for (let round = 0; round < 2; round++) {
    await resetAll(Number(port), refusals(pathname))
    expect(child.exitCode, said).toBe(null)
  }
  expect(await statusOf(requestPlainly, { port, path: '/' }).catch(() => 'HTTP/2')).toBeDefined()
  child.kill('SIGTERM')
  expect(await inTime(`${host} to end; it said ${said}`, ended)).toBe(0)
})
