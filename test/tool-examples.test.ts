/** The examples of tools that are written for many users, run as their first lines say. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client as NewClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, onTestFinished, test } from 'vitest'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startModule } from './support/in-process.ts'
import { openSession, type Session } from './support/session.ts'
import { runCommand } from './support/typed-command.ts'

const root = join(import.meta.dirname, '..')
const examples = join(root, 'examples')

test('the server in TypeScript starts with one command, and each of its clients has notes of its own', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', join(examples, 'typescript-server.ts')], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const url = await eventually('the example to be ready', () => /ready: (\S+\/mcp)/.exec(said)?.[1])
  const clients = await Promise.all(
    ['ada', 'bob'].map(async (name) => {
      const client = new NewClient({ name, version: '1' })
      await client.connect(new StreamableHTTPClientTransport(new URL(url)))
      return client
    }),
  )
  for (const [at, client] of clients.entries())
    for (let note = 0; note <= at; note++)
      await client.callTool({ name: 'add-note', arguments: { note: `note ${note}` } })
  const lists = await Promise.all(clients.map((client) => client.callTool({ name: 'list-notes' })))
  expect(lists.map(({ content }) => content)).toMatchObject([
    [{ text: 'Notes of ada:\nnote 0' }],
    [{ text: 'Notes of bob:\nnote 0\nnote 1' }],
  ])
  for (const client of clients) await client.close()
  child.kill('SIGTERM')
  await eventually('the example to end', () => !runs(child.pid ?? 0))
})

test.each(['lists-by-session.mjs', 'lists-by-session-v1.mjs'])('%s shows each session its own tools', async (file) => {
  const { url } = await startModule({ module: join(examples, file) })
  const [ada, bob] = [await openSession(url), await openSession(url)]
  const namesFor = async (session: Session): Promise<unknown> => {
    const tools = (await session.request('tools/list')).result?.['tools'] as ReadonlyArray<{ name: string }>
    return tools.map(({ name }) => name)
  }
  expect(await namesFor(ada)).toEqual(['unlock'])
  expect(await ada.text('unlock')).toBe('open')
  expect(await namesFor(ada)).toEqual(['unlock', 'secret'])
  expect(await namesFor(bob)).toEqual(['unlock'])
  expect(await ada.text('secret')).toBe('it is 42')
  expect(await bob.text('secret')).toBe('there is no secret')
  expect(await namesFor(await openSession(url))).toEqual(['unlock'])
})

test('the file with both modules is served with one command, from any folder', async () => {
  const file = join(examples, 'lists-by-session.yaml')
  const running = runCommand(['up', '--config', file, '--port', '0', '--json'])
  const { endpoint } = await running.ready()
  for (const name of ['vault', 'older']) {
    const session = await openSession(`${String(endpoint)}/${name}`)
    expect(await session.text('unlock')).toBe('open')
    expect(await session.text('secret')).toBe('it is 42')
  }
  running.child.kill('SIGTERM')
  expect(await running.exit()).toBe(0)
})

test('examples/README.md has every example, and the head of each says how it starts', () => {
  const guide = readFileSync(join(examples, 'README.md'), 'utf8')
  for (const name of readdirSync(examples).filter((file) => file !== 'README.md')) {
    expect(guide).toContain(`| [${name}](${name}) `)
    const head = readFileSync(join(examples, name), 'utf8').split('\n\n')[0] ?? ''
    expect(head).toMatch(/^(\/\/|#) {3}(node|npx tsx|mcplex up|"mcpServers") ?/m)
  }
})

test('the file with what sessions share is served with one command', async () => {
  const file = join(examples, 'shared-resources.yaml')
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-shared-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const running = runCommand(['up', '--config', file, '--port', '0', '--json'], {
    JOURNAL: join(folder, 'journal.json'),
  })
  const { endpoint } = await running.ready()
  const session = await openSession(String(endpoint))
  const names = ['accounts__', 'journal__note', 'weather__']
  await eventually('tools of all three', async () => {
    const listed = JSON.stringify(await session.request('tools/list'))
    return names.every((name) => listed.includes(`"${name}`))
  })
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(examples, 'fifty-clients.mjs'),
    String(endpoint),
  ])
  expect(stdout).toBe('50 notes in the journal, 0 calls have failed\n')
  running.child.kill('SIGTERM')
  expect(await running.exit()).toBe(0)
})

const block = {
  command: 'node',
  args: ['./mcp-server.js'],
  env: { MCP_MAX_CONNECTIONS: '50', MCP_CONNECTION_POOL_SIZE: '10' },
}

test('mcp-server.js is started by the block of a desktop client', async () => {
  const transport = new StdioClientTransport({ ...block, cwd: examples, stderr: 'ignore' })
  const client = new Client({ name: 'desktop', version: '1' })
  onTestFinished(() => client.close())
  await client.connect(transport)
  expect(client.getServerVersion()?.name).toBe('my-server')
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['count'])
  for (const call of [1, 2])
    expect(await client.callTool({ name: 'count' })).toMatchObject({
      content: [{ text: expect.stringMatching(new RegExp(`^call ${call} in process`)) as string }],
    })
})

test.each(['MCP_MAX_CONNECTIONS', 'MCP_CONNECTION_POOL_SIZE'])('mcp-server.js reads %s', async (variable) => {
  const child = spawn(process.execPath, block.args, {
    cwd: examples,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...block.env, [variable]: 'many' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(code).not.toBe(0)
  expect(said).toContain(variable)
})
