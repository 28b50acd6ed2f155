/**
 * The four reference servers and six more of npm, from one file behind one endpoint: what each lists and answers is what a
 * client gets that starts the server itself, under the names of the endpoint; for clients of both SDKs and of other makers.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { suiteNode } from '../../conformance/install.mjs'
import { serverCommand } from '../../field/servers.mjs'
import { eventually } from '../support/eventually.ts'
import { runCommand, type Running } from '../support/typed-command.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
/** Some hundred megabytes, where they are not there yet. */
const installMs = 15 * 60_000

type Args = Readonly<Record<string, unknown>>
/** A call of each server that needs neither a key nor a network. */
const calls: Readonly<Record<string, readonly [tool: string, args: Args]>> = {
  everything: ['get-sum', { a: 2, b: 3 }],
  filesystem: ['list_directory', { path: '.' }],
  memory: ['read_graph', {}],
  thinking: ['sequentialthinking', { thought: 'first', thoughtNumber: 1, totalThoughts: 1, nextThoughtNeeded: false }],
  brave: ['brave_web_search', { query: 7 }],
  chart: ['generate_pie_chart', { data: 'none' }],
  'code-runner': ['run-code', { languageId: 'javascript', code: 'console.log(6 * 7, "grüße 😀")' }],
  context7: ['query-docs', { libraryId: 7 }],
  notion: ['no-such-tool', {}],
  shadcn: ['get_audit_checklist', {}],
}
const names = Object.keys(calls)
const info = { name: 'test', version: '1' }

let folder = ''
let running: Running | undefined
let url = new URL('http://127.0.0.1')

interface Setup {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** How a server is started, in a folder of its own. */
async function setupOf(name: string, way: string): Promise<Setup> {
  const { args, env } = serverCommand(name)
  const cwd = join(folder, `${way}-${name}`)
  await mkdir(cwd, { recursive: true })
  return { command: [process.execPath, ...args], env: { ...env, HOME: cwd, TMPDIR: cwd }, cwd }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcplex-one-file-'))
  const install = join(root, 'field', 'install.mjs')
  await run(process.execPath, [install, ...names, 'ai-sdk', 'mastra'], { timeout: installMs })
  const setups = await Promise.all(names.map(async (name) => [name, await setupOf(name, 'up')] as const))
  const file = join(folder, 'mcplex.yaml')
  await writeFile(file, JSON.stringify({ version: 1, listen: { port: 0 }, upstreams: Object.fromEntries(setups) }))
  // Ten servers that start on a slow machine must not have sessions refused here.
  running = runCommand(['up', '--json', '--config', file], { MCPLEX_LIMITS__OVERLOAD__ENABLED: 'false' })
  url = new URL(String((await running.ready())['endpoint']))
  await eventually('all servers are listed', async () => {
    const { tools } = await (await connect()).listTools()
    return names.every((name) => tools.some((tool) => tool.name.startsWith(`${name}__`)))
  })
}, installMs)
afterAll(async () => {
  running?.child.kill('SIGTERM')
  await running?.exit()
  await rm(folder, { recursive: true, force: true })
})

async function connect(): Promise<Client> {
  const client = new Client(info)
  await client.connect(new StreamableHTTPClientTransport(url))
  return client
}

/** A client that starts the server itself. */
async function direct(name: string): Promise<OldClient> {
  const { command, env, cwd } = await setupOf(name, 'direct')
  const [program = '', ...args] = command
  const client = new OldClient(info)
  const all = { PATH: process.env['PATH'] ?? '', ...env }
  await client.connect(new StdioClientTransport({ command: program, args, env: all, cwd, stderr: 'ignore' }))
  onTestFinished(() => client.close())
  return client
}

/** The result of a call, or its error in words. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => String(error))
}

/** Without what differs by run, the folder of the server, and without what the newer SDK does not give its user. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/(up|direct)-(?=[a-z0-9-]+)/g, ''), (key, member: unknown) =>
    key === 'execution' ? undefined : member,
  ) as unknown

describe.each(names)('%s', (name) => {
  test('lists and answers the same as directly, to clients of both SDKs', async () => {
    const [tool, args] = calls[name] ?? ['', {}]
    const own = await direct(name)
    const newer = await connect()
    onTestFinished(() => newer.close())
    const older = new OldClient(info)
    await older.connect(new OldTransport(url))
    onTestFinished(() => older.close())
    const { tools: wanted } = await own.listTools()
    for (const { tools } of [await newer.listTools(), await older.listTools()]) {
      const given = tools.filter((one) => one.name.startsWith(`${name}__`))
      expect(plain(given.map((one) => ({ ...one, name: one.name.slice(name.length + 2) })))).toEqual(plain(wanted))
    }
    const answer = plain(await outcome(own.callTool({ name: tool, arguments: args })))
    const call = { name: `${name}__${tool}`, arguments: args }
    expect(plain(await outcome(older.callTool(call)))).toEqual(answer)
    // The SDKs put an error into words of their own.
    const inShort = (value: unknown): unknown => (typeof value === 'string' ? 'an error' : value)
    expect(inShort(plain(await outcome(newer.callTool(call))))).toEqual(inShort(answer))
  })
})

/** Connects a client of another maker, with the Node that it needs: the tools that it knows, and the text of a result. */
async function foreign(client: string): Promise<unknown> {
  const program = `const { connect } = await import(${JSON.stringify(join(root, 'field', 'clients', client, 'client.mjs'))})
    const client = await connect(${JSON.stringify(url.href)}, 0)
    const tools = await client.tools()
    const text = await client.call(tools.find((name) => name.endsWith('everything__get-sum')), { a: 2, b: 3 })
    console.log(JSON.stringify({ tools, text }))
    process.exit(0)`
  const { stdout } = await run(suiteNode(), ['--input-type=module', '--eval', program], { timeout: 60_000 })
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as unknown
}

test.each(['ai-sdk', 'mastra'])('%s knows the tools of all servers, and calls one', async (client) => {
  const { tools } = await (await connect()).listTools()
  const found = await foreign(client)
  const shown = tools.map((one) => expect.stringMatching(new RegExp(`${one.name}$`)) as unknown)
  expect(found).toMatchObject({ tools: expect.arrayContaining(shown) as unknown, text: 'The sum of 2 and 3 is 5.' })
})
