/** `mcplex init` on machines with and without clients: what it writes can be served, and nothing else changes. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startModule } from './support/in-process.ts'
import { openSession } from './support/session.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
let home = ''
let folder = ''

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mcplex-init-'))
  folder = join(home, 'work')
  mkdirSync(folder)
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function mcplex(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { PATH = '' } = process.env
  const env = { PATH, HOME: home }
  return spawnSync(process.execPath, [main, ...args], { cwd: folder, env, encoding: 'utf8', timeout: 20_000 })
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

const written = (): string => readFileSync(join(folder, 'mcplex.yaml'), 'utf8')
/** The settings that the written file comes to. */
const values = (): Record<string, string> => {
  const { values: found } = JSON.parse(mcplex(['check', '--print', '--json']).stdout) as {
    values: Array<{ path: string; value: string }>
  }
  return Object.fromEntries(found.map(({ path, value }) => [path, value]))
}

const desktop = '.config/Claude/claude_desktop_config.json'
const files = { command: 'npx', args: ['-y', 'server-filesystem', '/tmp/a b', 'true', '#x', '5'] }

describe('init', () => {
  test('writes a module with tools that know their caller, and the file that serves it', async () => {
    const { status, stderr } = mcplex(['init', '--tools'])
    expect(status).toBe(0)
    expect(stderr).toContain('wrote tools.mjs')
    expect(stderr).toMatch(/next: .* up --watch\n$/)
    expect(mcplex(['check'])).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('imports @modelcontextprotocol/server, mcplex, zod, which are not installed'),
    })

    const root = join(import.meta.dirname, '..')
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['@modelcontextprotocol', 'zod'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    symlinkSync(root, join(folder, 'node_modules', 'mcplex'))
    expect(mcplex(['check'])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^mcplex\.yaml: 1 upstream \(mine\), no problems\n/),
    })
    expect(values()['upstreams.mine.module']).toMatch(/tools\.mjs$/)
    const { url } = await startModule({ module: join(folder, 'tools.mjs') })
    const session = await openSession(url, { client: 'ada' })
    await session.text('remember', { note: 'one' })
    expect(await session.text('remember', { note: 'two' })).toBe('ada, these are your notes: one, two')
  })

  test('makes a file private that others could read, and never opens one', () => {
    write('work/mcplex.yaml', 'version: 1\n')
    write('some.json', JSON.stringify({ mcpServers: { files: { ...files, env: { KEY: 'value' } } } }))
    const mode = (): number => statSync(join(folder, 'mcplex.yaml')).mode & 0o777
    for (const [before, after] of [
      [0o644, 0o600],
      [0o400, 0o400],
    ] as const) {
      chmodSync(join(folder, 'mcplex.yaml'), before)
      const { status, stderr } = mcplex(['init', '--force', '--from', '../some.json'])
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('only you can read it') })
      expect(mode()).toBe(after)
    }
  })

  test('does not write one file without the other', () => {
    write('work/mcplex.yaml', 'version: 1\n')
    expect(mcplex(['init', '--tools'])).toMatchObject({ status: 1 })
    expect(readdirSync(folder)).toEqual(['mcplex.yaml'])
    expect(mcplex(['init', '--tools', '--force'])).toMatchObject({ status: 0 })
    expect(readdirSync(folder).sort()).toEqual(['mcplex.yaml', 'mcplex.yaml.bak-1', 'tools.mjs'])
  })

  test('on a machine without clients writes an example that can be served', () => {
    const { status, stderr } = mcplex(['init'])
    expect(status).toBe(0)
    expect(stderr).toContain('no client on this machine starts one')
    expect(mcplex(['check'])).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('mcplex.yaml: 1 upstream (everything), no problems\n'),
    })
  })

  test('takes the servers of all clients, each once, as they are', () => {
    write(
      desktop,
      JSON.stringify({ mcpServers: { files, 'My Server': { command: '/opt/my server', env: { A: 'x: y', B: '' } } } }),
    )
    write('.cursor/mcp.json', JSON.stringify({ mcpServers: { files, far: { url: 'https://x.example/mcp' } } }))
    write(
      'work/.vscode/mcp.json',
      '{ // one\n"servers": {"files": {"command": "node", "args": ["${workspaceFolder}/s.js", "${env:KEY}", "${input:a-b}"]}}}',
    )
    expect(mcplex(['init'])).toMatchObject({ status: 0 })
    const { status, stderr } = mcplex(['check'])
    expect({ status, stderr }).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('${KEY} names a variable that is not set'),
    })
    writeFileSync(join(folder, 'mcplex.yaml'), written().replace('${KEY}', 'key').replace('${A_B}', 'a-b'))
    expect(values()).toMatchObject({
      'upstreams.files.command': 'npx',
      'upstreams.files.args': '-y server-filesystem "/tmp/a b" true #x 5',
      'upstreams.My-Server.command': '/opt/my server',
      'upstreams.files-2.args': `${folder}/s.js key a-b`,
    })
    expect(values()['upstreams.My-Server.env']).toContain('A=*** B=***')
    expect(readFileSync(join(home, desktop), 'utf8')).toContain('My Server')
  })

  test('says what it found and left out, to programs too', () => {
    write(desktop, JSON.stringify({ mcpServers: { files, far: { url: 'https://x.example/mcp' } } }))
    expect(JSON.parse(mcplex(['init', '--json']).stdout)).toMatchObject({
      event: 'init',
      file: join(folder, 'mcplex.yaml'),
      upstreams: ['files'],
      clients: [{ title: 'Claude Desktop', servers: 1 }],
      notices: [expect.stringContaining('"far" is not served')],
    })
  })

  test('lets only its user read values that may be secrets', () => {
    write(desktop, JSON.stringify({ mcpServers: { a: { command: 'x', env: { TOKEN: 'hunter2' } } } }))
    const { stderr } = mcplex(['init'])
    expect(stderr).not.toContain('hunter2')
    expect(statSync(join(folder, 'mcplex.yaml')).mode & 0o777).toBe(0o600)
    rmSync(join(folder, 'mcplex.yaml'))
    write(desktop, JSON.stringify({ mcpServers: { a: { command: 'x', env: { TOKEN: '${TOKEN}' } } } }))
    mcplex(['init'])
    expect(statSync(join(folder, 'mcplex.yaml')).mode & 0o044).toBe(0o044)
  })

  test('takes one client, or one file, by --from', () => {
    write(desktop, JSON.stringify({ mcpServers: { desktop: files } }))
    write('.cursor/mcp.json', JSON.stringify({ mcpServers: { cursor: files } }))
    write('work/other.json', JSON.stringify({ mcpServers: { other: files } }))
    for (const [from, name] of [
      ['claude-desktop', 'desktop'],
      ['cursor', 'cursor'],
      ['other.json', 'other'],
      ['none', 'everything'],
    ] as const) {
      expect(mcplex(['init', '--force', '--from', from])).toMatchObject({ status: 0 })
      expect(mcplex(['check']).stderr).toContain(`1 upstream (${name})`)
    }
  })

  test.each([
    ['is no client', ['--from', 'claude-dektop'], 1, /there is no client "claude-dektop"/],
    ['starts no server here', ['--from', 'cursor'], 1, /\.cursor.mcp\.json/],
    ['is not there', ['--from', 'nope.json'], 78, /nope\.json is not there/],
    ['is a folder', ['--from', '.'], 78, /cannot be read/],
    ['holds no servers', ['--from', 'empty.json'], 78, /holds no servers of a client/],
    ['is no JSON', ['--from', 'bad.json'], 78, /^bad\.json:3:1 +error config_syntax.*\n +2 \| +"env": \{ "A": \*\*\*/],
    [
      'is nested too deeply',
      ['--from', 'deep.json'],
      78,
      /^deep\.json:1:\d+ +error config_syntax +\[ is nested too deeply/,
    ],
  ])('fails if a named file %s, and writes nothing', (_, args, exit, message) => {
    write('work/empty.json', '{}')
    write('work/bad.json', '{"mcpServers": { "a": { "command": "x",\n"env": { "A": "hunter2"\n')
    write('work/deep.json', `{"mcpServers": {"a": ${'['.repeat(20_000)}${']'.repeat(20_000)}}}`)
    const { status, stderr } = mcplex(['init', ...args])
    expect(status).toBe(exit)
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('hunter2')
    expect(readdirSync(folder)).not.toContain('mcplex.yaml')
  })

  test('leaves out a file of a client that it cannot understand', () => {
    write(desktop, '{"mcpServers": ')
    write('.cursor/mcp.json', JSON.stringify({ mcpServers: { cursor: files } }))
    const { status, stderr } = mcplex(['init'])
    expect(status).toBe(0)
    expect(stderr).toMatch(/claude_desktop_config\.json:1:\d+ is left out: /)
    expect(mcplex(['check']).stderr).toContain('1 upstream (cursor)')
  })

  test('takes a large file of a client, whose other content does not matter', () => {
    const history = Array.from({ length: 60_000 }, (_, at) => ({ at, text: 'x'.repeat(20), list: [1, [2]] }))
    write(
      '.claude.json',
      JSON.stringify({ history, mcpServers: { a: files }, more: { b: history.slice(0, 10) } }, undefined, 1),
    )
    expect(mcplex(['init'])).toMatchObject({ status: 0 })
    expect(mcplex(['check']).stderr).toContain('1 upstream (a)')
    expect(mcplex(['check', join(home, '.claude.json')])).toMatchObject({ status: 0 })
  })

  test('changes no file that is there, unless with --force, which keeps it', () => {
    writeFileSync(join(folder, 'mcplex.yaml'), 'mine')
    expect(mcplex(['init'])).toMatchObject({ status: 1, stderr: expect.stringContaining('init_exists') })
    expect(written()).toBe('mine')
    expect(mcplex(['init', '--force'])).toMatchObject({ status: 0 })
    expect(readFileSync(join(folder, 'mcplex.yaml.bak-1'), 'utf8')).toBe('mine')
  })

  test('fails with a word where it cannot write', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(mcplex(['init', '--config', 'file/mcplex.yaml'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('init_write'),
    })
  })
})
