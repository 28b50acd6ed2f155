/** Requests that a server sends right after its start are answered before the first call, as by a client that is connected directly. */
import { Client as NewClient, StreamableHTTPClientTransport as NewHttp } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
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

/** What the first call says that has an answer once all processes of the server have been killed. */
async function readAfterRestart(mcplex: Mcplex, client: Client, path: string): Promise<string> {
  // Whichever of them serves the session: all that run now end.
  const all = mcplex.servers()
  for (const pid of all) process.kill(pid, 'SIGKILL')
  await eventually('their end', () => !all.some(runs))
  // Until mcplex has heard of the end, a call is told of it; the first that has an answer has the right one.
  const { text } = await eventually('an answer', () =>
    read(client, path).then(
      (said) => ({ text: said }),
      () => undefined,
    ),
  )
  return text
}

test.each([0, 500])('over HTTP, by a client that thinks for %d ms, and after a restart', async (thinksMs) => {
  const { project, folder } = makeProject()
  const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
  const client = await connect(new StreamableHTTPClientTransport(new URL(mcplex.url)), folder, thinksMs)
  expect(await read(client, project.file)).toBe('as directly')
  expect(await readAfterRestart(mcplex, client, project.file)).toBe('as directly')
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

describe('a client that opens no stream of its own is asked on that of the call which waits', () => {
  /** How HTTP looks to a client whose way lets no stream through. */
  const withoutStreams: typeof fetch = (input, init) =>
    init?.method === 'GET' ? Promise.resolve(new Response(undefined, { status: 405 })) : fetch(input, init)

  test('on bare HTTP', async () => {
    const { project, folder } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
    const session = await openSession(mcplex.url, { capabilities: { roots: {} } })
    const call = await session.call('read_text_file', { path: project.file }, { id: 'first' })
    const question = await call.event('the question', ({ data }) => data.includes('"roots/list"'))
    const { id } = JSON.parse(question.data) as RpcMessage
    const answered = await session.post({ id, result: { roots: [{ uri: pathToFileURL(folder).href }] } })
    expect(answered.status).toBe(202)
    expect(textOf(await responseTo(call, 'first'))).toBe('as directly')
    expect(messagesOf(call).map(({ method }) => method)).toEqual(['roots/list', undefined])
    // The process knows now: no further call asks.
    expect(await session.text('read_text_file', { path: project.file })).toBe('as directly')
  })

  test('by the older SDK, and again after a restart', async () => {
    const { project, folder } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
    const transport = new StreamableHTTPClientTransport(new URL(mcplex.url), { fetch: withoutStreams })
    const client = await connect(transport, folder)
    expect(await read(client, project.file)).toBe('as directly')
    expect(await readAfterRestart(mcplex, client, project.file)).toBe('as directly')
  })

  test('by the newer SDK', async () => {
    const { project, folder } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
    const client = new NewClient(
      { name: 'roots', version: '1' },
      { capabilities: { roots: {} }, versionNegotiation: { mode: 'legacy' } },
    )
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: pathToFileURL(folder).href }] }))
    await client.connect(new NewHttp(new URL(mcplex.url), { fetch: withoutStreams }))
    onTestFinished(() => client.close())
    const { content } = await client.callTool({ name: 'read_text_file', arguments: { path: project.file } })
    expect(content).toMatchObject([{ text: 'as directly' }])
  })

  test('but not if it takes only JSON: the server is told that, and the call goes on', async () => {
    const { project } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
    const session = await openSession(mcplex.url, { capabilities: { roots: {} } })
    const call = await session.call(
      'read_text_file',
      { path: project.file },
      { headers: { Accept: 'application/json' } },
    )
    expect(textOf(await responseTo(call, 1))).toContain('Access denied')
  })

  test('and may cancel that call: the next one waits for its answer', async () => {
    const { project, folder } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere], options: ['--pool', '2'] })
    const session = await openSession(mcplex.url, { capabilities: { roots: {} } })
    const call = await session.call('read_text_file', { path: project.file }, { id: 'first' })
    const question = await call.event('the question', ({ data }) => data.includes('"roots/list"'))
    await session.notify('notifications/cancelled', { requestId: 'first' })
    await call.whole()
    const { id } = JSON.parse(question.data) as RpcMessage
    const next = session.text('read_text_file', { path: project.file })
    await session.post({ id, result: { roots: [{ uri: pathToFileURL(folder).href }] } })
    expect(await next).toBe('as directly')
  })

  test('unless it reads a stream: then it is asked there, and the call is plain JSON', async () => {
    const { project, folder } = makeProject()
    const mcplex = await mcplexForTest({ server: [server, project.elsewhere] })
    const session = await openSession(mcplex.url, { capabilities: { roots: {} } })
    const stream = await session.listen()
    const call = session.call('read_text_file', { path: project.file }, { id: 'first' })
    const question = await stream.event('the question', ({ data }) => data.includes('"roots/list"'))
    const { id } = JSON.parse(question.data) as RpcMessage
    await session.post({ id, result: { roots: [{ uri: pathToFileURL(folder).href }] } })
    expect(textOf(await responseTo(await call, 'first'))).toBe('as directly')
    expect(messagesOf(await call).map(({ method }) => method)).toEqual([undefined])
    stream.cut()
  })
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
