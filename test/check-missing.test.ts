/** What `check` and `up` say of programs, folders, files and variables that are not there, and of names that collide. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fixture, runCommand, type Running } from './support/typed-command.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const started: Running[] = []
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-missing-'))
})
afterEach(async () => {
  for (const running of started.splice(0)) {
    running.child.kill('SIGKILL')
    await running.exit()
  }
  rmSync(folder, { recursive: true, force: true })
})

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

interface Checked {
  readonly status: number | null
  readonly stderr: string
  readonly errors: ReadonlyArray<Record<string, unknown>>
}

function check(upstreams: string, env: Record<string, string> = {}): Checked {
  write('mcplex.yaml', upstreams)
  const { PATH = '' } = process.env
  const run = (more: readonly string[]): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
    spawnSync(process.execPath, [main, 'check', ...more], {
      cwd: folder,
      env: { PATH, HOME: folder, ...env },
      encoding: 'utf8',
      timeout: 20_000,
    })
  const { status, stderr } = run([])
  const { stdout } = run(['--json'])
  const { errors = [] } = JSON.parse(stdout) as { errors?: Checked['errors'] }
  return { status, stderr, errors }
}

describe('check', () => {
  test.each([
    ['a program', 'upstreams:\n  a: { command: no-such-program }\n', 2, 17, /is not found in PATH/],
    ['a program in a list', 'upstreams:\n  a: { command: [no-such-program, x] }\n', 2, 17, /is not found in PATH/],
    ['a path', 'upstreams:\n  a: { command: ./nowhere/server }\n', 2, 17, /is not there/],
    ['a directory as the program', 'upstreams:\n  a: { command: /tmp }\n', 2, 17, /is a directory/],
    ['a working directory', 'upstreams:\n  a: { command: node, cwd: nowhere }\n', 2, 28, /is not there/],
    [
      'a file as the working directory',
      'upstreams:\n  a: { command: node, cwd: mcplex.yaml }\n',
      2,
      28,
      /is no directory/,
    ],
    ['a module', 'upstreams:\n  a: { module: ./nowhere.mjs }\n', 2, 16, /is not there/],
    [
      'a user',
      'upstreams:\n  a: { command: node, limits: { user: mcplex-nobody } }\n',
      2,
      39,
      /is no user of this machine|needs root/,
    ],
    ['a directory as the module', 'upstreams:\n  a: { module: . }\n', 2, 16, /is no file/],
  ])('%s that is not there is an error with its place and a way out', (_, text, line, column, message) => {
    const { status, stderr, errors } = check(text)
    expect(status).toBe(78)
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'config_missing',
        message: expect.stringMatching(message),
        file: 'mcplex.yaml',
        line,
        column,
        try: expect.arrayContaining([expect.any(String)]),
      }),
    ])
    expect(stderr).toContain(`mcplex.yaml:${line}:${column}  error config_missing`)
    expect(stderr).toMatch(/^ +\| +\^+/m)
  })

  test('prints the values all the same', () => {
    check('upstreams: { a: { command: no-such-program } }')
    const run = (...more: string[]): string =>
      spawnSync(process.execPath, [main, 'check', '--print', ...more], { cwd: folder, encoding: 'utf8' }).stdout
    expect(run()).toMatch(/^upstreams\.a\.command +no-such-program +mcplex\.yaml:1:28$/m)
    expect(JSON.parse(run('--json'))).toMatchObject({
      event: 'failed',
      exit: 78,
      values: expect.arrayContaining([expect.objectContaining({ path: 'upstreams.a.command' })]),
    })
  })

  test('looks for programs in the PATH and the folder of the server', () => {
    mkdirSync(join(folder, 'own'))
    const program = write('own/server', '#!/bin/sh\n')
    const text = (more: string): string => `upstreams: { a: { command: server, ${more} } }`
    expect(check(text('mode: session')).errors).toMatchObject([{ code: 'config_missing' }])
    expect(check(text(`env: { PATH: ${folder}/own }`)).errors).toMatchObject([
      { message: expect.stringContaining('may not be run by this user') },
    ])
    chmodSync(program, 0o755)
    expect(check(text(`env: { PATH: ${folder}/own }`)).status).toBe(0)
    expect(check(text('mode: session'), { PATH: `${join(folder, 'own')}:/bin:/usr/bin` }).status).toBe(0)
    expect(check('upstreams: { a: { command: ./server, cwd: own } }').status).toBe(0)
    expect(check('upstreams: { a: { command: ./own/server } }').status).toBe(0)
  })

  test('shows no secret that stands in a path', () => {
    const { stderr, errors } = check('upstreams: { a: { command: "/nowhere/${TOKEN}/x" } }', {
      TOKEN: 'hunter2hunter2',
    })
    expect(errors).toMatchObject([{ code: 'config_missing' }])
    expect(JSON.stringify(errors) + stderr).not.toContain('hunter2')
  })

  test.each([
    ['upstreams that collide', 'upstreams:\n  a: { command: node }\n  a__b: { command: node }\n', 3, 3],
    ['an alias of no upstream', 'upstreams: { a: { command: node } }\naliases:\n  find: b__find\n', 3, 3],
    [
      'an alias that collides',
      'upstreams: { a: { command: node }, b: { command: node } }\naliases:\n  a__x: b__find\n',
      3,
      3,
    ],
    [
      'a view that shows nothing',
      'upstreams: { a: { command: node }, b: { command: node } }\nendpoints:\n  v: { tools: ["c__*"] }\n',
      3,
      15,
    ],
  ])('%s: an error with its place', (_, text, line, column) => {
    const { status, errors } = check(text)
    expect(status).toBe(78)
    expect(errors).toEqual([expect.objectContaining({ file: 'mcplex.yaml', line, column })])
  })

  test('finds nothing wrong with the example of the README, without any variable', () => {
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')
    const [, example = ''] = /```yaml\n(version: 1\n.*?)```/s.exec(readme) ?? []
    expect(example).toContain('endpoints:')
    expect(check(example)).toMatchObject({ status: 0, errors: [] })
  })

  test('says what to do about a variable that is not set, and about a file of a secret', () => {
    const { status, stderr, errors } = check(
      'upstreams:\n  a:\n    command: node\n    env: { A: "${GITHUB_TOKEN}", B: "${file:nowhere}" }\n',
    )
    expect(status).toBe(78)
    expect(errors).toMatchObject([
      {
        code: 'config_variable',
        line: 4,
        column: 16,
        try: expect.arrayContaining([expect.stringContaining('${GITHUB_TOKEN:-}')]),
      },
      { code: 'config_variable', line: 4, column: 38 },
    ])
    expect(stderr).toMatch(/try +GITHUB_TOKEN=\.\.\. \S.* up$/m)
  })
})

describe('up', () => {
  const good = `good: { command: ${JSON.stringify(fixture('echo-legacy.mjs'))}, pool: { spares: 0 } }`

  test('says the same at its start, and serves the other servers', async () => {
    const path = write(
      'mcplex.yaml',
      `listen: { port: 0 }\nupstreams:\n  ${good}\n  bad: { command: no-such-program }\n`,
    )
    const running = runCommand(['up', '--json', '--config', path])
    started.push(running)
    expect(await running.ready()).toMatchObject({ event: 'ready', upstreams: { good: { standing: 'started' } } })
    await expect
      .poll(() => running.log(), { timeout: 30_000 })
      .toContainEqual(
        expect.objectContaining({ level: 'error', code: 'config_missing', where: expect.stringContaining(':4:19') }),
      )
  })

  test('shows it with the place on a terminal', async () => {
    const path = write('mcplex.yaml', 'listen: { port: 0 }\nupstreams:\n  bad: { command: no-such-program }\n')
    const running = runCommand(['up', '--log-format', 'pretty', '--config', path])
    started.push(running)
    expect(await running.exit()).toBe(69)
    expect(running.stderr()).toMatch(/mcplex\.yaml:3:19 {2}error config_missing/)
    expect(running.stderr()).toMatch(/^ +\| +\^+/m)
  })
})

test('a bare number of milliseconds that is surely not meant is a warning, from flags and variables alike', async () => {
  const serve = [
    'serve',
    '--port',
    '0',
    '--log-format',
    'json',
    '--idle-timeout',
    '5',
    '--',
    ...fixture('echo-legacy.mjs'),
  ]
  const running = runCommand(serve, { MCP_CONNECTION_TIMEOUT: '90', MCPLEX_LIMITS__DRAIN: '10s' })
  started.push(running)
  const warnings = (): unknown[] => running.log().filter(({ code }) => code === 'config_duration')
  await expect.poll(() => warnings().length, { timeout: 30_000 }).toBe(2)
  expect(warnings()).toMatchObject([
    { level: 'warn', where: '--idle-timeout', msg: expect.stringContaining('did you mean 5s?') },
    { level: 'warn', where: 'MCP_CONNECTION_TIMEOUT', msg: expect.stringContaining('did you mean 90s?') },
  ])
})
