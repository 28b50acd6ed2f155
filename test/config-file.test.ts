/** Configuration files as users meet them: `check` on real files, its words, its exit codes, and its frames. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-config-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function mcplex(args: readonly string[], env: Record<string, string> = {}): Ended {
  const { PATH = '' } = process.env
  return spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { PATH, HOME: folder, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  })
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)

describe('check', () => {
  test('says that a good file is good, on stderr, with exit code 0', () => {
    write('mcplex.yaml', 'upstreams:\n  a: { command: node }\n  b: { command: node }\n')
    expect(mcplex(['check'])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(/^mcplex\.yaml: 2 upstreams \(a, b\), no problems\n/),
    })
  })

  test('names the servers because of which clients without sessions are refused', () => {
    const server = (more: string): string => `{ command: node, ${more} }`
    const servers = {
      a: server(''),
      b: server('mode: shared'),
      c: server('stateless: call'),
      d: server('protocol: modern'),
    }
    const put = (found: Record<string, string>): void =>
      write(
        'mcplex.yaml',
        `upstreams:\n${Object.entries(found)
          .map(([name, text]) => `  ${name}: ${text}\n`)
          .join('')}`,
      )
    put(servers)
    expect(mcplex(['check']).stderr).toMatch(
      /are refused at \/mcp because of a; set stateless: principal, call or shared there/,
    )
    expect(JSON.parse(mcplex(['check', '--json']).stdout)).toMatchObject({ sessionsOnly: ['a'] })
    const { a: _a, ...others } = servers
    put(others)
    expect(mcplex(['check']).stderr).toContain('clients of 2026-07-28 are served without sessions at /mcp')
  })

  test('shows each problem with line, column and frame, with exit code 78', () => {
    write('mcplex.yaml', 'limits:\n  idleTimeout: 5m\n  maxSessionAge: 10 minuets\nupstreams:\n  a: { comand: node }\n')
    const { status, stdout, stderr } = mcplex(['check'])
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' })
    expect(stderr).toContain(
      [
        'mcplex.yaml:3:18  error config_duration   limits.maxSessionAge "10 minuets" is not a duration; did you mean 10m?',
        '   2 |   idleTimeout: 5m',
        '   3 |   maxSessionAge: 10 minuets',
        '     |                  ^^^^^^^^^^ not a duration',
      ].join('\n'),
    )
    expect(stderr).toContain(
      'mcplex.yaml:5:8  error config_unknown_key   "comand" is not known here; did you mean command?',
    )
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('3 errors. Nothing was started.')
  })

  test('says the same to programs with --json', () => {
    write('mcplex.yaml', 'limits: { queue: 5 }\nupstreams: { a: { command: node } }\n')
    const { status, stdout } = mcplex(['check', '--json'])
    expect(status).toBe(78)
    expect(JSON.parse(stdout)).toMatchObject({
      event: 'failed',
      exit: 78,
      errors: [{ code: 'config_structure', file: 'mcplex.yaml', line: 1, column: 18 }],
    })
  })

  test('prints each value with its origin, and no secret', () => {
    write(
      'mcplex.yaml',
      'listen: { port: 9000 }\nupstreams: { a: { command: node, env: { TOKEN: hunter2 }, args: { org_id: hunter3 } } }\n',
    )
    const { status, stdout } = mcplex(['check', '--print'], { MCP_MAX_CONNECTIONS: '7' })
    expect(status).toBe(0)
    expect(stdout).toMatch(/^listen\.port +9000 +mcplex\.yaml:1:17 +needs a restart$/m)
    expect(stdout).toMatch(/^limits\.maxConnections +7 +MCP_MAX_CONNECTIONS +needs a restart$/m)
    expect(stdout).toMatch(/^upstreams\.a\.command +node +mcplex\.yaml:2:28$/m)
    expect(stdout).toMatch(/^upstreams\.a\.mode .* default$/m)
    expect(stdout).toMatch(/^upstreams\.a\.boundArgs +org_id=\*\*\* +mcplex\.yaml:2:65$/m)
    expect(stdout).not.toContain('hunter')
    const { stdout: json } = mcplex(['check', '--print', '--json'])
    expect(json).not.toContain('hunter')
    expect(JSON.parse(json)).toMatchObject({ event: 'checked', upstreams: ['a'], warnings: [] })
  })

  test.each([
    ['the file of a client', 'claude_desktop_config.json', '{"mcpServers": {"a": {"command": "node", "args": ["x"]}}}'],
    ['another file', 'other.yml', 'upstreams: { a: { command: node } }'],
  ])('takes %s', (_, name, text) => {
    write(name, text)
    expect(mcplex(['check', name])).toMatchObject({ status: 0 })
    expect(mcplex(['check', '--config', name])).toMatchObject({ status: 0 })
  })

  test('takes a file that a shell passes', () => {
    write('mcplex.in', 'upstreams: { a: { command: $SERVER } }')
    const line = `"${process.execPath}" "${main}" check <(sed 's/$SERVER/node/' mcplex.in)`
    const { status, stderr } = spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8', timeout: 20_000 })
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^config: 1 upstream \(a\), no problems\n/),
    })
  })

  test.each([
    ['no file', [], 'there is no mcplex.yaml or mcplex.yml'],
    ['a file that is not there', ['nope.yaml'], 'nope.yaml cannot be read: it is not there'],
    ['a folder', ['.'], 'it is a directory'],
    ['a device', ['/dev/zero'], 'it is no regular file'],
  ])('%s is exit code 78', (_, args, message) => {
    const { status, stderr } = mcplex(['check', ...args])
    expect(status).toBe(78)
    expect(stderr).toContain('config_file')
    expect(stderr).toContain(message)
  })

  test('bytes that are no text, and text that is nested without end, are exit code 78', () => {
    writeFileSync(join(folder, 'mcplex.yaml'), Buffer.from([0xff, 0xfe, 0x00]))
    expect(mcplex(['check'])).toMatchObject({ status: 78 })
    write('mcplex.yaml', '['.repeat(200_000))
    expect(mcplex(['check']).stderr).toContain('is nested too deeply')
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    write('deep.json', `{"version":1,"upstreams":{"a":{"command":["node"],"boundArgs":{"x":${deep}}}}}`)
    expect(mcplex(['check', '--config', 'deep.json'])).toMatchObject({
      status: 78,
      stderr: expect.stringMatching(/^deep\.json:1:\d+ +error config_syntax +\[ is nested too deeply/),
    })
  })
})

describe('what a file costs is paid by the verbs that read one', () => {
  /** The modules of the package that a command line loads. */
  const loadedBy = (args: readonly string[]): string => {
    const hook = join(folder, 'hook.mjs')
    writeFileSync(
      hook,
      `import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
import { appendFileSync } from 'node:fs'
export async function resolve(name, context, next) {
  const found = await next(name, context)
  appendFileSync(\${JSON.stringify(${JSON.stringify(join(folder, 'loaded'))})}, found.url + '\\\\n')
  return found
}\`))`,
    )
    writeFileSync(join(folder, 'loaded'), '')
    mcplex(args, { NODE_OPTIONS: `--import ${hook}` })
    return readFileSync(join(folder, 'loaded'), 'utf8')
  }

  test('serve, connect and help load neither YAML nor the structure of a file', () => {
    for (const args of [
      ['serve', '--json', '--port', '0', '--', 'false'],
      ['connect', '--wait', '1ms', 'http://127.0.0.1:9/mcp'],
      ['--help'],
    ]) {
      const loaded = loadedBy(args)
      expect(loaded).toContain('/dist/cli/')
      expect(loaded).not.toMatch(/node_modules\/(?:yaml|zod)\//)
    }
    write('mcplex.yaml', 'upstreams: { a: { command: node } }')
    expect(loadedBy(['check'])).toMatch(/node_modules\/zod\//)
  })
})
