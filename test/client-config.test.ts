/** `mcplex config <client>` with real files in a home of its own: what it prints, writes, keeps and refuses. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
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
import { replaceFile } from '../src/cli/replace-file.ts'
import { runCommand } from './support/typed-command.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mcplex-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

interface Desktop {
  readonly mcpServers: { readonly mcplex: { readonly command: string; readonly args: readonly string[] } }
}

interface Ran {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

async function config(...args: string[]): Promise<Ran> {
  const running = runCommand(['config', ...args], { HOME: home })
  const exit = await running.exit()
  return { exit, out: running.stdout(), err: running.stderr() }
}

const url = 'http://127.0.0.1:8080/mcp'
const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const inHome = (...path: string[]): string => join(home, ...path)
const read = (...path: string[]): string => readFileSync(inHome(...path), 'utf8')
const cursorFile = ['.cursor', 'mcp.json'] as const

function write(path: readonly string[], text: string): string {
  const file = inHome(...path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

describe('without --write', () => {
  test.each([
    ['claude-code', { mcpServers: { mcplex: { type: 'http', url } } }],
    ['claude-desktop', { mcpServers: { mcplex: { command: process.execPath, args: [main, 'connect', url] } } }],
    ['cursor', { mcpServers: { mcplex: { url } } }],
    ['vscode', { servers: { mcplex: { type: 'http', url } } }],
    ['windsurf', { mcpServers: { mcplex: { serverUrl: url } } }],
  ])(
    '%s: stdout has the snippet alone, stderr says where it belongs, and nothing is written',
    async (client, shape) => {
      const { exit, out, err } = await config(client)
      expect(exit).toBe(0)
      expect(JSON.parse(out)).toEqual(shape)
      expect(err).toContain('the same command with --write')
      expect(readdirSync(home)).toEqual([])
    },
  )

  test('the name, the endpoint and a variable with the key can be said', async () => {
    const { out, err } = await config(
      ...['claude-code', '--name', 'files', '--url', 'https://mcp.example.com/mcp'],
      ...['--key-env', 'MCPLEX_API_KEY', '--scope', 'user'],
    )
    const headers = { Authorization: 'Bearer ${MCPLEX_API_KEY}' }
    expect(JSON.parse(out)).toEqual({
      mcpServers: { files: { type: 'http', url: 'https://mcp.example.com/mcp', headers } },
    })
    expect(err).toContain(inHome('.claude.json'))
    expect(err).toContain(
      "claude mcp add --transport http --scope user files https://mcp.example.com/mcp --header 'Authorization: Bearer ${MCPLEX_API_KEY}'",
    )
  })

  test('--json tells a program all of it in one line, and --quiet a person nothing', async () => {
    const { out, err } = await config('windsurf', '--json', '--quiet')
    expect(JSON.parse(out)).toEqual({
      event: 'config',
      client: 'windsurf',
      scope: 'user',
      file: inHome('.codeium', 'windsurf', 'mcp_config.json'),
      name: 'mcplex',
      snippet: { mcpServers: { mcplex: { serverUrl: url } } },
      state: 'printed',
    })
    expect(out.trimEnd()).not.toContain('\n')
    expect(err).toBe('')
  })

  test.each([
    [['emacs'], 'claude-desktop'],
    [['cursor', '--url', 'localhost:8080'], 'not the URL'],
    [['cursor', '--url', 'http://me:secret@localhost/mcp'], '--key-env'],
    [['cursor', '--name', '__proto__'], 'letters, digits'],
    [['cursor', '--key-env', 'sk-12345678'], '--key-env MCPLEX_API_KEY'],
    [['windsurf', '--scope', 'project'], '--scope user'],
    [['cursor', '--scope', 'user', '--file', 'x'], '--file'],
    [[], 'client'],
  ])('wrong usage is told with the way out: %j', async (args, hint) => {
    const { exit, out, err } = await config(...args)
    expect(exit).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(hint)
    expect(err).not.toMatch(/secret|sk-12345678/)
  })
})

test('the written entry of a client that starts commands starts this very copy, from any folder and with any PATH', async () => {
  // Called through a link, as npm makes one.
  symlinkSync(main, inHome('mcplex'))
  const link = runCommand(['config', 'claude-desktop', '--write'], { HOME: home }, inHome('mcplex'))
  expect(await link.exit()).toBe(0)
  const file = JSON.parse(read('.config', 'Claude', 'claude_desktop_config.json')) as Desktop
  const { command, args } = file.mcpServers.mcplex
  const started = spawnSync(command, [...args.slice(0, -2), '--version'], { cwd: '/', env: {}, encoding: 'utf8' })
  expect(started.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(args.at(-2)).toBe('connect')
})

describe('with --write', () => {
  test('a file and its folders come into being, without a backup of nothing', async () => {
    const { exit, out, err } = await config('cursor', '--write')
    expect([exit, out]).toEqual([0, ''])
    expect(err).toContain('created')
    expect(JSON.parse(read(...cursorFile))).toEqual({ mcpServers: { mcplex: { url } } })
    expect(readdirSync(inHome('.cursor'))).toEqual(['mcp.json'])
  })

  test('other entries and comments stay, what was there is kept, and a second time changes nothing', async () => {
    const before = '{\n\t// mine\n\t"mcpServers": {\n\t\t"mine": { "command": "x" }\n\t}\n}\n'
    const file = write(cursorFile, before)
    expect((await config('cursor', '--write')).err).toContain('added')
    const after = readFileSync(file, 'utf8')
    expect(after).toContain('\t// mine\n\t"mcpServers": {\n\t\t"mine": { "command": "x" },\n\t\t"mcplex": {')
    expect(readFileSync(`${file}.bak-1`, 'utf8')).toBe(before)

    const { exit, err } = await config('cursor', '--write')
    expect([exit, err]).toEqual([0, expect.stringContaining('unchanged')])
    expect(readFileSync(file, 'utf8')).toBe(after)
    expect(readdirSync(inHome('.cursor'))).toEqual(['mcp.json', 'mcp.json.bak-1'])

    const again = JSON.parse((await config('cursor', '--write', '--name', 'second', '--json')).out) as object
    expect(again).toMatchObject({ state: 'added', backup: `${file}.bak-2` })
    expect(readFileSync(`${file}.bak-1`, 'utf8'), 'no backup is written over').toBe(before)
    expect(readFileSync(`${file}.bak-2`, 'utf8')).toBe(after)
  })

  test('another entry of that name is replaced only when that is said', async () => {
    const before = '{"mcpServers":{"mcplex":{"url":"http://old","headers":{"Authorization":"Bearer secret"}}}}'
    const file = write(cursorFile, before)
    const refused = await config('cursor', '--write')
    expect(refused.exit).toBe(1)
    expect(refused.err).toMatch(/client_entry[^]*--force/)
    expect(refused.err).not.toContain('secret')
    expect(readFileSync(file, 'utf8')).toBe(before)
    expect((await config('cursor', '--write', '--force')).err).toContain('replaced')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ mcpServers: { mcplex: { url } } })
    expect(readFileSync(`${file}.bak-1`, 'utf8')).toBe(before)
  })

  test('a file that is not valid is refused with line and column, and stays as it is', async () => {
    const before = '{\n  "servers": {\n    "a": {},,\n  }\n}\n'
    const file = write(['mcp.json'], before)
    const { exit, out, err } = await config('vscode', '--write', '--file', file, '--json')
    expect(exit).toBe(78)
    expect(err).toContain(`${file}:3:`)
    expect(JSON.parse(out)).toMatchObject({ event: 'failed', exit: 78, errors: [{ code: 'client_file' }] })
    expect(readFileSync(file, 'utf8')).toBe(before)
    expect(readdirSync(home)).toEqual(['mcp.json'])
  })

  test('a file that is nested too deeply is refused, and stays as it is', async () => {
    const before = `{\n  "mcpServers": { "a": ${'['.repeat(20_000)}${']'.repeat(20_000)} }\n}\n`
    const file = write(['mcp.json'], before)
    const { exit, err } = await config('cursor', '--write', '--file', file)
    expect(exit).toBe(78)
    expect(err).toContain(`${file}:2:`)
    expect(err).toContain('nested too deeply')
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('the mode of the file is kept, and a link stays a link to it', async () => {
    const real = write(['dotfiles', 'cursor.json'], '{}')
    chmodSync(real, 0o600)
    mkdirSync(inHome('.cursor'))
    symlinkSync(real, inHome(...cursorFile))
    expect((await config('cursor', '--write')).exit).toBe(0)
    expect(JSON.parse(readFileSync(real, 'utf8'))).toEqual({ mcpServers: { mcplex: { url } } })
    expect(statSync(real).mode & 0o777).toBe(0o600)
    expect(statSync(`${real}.bak-1`).mode & 0o777).toBe(0o600)
    expect(readdirSync(inHome('.cursor'))).toEqual(['mcp.json'])
  })

  test('a link to a file that does not exist yet is followed', async () => {
    mkdirSync(inHome('.cursor'))
    symlinkSync('../dotfiles/cursor.json', inHome(...cursorFile))
    expect((await config('cursor', '--write')).exit).toBe(0)
    expect(JSON.parse(read('dotfiles', 'cursor.json'))).toEqual({ mcpServers: { mcplex: { url } } })
  })

  test('a file that another program changes at the same time is left to it', async () => {
    const file = write(cursorFile, '{"theirs": 2}')
    await expect(replaceFile(file, '{"theirs": 1}', '{"ours": 1}')).rejects.toThrow('changed by another program')
    await expect(replaceFile(file, undefined, '{"ours": 1}')).rejects.toThrow('changed by another program')
    expect(readFileSync(file, 'utf8')).toBe('{"theirs": 2}')
    expect(readdirSync(inHome('.cursor'))).toEqual(['mcp.json'])
  })

  test('a file that cannot be written is reported with its path, and no partial file is left', async () => {
    mkdirSync(inHome(...cursorFile), { recursive: true })
    const { exit, err } = await config('cursor', '--write')
    expect(exit).toBe(1)
    expect(err).toMatch(/client_write[^]*mcp\.json is no file/)
    expect(readdirSync(inHome('.cursor'))).toEqual(['mcp.json'])
    expect(existsSync(inHome('.cursor', 'mcp.json.bak-1'))).toBe(false)
  })
})
