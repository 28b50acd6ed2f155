/** Scopes for tools and servers: asked for in every spelling of a tool, at every endpoint, before a stream opens. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newApiKey } from '../../src/identity/api-key.ts'
import { writeKeyLine } from '../../src/identity/key-record.ts'
import { send } from '../support/http.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcplex-scopes-'))
const keyOf = (scopes?: readonly string[]): { text: string; line: string } => {
  const { id, hash, text } = newApiKey()
  return { text, line: writeKeyLine({ id, hash, tenant: 'default', subject: 'ann', ...(scopes && { scopes }) }) }
}
const [narrow, wide, free] = [keyOf(['mcp:read']), keyOf(['mcp:read', 'mcp:write', 'mcp:b']), keyOf()]
let mcplex: Mcplex

beforeAll(async () => {
  const file = join(folder, 'mcplex.yaml')
  const command = [process.execPath, echoLegacy]
  writeFileSync(
    file,
    JSON.stringify({
      auth: {
        methods: ['keys'],
        keys: [narrow.line, wide.line, free.line],
        scopes: ['mcp:read *', 'mcp:write tool:a__ec*', 'mcp:b upstream:b'],
      },
      upstreams: { a: { command }, b: { command } },
      endpoints: { view: { tools: ['a__echo', 'b__*'] } },
      aliases: { say: 'a__echo' },
    }),
  )
  mcplex = await startMcplex({ file })
})
afterAll(async () => {
  await mcplex?.end()
  rmSync(folder, { recursive: true, force: true })
})

const asked = (scopes: string): unknown => expect.stringContaining(`error="insufficient_scope", scope="${scopes}"`)

test.each([
  ['', 'a__echo', 'mcp:read mcp:write'],
  ['', 'say', 'mcp:read mcp:write'],
  ['/a', 'echo', 'mcp:read mcp:write'],
  ['/view', 'a__echo', 'mcp:read mcp:write'],
  ['', 'b__echo', 'mcp:read mcp:b'],
  ['/b', 'echo', 'mcp:read mcp:b'],
  ['/view', 'b__whoami', 'mcp:read mcp:b'],
])('at /mcp%s the tool %s needs %s', async (path, tool, scopes) => {
  const session = await openSession(mcplex.url + path, { headers: { 'X-Api-Key': narrow.text } })
  const refused = await session.call(tool, { text: 'x' })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([403, asked(scopes)])
  expect(refused.headers['content-type']).toContain('application/json')
  // Lists show it, by its other name if it has one there, so that a client can ask for the scope.
  const shown = tool === 'a__echo' ? 'say' : tool
  expect(JSON.stringify(await session.request('tools/list'))).toContain(`"name":"${shown}"`)
  for (const { text } of [wide, free]) {
    const served = await session.call(tool, { text: 'x' }, { headers: { 'X-Api-Key': text } })
    expect(served.status).toBe(200)
  }
})

test('what no line names needs no more than it did', async () => {
  const session = await openSession(`${mcplex.url}/a`, { headers: { 'X-Api-Key': narrow.text } })
  expect((await session.call('whoami')).status).toBe(200)
})

test('a batch needs what all of its messages need', async () => {
  const headers = { 'X-Api-Key': narrow.text }
  const session = await openSession(mcplex.url, { version: '2025-03-26', headers })
  const call = (id: number, name: string): object => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: { text: 'x' } },
  })
  const refused = await send(mcplex.url, {
    method: 'POST',
    headers: {
      ...session.headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify([call(1, 'a__whoami'), call(2, 'say'), call(3, 'b__echo')]),
  })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([403, asked('mcp:read mcp:write mcp:b')])
})

test('a request of a client without sessions needs the same', async () => {
  const params = {
    name: 'say',
    arguments: { text: 'x' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  const refused = await send(mcplex.url, {
    method: 'POST',
    headers: {
      'X-Api-Key': narrow.text,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'say',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([403, asked('mcp:read mcp:write')])
})
