/** `mcplex up` on real files: all servers behind one URL, each behind its own, and what a bad file does. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { fixture, runCommand, type Running } from './support/typed-command.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const started: Running[] = []
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-up-'))
})
afterEach(async () => {
  for (const running of started.splice(0)) {
    if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill('SIGKILL')
    await running.exit()
  }
  rmSync(folder, { recursive: true, force: true })
})

const echo = JSON.stringify(fixture('echo-legacy.mjs'))
const two = `listen: { port: 0 }
upstreams:
  one: { command: ${echo}, pool: { spares: 0 } }
  two: { command: ${echo}, pool: { spares: 0 } }
endpoints:
  part: { tools: [one__echo] }
`

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function up(args: readonly string[], env: Record<string, string> = {}): Running {
  const running = runCommand(['up', '--json', ...args], env)
  started.push(running)
  return running
}

async function toolsAt(url: string): Promise<string[]> {
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  const { tools } = await client.listTools()
  await client.close()
  return tools.map(({ name }) => name)
}

describe('up', () => {
  test('serves all servers at one URL, each at its own, and views of them', async () => {
    const running = up(['--config', write('mcplex.yaml', two)])
    const { endpoint, endpoints } = await running.ready()
    expect(endpoints).toEqual(['one', 'two', 'part'].map((name) => `${String(endpoint)}/${name}`))
    await expect
      .poll(async () => new Set((await toolsAt(String(endpoint))).map((name) => name.split('__')[0])))
      .toEqual(new Set(['one', 'two']))
    expect(await toolsAt(`${String(endpoint)}/one`)).toContain('echo')
    expect(await toolsAt(`${String(endpoint)}/part`)).toEqual(['one__echo'])
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
  })

  test('serves the untouched file of a client, with flags and variables over it', async () => {
    const [command, ...args] = fixture('echo-legacy.mjs')
    const path = write('claude_desktop_config.json', JSON.stringify({ mcpServers: { 'My Echo': { command, args } } }))
    const running = up(['--config', path, '--port', '0'], { MCP_MAX_CONNECTIONS: '7' })
    const { endpoint, limits } = await running.ready()
    expect(limits).toMatchObject({ maxConnections: 7 })
    expect(await toolsAt(String(endpoint))).toContain('echo')
    expect(await toolsAt(`${String(endpoint)}/My-Echo`)).toContain('echo')
    await expect
      .poll(() => running.log())
      .toContainEqual(expect.objectContaining({ level: 'warn', code: 'config_name' }))
  })

  test('reads a file that a shell passes', async () => {
    write('in.yaml', two.replace('port: 0', 'port: $PORT_TEXT'))
    const line = `exec "${process.execPath}" "${main}" up --json --config <(sed 's/$PORT_TEXT/0/' in.yaml)`
    const child = spawn('bash', ['-c', line], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
    const text = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve))
    expect(JSON.parse(text)).toMatchObject({ event: 'ready', upstreams: { one: {}, two: {} } })
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('close', resolve))
  })

  test('serves one client on stdin and stdout with --transport stdio', async () => {
    const path = write('mcplex.yaml', two)
    const client = new Client({ name: 'test', version: '1' })
    const { PATH = '' } = process.env
    const args = [main, 'up', '--transport', 'stdio', '--config', path]
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env: { PATH }, stderr: 'ignore' }))
    await expect
      .poll(async () => (await client.listTools()).tools.map(({ name }) => name))
      .toEqual(expect.arrayContaining(['one__echo', 'two__echo']))
    const { content } = await client.callTool({ name: 'two__echo', arguments: { text: 'x' } })
    expect(JSON.stringify(content)).toContain('x')
    await client.close()
  })

  test.each([
    ['a wrong value', two.replace('port: 0', 'port: many'), 'mcplex.yaml:1:17', 'config_number'],
    ['a wrong name', two.replace('spares: 0', 'spare: 0'), 'mcplex.yaml:3:', 'config_unknown_key'],
    ['no server', 'listen: { port: 0 }', 'mcplex.yaml:1:1', 'config_command'],
    ['a name twice', two.replace('part:', 'one:'), 'mcplex.yaml:6:3', 'config_name'],
    ['an open address', two.replace('port: 0', 'host: 0.0.0.0'), 'mcplex.yaml:1:17', 'config_exposed'],
  ])('does not start with %s: exit code 78, with place and frame', (_, text, where, code) => {
    write('mcplex.yaml', text)
    const { PATH = '' } = process.env
    const ended = spawnSync(process.execPath, [main, 'up', '--log-format', 'pretty'], {
      cwd: folder,
      env: { PATH },
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(ended.status).toBe(78)
    expect(ended.stderr).toContain(where)
    expect(ended.stderr).toContain(code)
    expect(ended.stderr).toMatch(/^ +\| +\^+/m)
  })

  test('says it in one line of the log where the log is JSON', async () => {
    const running = up(['--config', write('mcplex.yaml', two.replace('port: 0', 'port: many'))])
    expect(await running.exit()).toBe(78)
    expect(running.log()).toContainEqual(
      expect.objectContaining({ level: 'fatal', code: 'config_number', line: 1, column: 17 }),
    )
  })

  test('names a server that starts late, once it is ready', async () => {
    const [node = '', file = ''] = fixture('echo-legacy.mjs')
    const gate = join(folder, 'gate')
    const late = JSON.stringify(['/bin/sh', '-c', `until test -e ${gate}; do sleep 0.1; done; exec ${node} ${file}`])
    const running = up([
      '--config',
      write('mcplex.yaml', two.replace('endpoints', `  late: { command: ${late} }\nendpoints`)),
    ])
    const { endpoint, upstreams } = await running.ready()
    expect(upstreams).toMatchObject({ late: { standing: 'starting' } })
    writeFileSync(gate, '')
    await expect
      .poll(() => running.log().find(({ msg }) => /^late is ready: \d+ tools$/.test(String(msg))), { timeout: 60_000 })
      .toMatchObject({ level: 'info', upstream: 'late', tools: expect.any(Number) })
    expect(await toolsAt(`${String(endpoint)}/late`)).toContain('echo')
  })

  test('names each server and its reason if none can be started, and what the file can hand over', async () => {
    const silent = JSON.stringify(['/bin/sh', '-c', 'echo no token >&2; exit 3'])
    const text = `listen: { port: 0 }\nupstreams:\n  a: { command: ${silent} }\n  b: { command: /nowhere/server }\n`
    const running = up(['--log-format', 'pretty', '--config', write('mcplex.yaml', text)], { HTTPS_PROXY: 'http://x' })
    expect(await running.exit()).toBe(69)
    const said = running.stderr()
    expect(said).toMatch(/upstream_start +a: the command ended before it answered/)
    expect(said).toMatch(/upstream_start +b: the command could not be started/)
    expect(said).toContain('no token')
    expect(said).toContain('env: { HTTPS_PROXY: "${HTTPS_PROXY}" } at this server in the file')
    expect(said).not.toContain('--env')
    expect(await running.ready()).toMatchObject({
      event: 'failed',
      errors: [{ code: 'upstream_start' }, { code: 'upstream_start' }],
    })
  })

  test('ends with exit code 69 if no server can be started, and names the command', async () => {
    const running = up([
      '--config',
      write('mcplex.yaml', 'listen: { port: 0 }\nupstreams: { a: { command: /nowhere/server } }'),
    ])
    expect(await running.exit()).toBe(69)
    expect(running.stderr()).toContain('/nowhere/server')
  })
})
