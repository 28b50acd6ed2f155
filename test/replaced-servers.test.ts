/** `mcplex config CLIENT --write` puts the one entry in the place of the servers that mcplex serves, and touches nothing else. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fixture, runCommand, type Running } from './support/typed-command.ts'

const started: Running[] = []
let home = ''

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mcplex-replaced-'))
  mkdirSync(join(home, 'run'), { mode: 0o700 })
})
afterEach(async () => {
  for (const running of started.splice(0)) {
    running.child.kill('SIGKILL')
    await running.exit()
  }
  rmSync(home, { recursive: true, force: true })
})

function write(path: string, text: string): string {
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

function run(...args: string[]): Running {
  const running = runCommand(args, { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), TMPDIR: home })
  started.push(running)
  return running
}

interface Ran {
  readonly exit: number | null
  readonly err: string
  readonly out: string
}

async function ran(...args: string[]): Promise<Ran> {
  const running = run(...args)
  return { exit: await running.exit(), err: running.stderr(), out: running.stdout() }
}

const [node = '', echo = ''] = fixture('echo-legacy.mjs')
const clients: ReadonlyArray<readonly [client: string, path: string, section: string]> = [
  ['claude-code', '.claude.json', 'mcpServers'],
  ['claude-desktop', '.config/Claude/claude_desktop_config.json', 'mcpServers'],
  ['cursor', '.cursor/mcp.json', 'mcpServers'],
  ['vscode', '.config/Code/User/mcp.json', 'servers'],
  ['windsurf', '.codeium/windsurf/mcp_config.json', 'mcpServers'],
]

describe('from a client to one URL and back into it', () => {
  test.each(clients)('%s', async (client, path, section) => {
    const others = { theme: 'dark', inputs: [{ id: 'key' }] }
    const servers = {
      one: { command: node, args: [echo] },
      'My Two': { command: node, args: [echo], env: { TOKEN: 'hunter2', A: 'b' } },
      far: { url: 'https://x.example/mcp' },
    }
    const file = write(path, JSON.stringify({ ...others, [section]: servers }, undefined, 2))
    const before = readFileSync(file, 'utf8')
    const yaml = join(home, 'mcplex.yaml')
    expect((await ran('init', '--from', file, '--config', yaml)).exit).toBe(0)
    // Secrets are moved out of the file of mcplex: the server is still the same.
    write('mcplex.yaml', readFileSync(yaml, 'utf8').replace('hunter2', '"${TOKEN:-x}"'))

    const { exit, err } = await ran('config', client, '--write', '--file', file, '--config', yaml)
    expect(exit).toBe(0)
    expect(err).toContain('in the place of one, My Two: mcplex serves them')
    const after = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>
    expect(after).toMatchObject(others)
    expect(Object.keys(after[section] ?? {})).toEqual(['far', 'mcplex'])
    expect(readFileSync(`${file}.bak-1`, 'utf8')).toBe(before)
    expect(await ran('config', client, '--write', '--file', file, '--config', yaml)).toMatchObject({ exit: 0 })
    expect(readdirSync(dirname(file)).filter((name) => name.includes('.bak'))).toHaveLength(1)
  })
})

test('comments stay, and so do servers that mcplex does not serve, in the layout of the file', async () => {
  const text = `{
  // mine, all of them
  "servers": {
    "one": { "command": "${node}", "args": ["${echo}"] }, // the first, with a comma
    /* about other */
    "other": { "command": "${node}", "args": ["other.js"] },
    // about two
    "two": {
      "command": "${node}",
      "args": ["${echo}"],
      "cwd": "/",
    },
  },
  "inputs": [] // none
}
`
  const file = write('.vscode/mcp.json', text)
  const yaml = write(
    'mcplex.yaml',
    `upstreams:\n  a: { command: [${node}, ${echo}] }\n  b: { command: [${node}, ${echo}], cwd: / }\n`,
  )
  const { exit, err } = await ran('config', 'vscode', '--write', '--file', file, '--config', yaml)
  expect(exit).toBe(0)
  expect(err).toContain('other stay there: mcplex does not serve them')
  expect(readFileSync(file, 'utf8')).toBe(`{
  // mine, all of them
  "servers": {
     // the first, with a comma
    /* about other */
    "other": { "command": "${node}", "args": ["other.js"] },
    // about two
    "mcplex": {
      "type": "http",
      "url": "http://127.0.0.1:8080/mcp"
    }
  },
  "inputs": [] // none
}
`)
})

test('the file of the running mcplex at the URL says what it serves', async () => {
  const yaml = write(
    'mcplex.yaml',
    `listen: { port: 0 }\nupstreams: { one: { command: [${node}, ${echo}], pool: { spares: 0 } } }\n`,
  )
  const { endpoint } = await run('up', '--json', '--config', yaml).ready()
  const file = write('.cursor/mcp.json', JSON.stringify({ mcpServers: { mine: { command: node, args: [echo] } } }))
  const elsewhere = await ran('config', 'cursor', '--write', '--json', '--url', 'http://127.0.0.1:9/mcp')
  expect(elsewhere).toMatchObject({
    exit: 0,
    err: expect.stringContaining('no running mcplex up is known at this URL'),
  })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ mcpServers: { mine: {}, mcplex: {} } })
  const here = ['config', 'cursor', '--write', '--json', '--url', String(endpoint), '--force'] as const
  expect(JSON.parse((await ran(...here, '--keep-servers')).out)).toMatchObject({ state: 'replaced' })
  expect(JSON.parse((await ran(...here)).out)).toMatchObject({ removed: ['mine'], left: [], backup: `${file}.bak-3` })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ mcpServers: { mcplex: { url: endpoint } } })
})

test.each([
  ['that is read-only', [], (file: string) => chmodSync(file, 0o444), /client_write[^]*is read-only[^]*chmod u\+w/],
  ['that mcplex itself serves', ['--config', '.cursor/mcp.json'], () => {}, /serves the servers of this very file/],
  ['whose mcplex file is not there', ['--config', 'nowhere.yaml'], () => {}, /config_file[^]*cannot be read/],
])('a file %s is refused, and stays as it is', async (_, [option, path], prepare, message) => {
  const text = JSON.stringify({ mcpServers: { mine: { command: node, args: [echo] } } })
  const file = write('.cursor/mcp.json', text)
  prepare(file)
  const more = option === undefined ? [] : [option, join(home, path ?? '')]
  const { exit, err } = await ran('config', 'cursor', '--write', ...more)
  expect(exit).not.toBe(0)
  expect(err).toMatch(message)
  expect(readFileSync(file, 'utf8')).toBe(text)
  expect(readdirSync(dirname(file))).toEqual(['mcp.json'])
})
