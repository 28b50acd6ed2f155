/** Clients that come while the server starts: they wait for it, and none has to come a second time. */
import { Client as NewClient, StreamableHTTPClientTransport as NewHttp } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textIn } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { nodeHandler } from '../../src/transports/http/listen.ts'
import { createGateway, type Gateway, type PartialSettings } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf, refusalIn } from '../support/rpc.ts'
import { initialize } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

const command = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

interface Started {
  readonly gateway: Gateway
  readonly url: string
  /** Resolves when the server has started, or could not. */
  readonly started: Promise<unknown>
}

/** A gateway that can be asked before its server has started. */
async function startLate(server: readonly string[], settings: Partial<PartialSettings> = {}): Promise<Started> {
  const upstream = { command: process.execPath, args: server, ...settings.upstream }
  const gateway = createGateway({ ...settings, upstream })
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await gateway.close()
  })
  const address = listener.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`
  return { gateway, url, started: gateway.start().catch((error: unknown) => error) }
}

const late = (server: string, ms: number): readonly string[] => [server, `--start-delay=${ms}`]
const called = { content: [{ text: 'hi' }] }
const echo = { name: 'echo', arguments: { text: 'hi' } }
const info = { name: 'early', version: '1' }

describe.each([
  ['session-based', echoLegacy],
  ['stateless', echoModern],
])('while a %s server starts', (_era, server) => {
  test('clients of both SDKs and transports connect at once, and are served when it has', async () => {
    const { url } = await startLate(late(server, 1500))
    const at = new URL(url)
    const old = new OldClient(info)
    const sse = new OldClient(info)
    const plain = new NewClient(info)
    const auto = new NewClient(info, { versionNegotiation: { mode: 'auto' } })
    const all = [old, sse, plain, auto]
    onTestFinished(async () => void (await Promise.all(all.map((client) => client.close()))))
    await Promise.all([
      old.connect(new OldHttp(at)),
      sse.connect(new SSEClientTransport(new URL('sse', at))),
      plain.connect(new NewHttp(at)),
      auto.connect(new NewHttp(at)),
    ])
    for (const client of all) expect(await client.callTool(echo)).toMatchObject(called)
  })
})

test('discovery is answered in time for a client that gives it five seconds, and initialize waits on', async () => {
  const { url, gateway } = await startLate(late(echoLegacy, 7000))
  const waits = initialize(url)
  const asked = Date.now()
  const discover = await ask(url, 'server/discover', {}, { id: 'd' })
  expect([discover.status, messagesOf(discover)[0]]).toMatchObject([200, { id: 'd', error: { code: -32601 } }])
  // Four seconds; five times that would be a hang.
  expect(Date.now() - asked).toBeLessThan(20_000)
  expect((await gateway.health()).status).toBe('starting')
  expect((await waits).status).toBe(200)
})

test('no more clients wait than the queue holds, and a client that leaves makes room', async () => {
  const { url, gateway } = await startLate(late(echoLegacy, 3000), { limits: { queue: 2 } })
  const leaving = new AbortController()
  const left = initialize(url, {}, { headers: headers(), signal: leaving.signal }).catch(() => 'left')
  const second = initialize(url)
  await eventually('two wait', async () => (await gateway.health()).counts?.['waitingClients'] === 2)
  const third = await initialize(url)
  expect([third.status, third.headers['retry-after'], messagesOf(third).map(reasonOf)]).toEqual([
    503,
    '1',
    ['starting'],
  ])
  expect(messagesOf(third)[0]).toHaveProperty('id', 0)
  const discover = await ask(url, 'server/discover')
  expect(discover.status).toBe(200)
  leaving.abort()
  expect(await left).toBe('left')
  await eventually('one waits', async () => (await gateway.health()).counts?.['waitingClients'] === 1)
  const [fourth] = await Promise.all([initialize(url), second])
  expect([fourth.status, (await second).status]).toEqual([200, 200])
})

test('a start that fails is told to all that wait for it, under the ids of their requests', async () => {
  const { url, started } = await startLate(['-e', 'setTimeout(() => process.exit(1), 500)'])
  const waits = await initialize(url)
  expect(await started).toBeInstanceOf(Error)
  expect([waits.status, messagesOf(waits)[0]]).toMatchObject([
    200,
    { id: 0, error: { data: { reason: 'upstream_unavailable' } } },
  ])
})

test('the end of mcplex ends the wait', async () => {
  const { url, gateway } = await startLate(late(echoLegacy, 20_000))
  const waits = initialize(url)
  await eventually('it waits', async () => (await gateway.health()).counts?.['waitingClients'] === 1)
  await gateway.close()
  expect(messagesOf(await waits).map(reasonOf)).toEqual(['draining'])
})

test('a command that is ended while its server starts tells those that wait', async () => {
  const socketPath = join(await temporaryFolder(), 's')
  const server = late(echoLegacy, 20_000)
  const child = spawn(process.execPath, [command, 'serve', '--socket', socketPath, '--', process.execPath, ...server], {
    stdio: 'ignore',
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  await eventually('it listens', () => existsSync(socketPath))
  const asked = request({ socketPath, path: '/mcp', method: 'POST', headers: headers() })
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info }
  asked.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }))
  const answered = once(asked, 'response')
  await eventually('it waits', () => waitsAt(socketPath))
  child.kill('SIGTERM')
  const [response] = (await answered) as [IncomingMessage]
  expect([response.statusCode, await textIn(response)]).toEqual([503, expect.stringContaining('"draining"')])
  expect(await exited).toEqual([0, null])
})

/** Whether a client waits for the start. */
async function waitsAt(socketPath: string): Promise<boolean> {
  const [response] = (await once(get({ socketPath, path: '/health' }), 'response')) as [IncomingMessage]
  return /"waitingClients": 1/.test(await textIn(response))
}

test('requests that need no server are answered at once', async () => {
  const { url } = await startLate(late(echoLegacy, 20_000))
  const stream = await send(url, { headers: { Accept: 'text/event-stream' } })
  expect([stream.status, refusalIn(await stream.whole())]).toEqual([400, 'session_required'])
  const wrong = await send(url, { method: 'POST', body: '{', headers: headers() })
  expect([wrong.status, refusalIn(await wrong.whole())]).toEqual([400, 'parse_error'])
})

function headers(): Record<string, string> {
  return { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
}
