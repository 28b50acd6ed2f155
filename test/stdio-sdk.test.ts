/** Official clients that only start commands: `serve --transport stdio`, and `connect` in front of a running mcplex. */
import { Client as NewClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as NewStdio } from '@modelcontextprotocol/client/stdio'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { runs, until } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { type Mcplex, startMcplex } from './support/mcplex.ts'

const root = join(import.meta.dirname, '..')
const command = join(root, 'dist', 'cli', 'main.js')
const fixture = (era: string): string => join(root, 'test', 'fixtures', `everything-${era}.mjs`)

const info = { name: 'pipes', version: '1' }
const capabilities = { sampling: {}, elicitation: { form: {} } }
const sampled = { role: 'assistant', model: 'nobody', content: { type: 'text', text: 'forty-two' } } as const
const elicited = { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } } as const

interface TestClient {
  /** What it was told outside of answers. */
  readonly told: string[]
  readonly pid: number | null
  text(tool: string, args?: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

interface Started {
  readonly args: string[]
  readonly env?: Record<string, string>
}

const stdioOf = ({ args, env = {} }: Started, run = process.execPath) => {
  const { PATH = '', HOME = '' } = process.env
  return { command: run, args, env: { PATH, HOME, ...env }, cwd: root, stderr: 'ignore' as const }
}
const textOf = (result: object): string =>
  (result as { content: ReadonlyArray<{ text?: string }> }).content.map(({ text }) => text ?? '').join('\n')

async function connectOld(started: Started): Promise<TestClient> {
  const client = new OldClient(info, { capabilities })
  const told: string[] = []
  client.setRequestHandler(CreateMessageRequestSchema, () => sampled)
  client.setRequestHandler(ElicitRequestSchema, () => elicited)
  client.fallbackNotificationHandler = async ({ method }) => void told.push(method)
  const transport = new OldStdio(stdioOf(started))
  await client.connect(transport)
  return {
    told,
    pid: transport.pid,
    text: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  }
}

async function connectNew(started: Started, mode: 'legacy' | 'auto' | { pin: string }): Promise<TestClient> {
  const client = new NewClient(info, { capabilities, versionNegotiation: { mode } })
  const told: string[] = []
  client.setRequestHandler('sampling/createMessage', () => sampled)
  client.setRequestHandler('elicitation/create', () => elicited)
  client.fallbackNotificationHandler = async ({ method }) => void told.push(method)
  const transport = new NewStdio(stdioOf(started))
  await client.connect(transport)
  return {
    told,
    pid: transport.pid,
    text: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  }
}

const clients = [
  { client: 'SDK 1', connect: connectOld },
  { client: 'SDK 2 with a session', connect: (started: Started) => connectNew(started, 'legacy') },
  { client: 'SDK 2 without', connect: (started: Started) => connectNew(started, { pin: '2026-07-28' }) },
  { client: 'SDK 2 that finds out', connect: (started: Started) => connectNew(started, 'auto') },
]
const servers = ['legacy', 'modern', 'dual']

describe.each(servers)('in front of a server that is %s', (era) => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ server: [fixture(era)], options: ['--log-level', 'warn', '--stateless', 'principal'] })
  })
  afterAll(async () => {
    await mcplex.end()
  })

  const ways = [
    {
      way: 'serve --transport stdio',
      args: () => [command, 'serve', '--transport', 'stdio', '--', process.execPath, fixture(era)],
    },
    { way: 'connect', args: () => [command, 'connect', mcplex.url] },
  ]
  const all = clients.flatMap((one) => ways.map((other) => ({ ...one, ...other })))

  test.each(all)(
    '$client calls, samples, fills forms and leaves no process behind: $way',
    async ({ connect, args }) => {
      const testClient = await connect({ args: args() })
      onTestFinished(() => testClient.close())
      const texts = Array.from({ length: 5 }, () => testClient.text('test_simple_text'))
      expect(new Set(await Promise.all(texts))).toEqual(new Set(['This is a simple text response for testing.']))
      expect(await testClient.text('test_sampling', { prompt: 'What?' })).toContain('forty-two')
      expect(await testClient.text('test_elicitation', { message: 'Who?' })).toContain('ada')

      const pid = testClient.pid ?? 0
      expect(runs(pid)).toBe(true)
      await testClient.close()
      await until('the command is gone', () => !runs(pid))
    },
  )
})

describe("a client's configuration, as the README shows it", () => {
  // The README says that this stands for the folder of the checkout.
  const readme = readFileSync(join(root, 'README.md'), 'utf8').replaceAll('/path/to/checkout', root)
  const blocks = [...readme.matchAll(/```json\n(\{ *\n? *"mcpServers"[\s\S]*?)```/g)].map(
    ([, text]) => JSON.parse(text ?? '') as { mcpServers: Record<string, Partial<Started> & { command?: string }> },
  )
  const entries = blocks.flatMap(({ mcpServers }) => Object.values(mcpServers)).filter(({ args }) => args !== undefined)

  const run = async (started: Partial<Started> & { command?: string }, args: string[]): Promise<OldClient> => {
    const client = new OldClient(info)
    await client.connect(new OldStdio(stdioOf({ ...started, args }, started.command)))
    onTestFinished(() => client.close())
    return client
  }

  test(
    'that starts mcplex in front of a server works as it is written, but for the folder',
    { timeout: 60_000 },
    async () => {
      const started = entries.find(({ args }) => args?.includes('stdio'))
      expect(started?.env).toHaveProperty('MCP_MAX_CONNECTIONS')
      expect(started?.env).toHaveProperty('MCP_CONNECTION_POOL_SIZE')
      const client = await run(started ?? {}, started?.args ?? [])
      expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toContain('hello')
    },
  )

  test('that connects to a running mcplex works, but for its address', { timeout: 60_000 }, async () => {
    const mcplex = await startMcplex({ server: [fixture('legacy')] })
    onTestFinished(async () => void (await mcplex.end()))
    const started = entries.find(({ args }) => args?.includes('connect'))
    const args = started?.args?.map((arg) => arg.replace(/^http:.*$/, mcplex.url)) ?? []
    const client = await run(started ?? {}, args)
    expect(textOf(await client.callTool({ name: 'test_simple_text' }))).toContain('simple text')
    await eventually('a session', () => mcplex.log.some(({ msg }) => msg === 'session begins'))
  })
})
