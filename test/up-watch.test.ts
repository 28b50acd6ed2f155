/** `mcplex up --watch`: a module is replaced when its file changes; its sessions go on, with their state. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { runCommand, type Running } from './support/typed-command.ts'

const root = join(import.meta.dirname, '..')
const main = join(root, 'dist', 'cli', 'main.js')
const started: Running[] = []
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-up-watch-'))
  mkdirSync(join(folder, 'node_modules'))
  for (const name of ['@modelcontextprotocol', 'zod'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  symlinkSync(root, join(folder, 'node_modules', 'mcplex'))
})
afterEach(async () => {
  for (const running of started.splice(0)) {
    if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill('SIGKILL')
    await running.exit()
  }
  rmSync(folder, { recursive: true, force: true })
})

/** Replaces a file in one step, as editors do. */
function put(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.new`), text)
  renameSync(join(folder, `${name}.new`), join(folder, name))
}

/** A module that counts in the session, with one more tool of the given name. */
const counting = (tool: string): string => `
import { McpServer } from '@modelcontextprotocol/server'
import { useCall } from 'mcplex/tools'
export default function createServer() {
  const server = new McpServer({ name: 'counting', version: '1.0.0' })
  server.registerTool('count', {}, async () => {
    const count = await useCall().session.update('count', (before = 0) => before + 1)
    return { content: [{ type: 'text', text: String(count) }] }
  })
  server.registerTool('${tool}', {}, async () => ({ content: [{ type: 'text', text: '${tool}' }] }))
  return server
}
`

function run(file: string, upstream = '', more: readonly string[] = []): Running {
  put('mcplex.yaml', `listen: { port: 0 }\nupstreams:\n  mine: { module: ./${file}${upstream} }\n`)
  const running = runCommand(['up', '--watch', '--json', '--config', join(folder, 'mcplex.yaml'), ...more])
  started.push(running)
  return running
}

async function connect(running: Running): Promise<Client> {
  const { endpoint } = await running.ready()
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(String(endpoint))))
  return client
}

const said = async (client: Client, name: string): Promise<unknown> => {
  const { content } = await client.callTool({ name, arguments: {} })
  return (content as ReadonlyArray<{ readonly text: string }>)[0]?.text
}
const toolsOf = async (client: Client): Promise<string[]> =>
  (await client.listTools()).tools.map(({ name }) => name).filter((name) => name !== 'count')
const lines = (running: Running, msg: string): ReadonlyArray<Record<string, unknown>> =>
  running.log().filter((line) => line['msg'] === msg)
async function isReplaced(running: Running, times: number): Promise<void> {
  await expect.poll(() => lines(running, 'upstreams were replaced').length, { timeout: 15_000 }).toBe(times)
}

describe('up --watch', () => {
  test('an open session is told of the new tool, and keeps its state', async () => {
    put('tools.mjs', counting('one'))
    const running = run('tools.mjs')
    const client = await connect(running)
    let changes = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void changes++)
    expect(await said(client, 'count')).toBe('1')
    expect(await toolsOf(client)).toEqual(['one'])

    put('tools.mjs', counting('two'))
    await expect.poll(() => changes, { timeout: 15_000 }).toBeGreaterThan(0)
    expect(await toolsOf(client)).toEqual(['two'])
    expect(await said(client, 'two')).toBe('two')
    expect(await said(client, 'count')).toBe('2')
    expect(await toolsOf(await connect(running))).toEqual(['two'])

    // Other settings of the same module must not bring its first text back.
    put('mcplex.yaml', `listen: { port: 0 }\nupstreams:\n  mine: { module: ./tools.mjs, pool: { idle: 50s } }\n`)
    await expect.poll(() => lines(running, 'the settings were read again').length, { timeout: 15_000 }).toBe(1)
    expect(await toolsOf(client)).toEqual(['two'])
    expect(await said(client, 'count')).toBe('3')
    await client.close()
  })

  test.each([
    [
      'has a wrong word',
      'export default function (',
      /tools\.mjs cannot be loaded: .*Unexpected.*; node tools\.mjs shows the line/,
    ],
    ['throws', 'throw new Error("no luck")', /tools\.mjs cannot be loaded: no luck/],
    ['exports nothing', 'export const nothing = 1', /tools\.mjs exports no function/],
    ['has a factory that throws', 'export default () => { throw new Error("no server") }', /no server/],
    ['needs what is not installed', 'import "not-there"', /not-there is not installed/],
  ])('a module that %s leaves the one before in place, and the log says why', async (_what, text, why) => {
    put('tools.mjs', counting('one'))
    const running = run('tools.mjs')
    const client = await connect(running)
    expect(await said(client, 'count')).toBe('1')
    put('tools.mjs', text)
    const refused = 'the module was not replaced: the one before stays in place'
    await expect.poll(() => lines(running, refused).length, { timeout: 15_000 }).toBe(1)
    expect(lines(running, refused)[0]).toMatchObject({ level: 'error', upstream: 'mine' })
    expect(lines(running, refused)[0]?.['err.message']).toMatch(why)
    expect(await said(client, 'count')).toBe('2')
    expect(await toolsOf(await connect(running))).toEqual(['one'])
    put('tools.mjs', counting('two'))
    await isReplaced(running, 1)
    expect(await said(client, 'two')).toBe('two')
    expect(await said(client, 'count')).toBe('3')
    await client.close()
  })

  test.each([
    ['never ends to load', 'console.log("hangs"); await new Promise(() => {})'],
    ['has a factory that never answers', 'export default () => (console.log("hangs"), new Promise(() => {}))'],
  ])('a module that %s does not keep back the file that corrects it', async (_what, text) => {
    put('tools.mjs', counting('one'))
    const running = run('tools.mjs', ', startTimeout: 10m')
    const client = await connect(running)
    expect(await said(client, 'count')).toBe('1')
    put('tools.mjs', text)
    await expect.poll(() => running.stderr().includes('hangs'), { timeout: 15_000 }).toBe(true)
    expect(await said(client, 'count')).toBe('2')
    put('tools.mjs', counting('two'))
    await isReplaced(running, 1)
    expect(await said(client, 'two')).toBe('two')
    expect(await said(client, 'count')).toBe('3')
    await client.close()
  })

  test('in a thread of its own, the files that it imports are loaded again with it', async () => {
    const importing = counting('one').replace("=> ({ content: [{ type: 'text', text: 'one' }] })", '=> say()')
    const saying = (word: string): string =>
      `export const say = () => ({ content: [{ type: 'text', text: '${word}' }] })\n`
    put('words.mjs', saying('old'))
    put('tools.mjs', `import { say } from './words.mjs'\n${importing}`)
    const running = run('tools.mjs', ', isolate: true')
    const client = await connect(running)
    expect(await said(client, 'one')).toBe('old')
    expect(await said(client, 'count')).toBe('1')
    put('words.mjs', saying('new'))
    put('tools.mjs', `import { say } from './words.mjs'\n${importing}\n`)
    await isReplaced(running, 1)
    expect(await said(client, 'one')).toBe('new')
    expect(await said(client, 'count')).toBe('2')
    await client.close()
  })

  test.each([
    [
      'CommonJS',
      'tools.cjs',
      (text: string) =>
        text
          .replaceAll(/import (\{ \w+ \}) from ('[^']+')/g, 'const $1 = require($2)')
          .replace('export default function createServer', 'module.exports = function createServer'),
    ],
    ['TypeScript', 'tools.ts', (text: string) => text.replace('async () => {', 'async (): Promise<any> => {')],
  ])('a module in %s is replaced as well', async (_language, file, written) => {
    put(file, written(counting('one')))
    const running = run(file)
    const client = await connect(running)
    expect(await said(client, 'count')).toBe('1')
    put(file, written(counting('two')))
    await isReplaced(running, 1)
    expect(await toolsOf(client)).toEqual(['two'])
    expect(await said(client, 'count')).toBe('2')
    put(file, written(counting('three')))
    await isReplaced(running, 2)
    expect(await said(client, 'three')).toBe('three')
    await client.close()
  })

  test.each([
    ['in the same thread', ''],
    ['in a thread of its own', ', isolate: true'],
  ])('the client of --transport stdio sees the new tool, and nothing that a module %s prints', async (_where, more) => {
    const printing = (tool: string): string => `${counting(tool)}
import { stdout } from 'node:process'
console.log('printed at load by ${tool}')
stdout.write('written by ${tool}\\n')
console.log(JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} }))
`
    put('tools.mjs', printing('one'))
    put('mcplex.yaml', `upstreams: { mine: { module: ./tools.mjs${more} } }\n`)
    const { PATH = '' } = process.env
    const args = [main, 'up', '--watch', '--transport', 'stdio', '--config', join(folder, 'mcplex.yaml')]
    const transport = new StdioClientTransport({ command: process.execPath, args, env: { PATH }, stderr: 'pipe' })
    let stderr = ''
    transport.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    const faults: Error[] = []
    const client = new Client({ name: 'test', version: '1' })
    Object.assign(client, { onerror: (error: Error) => void faults.push(error) })
    await client.connect(transport)
    let changes = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void changes++)
    expect(await said(client, 'count')).toBe('1')
    put('tools.mjs', printing('two'))
    await expect.poll(() => changes, { timeout: 15_000 }).toBeGreaterThan(0)
    expect(await toolsOf(client)).toEqual(['two'])
    expect(await said(client, 'count')).toBe('2')
    await client.close()
    expect(faults).toEqual([])
    for (const text of ['printed at load by one', 'written by one', 'printed at load by two', 'written by two'])
      expect(stderr).toContain(text)
  })

  test('says so if there is no module to watch', async () => {
    put(
      'mcplex.yaml',
      `listen: { port: 0 }\nupstreams: { mine: { command: "${process.execPath}", args: ["${join(root, 'test/fixtures/echo-legacy.mjs')}"] } }\n`,
    )
    const running = runCommand(['up', '--watch', '--json', '--config', join(folder, 'mcplex.yaml')])
    started.push(running)
    await running.ready()
    await expect
      .poll(() => lines(running, 'no server is a module from a file: --watch has nothing to watch').length)
      .toBe(1)
  })
})
