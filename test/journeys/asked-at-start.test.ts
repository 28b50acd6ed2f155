/** What a server asks as soon as it has started is answered before the first call, as it is for a client next to it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { mcplexForTest } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

const root = join(import.meta.dirname, '..', '..')
const server = join(root, 'node_modules', '@modelcontextprotocol', 'server-filesystem', 'dist', 'index.js')

interface Project {
  /** A file in a folder that only the client's roots allow. */
  readonly file: string
  /** The folder that the server's command line allows. */
  readonly elsewhere: string
}

function makeProject(): { project: Project; folder: string } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'mcplex-roots-')))
  onTestFinished(() => rmSync(base, { recursive: true }))
  const [folder, elsewhere] = [mkdtempSync(join(base, 'a-')), mkdtempSync(join(base, 'b-'))]
  const file = join(folder, 'note.txt')
  writeFileSync(file, 'as directly')
  return { project: { file, elsewhere }, folder }
}

/** A client with one root that takes so long to say which. */
async function connect(transport: Transport, folder: string, thinksMs = 0): Promise<Client> {
  const client = new Client({ name: 'roots', version: '1' }, { capabilities: { roots: {} } })
  client.setRequestHandler(ListRootsRequestSchema, async () => {
    await new Promise((resolve) => setTimeout(resolve, thinksMs))
    return { roots: [{ uri: pathToFileURL(folder).href }] }
  })
  await client.connect(transport)
  onTestFinished(() => client.close())
  return client
}

async function read(client: Client, path: string): Promise<string> {
  const { content } = await client.callTool({ name: 'read_text_file', arguments: { path } })
  return (content as ReadonlyArray<{ text?: string }>).map(({ text }) => text ?? '').join('')
}

test.each([0, 500])('over HTTP, by a client that thinks for %d ms, and after a restart', async (thinksMs) => {
  const { project, folder } = makeProject()
  const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
  const client = await connect(new StreamableHTTPClientTransport(new URL(mcplex.url)), folder, thinksMs)
  expect(await read(client, project.file)).toBe('as directly')
  // Whichever of them serves the session: all that run now end.
  const all = mcplex.servers()
  for (const pid of all) process.kill(pid, 'SIGKILL')
  await eventually('their end', () => !all.some(runs))
  let text: string | undefined
  // Until mcplex has heard of the end, a call is told of it; the first that has an answer has the right one.
  await eventually('an answer', async () => {
    text = await read(client, project.file).catch(() => undefined)
    return text !== undefined
  })
  expect(text).toBe('as directly')
})

test('over stdio', async () => {
  const { project, folder } = makeProject()
  const main = join(root, 'dist', 'cli', 'main.js')
  const args = [main, 'serve', '--transport', 'stdio', '--', process.execPath, server, project.elsewhere]
  const client = await connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }), folder)
  expect(await read(client, project.file)).toBe('as directly')
})

test('a client that does not answer keeps its first call waiting for two seconds, no more', async () => {
  const { project, folder } = makeProject()
  const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
  const transport = new StreamableHTTPClientTransport(new URL(mcplex.url))
  const client = await connect(transport, folder, 60_000)
  expect(await read(client, project.file)).toContain('Access denied')
})

/** A server that tells which methods it has heard. */
const listener = `
const heard = []
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line)
  heard.push(method)
  const said = { content: [{ type: 'text', text: heard.join(' ') }] }
  const hello = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'heard', version: '1' } }
  const results = { initialize: hello, 'tools/list': { tools: [] }, 'tools/call': said, ping: {} }
  const end = results[method] ? { result: results[method] } : { error: { code: -32601, message: method } }
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, ...end }))
})`

test('only the process of a client that can be asked hears a ping before its first call', async () => {
  const mcplex = await mcplexForTest({ server: ['-e', listener] })
  const plain = await openSession(mcplex.url)
  expect(await plain.text('heard')).toMatch(/notifications\/initialized tools\/call$/)
  const asked = await openSession(mcplex.url, { capabilities: { roots: {} } })
  expect(await asked.text('heard')).toMatch(/notifications\/initialized ping tools\/call$/)
})
