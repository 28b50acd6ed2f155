/** Opaque tokens of a real authorization server, which mcplex asks what they are. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, inTime } from '../support/eventually.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { initialize, openSession } from '../support/session.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcplex-introspection-'))
const publicUrl = 'https://mcp.example.com'
const resource = `${publicUrl}/mcp`
const secrets = {
  robot: 'not-a-secret-but-long-enough-for-a-test',
  mcplex: 'a-secret-of-mcplex-long-enough-for-a-test',
}
const given: string[] = []

let server: ChildProcess
let issuer: string
let mcplex: Mcplex

beforeAll(async () => {
  const program = join(import.meta.dirname, '../fixtures/authorization-server.mjs')
  server = spawn(process.execPath, [program, resource, 'opaque'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const { stdout } = server
  if (!stdout) throw new Error('the authorization server has no output')
  issuer = await inTime(
    'the authorization server',
    new Promise<string>((resolve) => createInterface(stdout).once('line', resolve)),
  )
  const file = join(folder, 'mcplex.yaml')
  const asked = `introspection=${issuer}/token/introspection clientId=mcplex clientSecret=\${CLIENT_SECRET}`
  writeFileSync(
    file,
    JSON.stringify({
      auth: {
        methods: ['oauth', 'keys'],
        issuers: [`${issuer} tenant=robots remember=1s ${asked}`],
        publicUrl,
        scopes: ['mcp:tools tools/*', 'mcp:admin logging/*'],
      },
      upstreams: { echo: { command: [process.execPath, echoLegacy] } },
    }),
  )
  mcplex = await startMcplex({ file, env: { CLIENT_SECRET: secrets.mcplex } })
})
afterAll(async () => {
  await mcplex?.end()
  server?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string, body: Record<string, string>): Promise<Response> {
  return fetch(issuer + path, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`robot:${secrets.robot}`).toString('base64')}` },
    body: new URLSearchParams(body),
  })
}

async function token(): Promise<string> {
  const response = await ask('/token', { grant_type: 'client_credentials', resource, scope: 'mcp:tools' })
  const { access_token: found } = (await response.json()) as { access_token: string }
  expect(found).not.toContain('.')
  given.push(found)
  return found
}

const bearer = (value: string): { Authorization: string } => ({ Authorization: `Bearer ${value}` })

test('a client with an opaque token is served, as far as its scopes go', async () => {
  const session = await openSession(mcplex.url, { headers: bearer(await token()) })
  expect(await session.text('echo', { text: 'one' })).toContain('one')
  expect((await session.call('echo', { text: 'x' }, { headers: bearer(await token()) })).status).toBe(200)
  const refused = await session.post({ id: 9, method: 'logging/setLevel', params: { level: 'info' } })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([403, expect.stringContaining('mcp:admin')])
})

test('a token that is revoked is refused as soon as the last answer is too old', async () => {
  const known = await token()
  const session = await openSession(mcplex.url, { headers: bearer(known) })
  expect((await ask('/token/revocation', { token: known })).status).toBe(200)
  await eventually('the refusal', async () => (await session.post({ id: 5, method: 'ping' })).status === 401)
  expect((await initialize(mcplex.url, { headers: bearer('made-up') })).status).toBe(401)
  expect(mcplex.log.filter(({ reason }) => reason === 'inactive').length).toBeGreaterThan(1)
})

test('while the server does not answer, known tokens are good and unknown ones come again later', async () => {
  const session = await openSession(mcplex.url, { headers: bearer(await token()) })
  server.kill('SIGSTOP')
  try {
    const refused = await initialize(mcplex.url, { headers: bearer('never-seen') })
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '2'])
    expect(await refused.whole()).toMatch(/^issuer_unavailable: .*\nid: /)
    expect(refused.headers['www-authenticate']).toBeUndefined()
    expect(await session.text('echo', { text: 'still' })).toContain('still')
  } finally {
    server.kill('SIGCONT')
  }
  await eventually('the server again', async () => {
    const { status } = await initialize(mcplex.url, { headers: bearer(await token()) })
    return status === 200
  })
})

test('neither tokens nor the secret are in the log', () => {
  const log = JSON.stringify(mcplex.log)
  for (const value of [...given, ...Object.values(secrets), 'never-seen', 'made-up']) expect(log).not.toContain(value)
})
