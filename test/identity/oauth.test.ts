/** Tokens of a real authorization server: its clients go through the whole flow without a browser, with both official SDKs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  ClientCredentialsProvider as Credentials2,
  Client as Client2,
  StreamableHTTPClientTransport as Http2,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { ClientCredentialsProvider as Credentials1 } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, inTime } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { initialize, openSession } from '../support/session.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcplex-oauth-'))
const secret = 'not-a-secret-but-long-enough-for-a-test'

let server: ChildProcess
let issuer: string
let mcplex: Mcplex
let resource: string

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

beforeAll(async () => {
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  resource = `${publicUrl}/mcp`
  server = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/authorization-server.mjs'), resource], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { stdout } = server
  if (!stdout) throw new Error('the authorization server has no output')
  issuer = await inTime(
    'the authorization server',
    new Promise<string>((resolve) => createInterface(stdout).once('line', resolve)),
  )
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      auth: {
        methods: ['oauth', 'keys'],
        issuers: [`${issuer} tenant=robots`],
        publicUrl,
        scopes: ['mcp:tools tools/*', 'mcp:admin logging/*'],
      },
      upstreams: { echo: { command: [process.execPath, echoLegacy] } },
    }),
  )
  mcplex = await startMcplex({ file, options: ['--port', String(port)] })
})
afterAll(async () => {
  await mcplex?.end()
  server?.kill()
  rmSync(folder, { recursive: true, force: true })
})

async function token(): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`robot:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'mcp:tools' }),
  })
  const { access_token: found } = (await response.json()) as { access_token: string }
  return found
}

const bearer = (value: string): { Authorization: string } => ({ Authorization: `Bearer ${value}` })

describe('a client of the official SDK finds the authorization server by itself, gets a token and is served', () => {
  const options = (): { clientId: string; clientSecret: string; expectedIssuer: string; scope: string } => ({
    clientId: 'robot',
    clientSecret: secret,
    expectedIssuer: issuer,
    scope: 'mcp:tools',
  })

  test('version 1', async () => {
    const client = new Client1({ name: 'robot', version: '1' })
    const authProvider = new Credentials1(options())
    await client.connect(new Http1(new URL(mcplex.url), { authProvider }))
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'one' } })
    expect(content).toEqual([{ type: 'text', text: 'one' }])
    await client.close()
  })

  test('version 2', async () => {
    const client = new Client2({ name: 'robot', version: '1' })
    const authProvider = new Credentials2(options())
    await client.connect(new Http2(new URL(mcplex.url), { authProvider }))
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'two' } })
    expect(content).toEqual([{ type: 'text', text: 'two' }])
    await client.close()
  })
})

test('a renewed token keeps the session', async () => {
  const session = await openSession(mcplex.url, { headers: bearer(await token()) })
  const answered = await session.call('echo', { text: 'x' }, { headers: bearer(await token()) })
  expect(answered.status).toBe(200)
})

test('a request without a token is told where the metadata is, and the metadata where tokens are', async () => {
  const { status, headers } = await initialize(mcplex.url)
  expect(status).toBe(401)
  const challenge = headers['www-authenticate'] ?? ''
  expect(challenge).toContain('scope="mcp:tools mcp:admin"')
  expect(challenge).not.toContain('error=')
  const address = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? ''
  expect(address).toBe(`${mcplex.origin}/.well-known/oauth-protected-resource/mcp`)
  const metadata: unknown = JSON.parse(await (await send(address)).whole())
  expect(metadata).toMatchObject({ resource, authorization_servers: [issuer], bearer_methods_supported: ['header'] })
})

test.each([
  ['/.well-known/oauth-protected-resource', '/mcp'],
  ['/.well-known/oauth-protected-resource/mcp/echo', '/mcp/echo'],
  ['/.well-known/oauth-protected-resource/sse', '/sse'],
])('%s describes %s', async (path, endpoint) => {
  const found = JSON.parse(await (await send(mcplex.origin + path)).whole()) as { resource: string }
  expect(found.resource).toBe(mcplex.origin + endpoint)
})

test.each([
  '/.well-known/oauth-protected-resource/messages',
  '/.well-known/oauth-protected-resource/x/y',
  '/.well-known/x',
])('%s is not there', async (path) => expect((await send(mcplex.origin + path)).status).toBe(404))

test('a token that lacks a scope is 403 before anything is done, and told which scopes are needed', async () => {
  const session = await openSession(mcplex.url, { headers: bearer(await token()) })
  const answered = await session.post({ id: 1, method: 'logging/setLevel', params: { level: 'debug' } })
  expect(answered.status).toBe(403)
  expect(answered.headers['www-authenticate']).toContain(
    'error="insufficient_scope", scope="mcp:admin", resource_metadata="',
  )
  expect(await answered.whole()).toContain('insufficient_scope')
  expect((await session.call('echo', { text: 'x' })).status).toBe(200)
})

test('a changed token is 401, like a token that is none', async () => {
  const good = await token()
  const [head, claims, signature = ''] = good.split('.')
  for (const value of ['abc', `${head}.${claims}.${signature.slice(0, -4)}AAAA`]) {
    const answered = await initialize(mcplex.url, { headers: bearer(value) })
    expect(answered.status).toBe(401)
    expect(answered.headers['www-authenticate']).toContain('error="invalid_token"')
    expect(await answered.whole()).toMatch(/^unauthorized: /)
  }
  await eventually('the log to have the reason', () =>
    mcplex.log.some(({ msg, reason }) => msg === 'credentials refused' && reason === 'wrong_signature'),
  )
  expect(JSON.stringify(mcplex.log)).not.toContain(signature)
})

test('a token is of its tenant, and its sessions are of nobody else', async () => {
  await openSession(mcplex.url, { headers: bearer(await token()) })
  await eventually('the log to name the tenant', () =>
    mcplex.log.some(({ msg, tenant }) => msg === 'session begins' && tenant === 'robots'),
  )
})
