import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { unenforceableLimits } from '../../upstreams/stdio/options.ts'
import { exampleFile } from '../file-document.ts'
import { ConfigError, type Problem } from '../problem.ts'
import { type LoadedFile, loadFile } from './load-file.ts'
import { resolvedValues } from './resolved.ts'
import { fileStructure } from './structure.ts'

const structure = fileStructure()
const path = { PATH: '/bin' }

function loadText(text: string, env: Record<string, string> = {}, flags: Record<string, string[]> = {}): LoadedFile {
  const machine = { env: { ...path, ...env }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
  const readFile = (): { fault: string } => ({ fault: 'is not there' })
  const source = { file: 'mcplex.yaml', path: '/etc/mcplex.yaml', text, structure, env: machine.env, readFile }
  return loadFile(source, new Map(Object.entries(flags)), machine)
}

function problemsOf(...args: Parameters<typeof loadText>): readonly Problem[] {
  try {
    loadText(...args)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const two = `
limits: { poolSize: 10, maxConnections: 20 }
upstreams:
  one: { command: node, pool: { max: 3 } }
  git-hub: { command: node }
`

describe('precedence', () => {
  const pools = (...args: Parameters<typeof loadText>): unknown[] =>
    Object.values(loadText(...args).settings.upstreams).map(({ pool }) => pool)

  test('an upstream has its own value, or the one for all', () => {
    expect(pools(two)).toEqual([3, 10])
  })

  test('the environment wins over the file, its variable for one upstream over those for all', () => {
    expect(pools(two, { MCP_CONNECTION_POOL_SIZE: '5' })).toEqual([5, 5])
    expect(pools(two, { MCPLEX_UPSTREAMS__GIT_HUB__POOL__MAX: '6' })).toEqual([3, 6])
    expect(pools(two, { MCP_CONNECTION_POOL_SIZE: '5', MCPLEX_UPSTREAMS__ONE__POOL__MAX: '6' })).toEqual([6, 5])
  })

  test('flags win over everything', () => {
    expect(pools(two, { MCPLEX_UPSTREAMS__ONE__POOL__MAX: '6' }, { pool: ['7'] })).toEqual([7, 7])
    expect(loadText(two, { MCP_MAX_CONNECTIONS: '9' }).settings.limits.maxConnections).toBe(9)
    expect(
      loadText(two, { MCP_MAX_CONNECTIONS: '9' }, { 'max-connections': ['8'] }).settings.limits.maxConnections,
    ).toBe(8)
  })

  test('each value has its origin', () => {
    const loaded = loadText(two, { PORT: '9000', MCPLEX_UPSTREAMS__ONE__MODE: 'shared' }, { host: ['localhost'] })
    const origins = Object.fromEntries(resolvedValues(loaded).map(({ path: of, origin }) => [of, origin]))
    expect(origins).toMatchObject({
      'listen.host': '--host',
      'listen.port': 'PORT',
      'limits.maxConnections': 'mcplex.yaml:2:41',
      'limits.queue.max': 'default',
      'upstreams.one.mode': 'MCPLEX_UPSTREAMS__ONE__MODE',
      'upstreams.one.pool.max': 'mcplex.yaml:4:38',
      'upstreams.git-hub.pool.max': 'mcplex.yaml:2:21',
      'upstreams.git-hub.pool.spares': 'default',
    })
  })
})

describe('problems', () => {
  test('of the file, of flags, of variables and of combinations are told at once', () => {
    const text = 'listen: { host: 0.0.0.0 }\nlimits: { queue: { max: x } }\nupstreams: { a: { comand: b } }'
    const env = { MCPLEX_UPSTREAMS__A__MODE: 'z', MCPLEX_UPSTREAMS__A__MOED: 'shared' }
    const codes = problemsOf(text, env, { port: ['x'] }).map(({ code, where }) => `${where} ${code}`)
    expect(codes.toSorted()).toEqual([
      '--port config_number',
      'MCPLEX_UPSTREAMS__A__MODE config_choice',
      'MCPLEX_UPSTREAMS__A__MOED config_unknown_key',
      'mcplex.yaml:1:17 config_exposed',
      'mcplex.yaml:2:25 config_number',
      'mcplex.yaml:3:14 config_command',
      'mcplex.yaml:3:19 config_unknown_key',
    ])
  })

  test('a variable of an upstream that is misspelt is told, with the one that was meant', () => {
    expect(problemsOf(two, { MCPLEX_UPSTREAMS__ONE__POOL__MAXX: '1' })).toMatchObject([
      {
        message: 'MCPLEX_UPSTREAMS__ONE__POOL__MAXX is not known here; did you mean MCPLEX_UPSTREAMS__ONE__POOL__MAX?',
      },
    ])
  })

  test('a variable that could mean two upstreams is refused, and is no problem unless it is set', () => {
    const text = 'upstreams: { a-b: { command: x }, a_b: { command: x } }'
    expect(problemsOf(text)).toEqual([])
    expect(problemsOf(text, { MCPLEX_UPSTREAMS__A_B__MODE: 'shared' })).toMatchObject([{ code: 'config_name' }])
  })
})

test('the example of the documentation can be served as it is', () => {
  const { settings, warnings } = loadText(exampleFile)
  expect(warnings).toEqual([])
  expect(Object.keys(settings.upstreams)).toEqual(['github', 'files', 'mine'])
  expect(settings.endpoints['support']?.tools).toEqual(['github__*', '!github__delete_*', 'mine__*'])
})

test('shown values hold no secret', () => {
  const text = `upstreams: { a: { command: [x, --token, hunter2, "https://u:hunter2@h/"], env: { A: hunter2, B: "\${B}" } } }`
  const shown = resolvedValues(loadText(text, { B: 'hunter2' }))
  expect(shown.find(({ path: of }) => of === 'upstreams.a.env')?.value).toContain('A=*** B=***')
  expect(JSON.stringify(shown)).not.toContain('hunter2')
})

test.each([
  ['{ one: { command: x }, two: { command: x } }', "['one__*', '!tow__*', 'find', '!*_all']", ['!tow__*', 'find']],
  ['{ one: { command: x } }', "['two__find', 'find', '!one__d*', '!three__*']", ['two__find', '!three__*']],
])('of the upstreams %s, the patterns %s that are of none are warned of', (upstreams, tools, stray) => {
  const { warnings } = loadText(`upstreams: ${upstreams}\nendpoints: { view: { tools: ${tools} } }`)
  expect(
    warnings.map(({ message }) => /the pattern "(.*)" begins with the name of no upstream/.exec(message)?.[1]),
  ).toEqual(stray)
  expect(warnings[0]?.place?.line).toBe(2)
})

test('a module that imports what is not installed is said to lack it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-load-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'a.mjs'), "import { pool } from 'mcplex/tools'\n")
  const { missing } = loadText(`upstreams: { a: { module: ${join(folder, 'a.mjs')} } }`)
  expect(missing).toMatchObject([{ code: 'config_missing', place: { line: 1 } }])
  expect(missing[0]?.message).toContain('imports mcplex, which is not installed')
  // Never a name that a registry would look up.
  expect(missing[0]?.notes.at(-1)?.[1]).toMatch(/^in the folder of the module: npm install .*\//)
})

test('limits that bestEffort leaves out are warned of, and without it they are missing', () => {
  const limits = { limitMemoryBytes: 0, limitCpu: '50%', limitPids: 64, limitUser: undefined }
  const lacking = unenforceableLimits(limits).map(({ key }) => (key === 'limitCpu' ? '.cpu ' : '.pids '))
  const loaded = (more: string): LoadedFile =>
    loadText(`upstreams: { one: { command: x, limits: { cpu: 50%, pids: 64${more} } } }`)
  const told = (problems: LoadedFile['missing']): string[] =>
    problems.filter(({ message }) => message.includes('enforced')).map(({ message }) => message)
  const { warnings, missing } = loaded(', bestEffort: true')
  expect([warnings, told(missing)]).toMatchObject([lacking.map(() => ({ place: { line: 1 } })), []])
  for (const [at, name] of lacking.entries()) {
    expect(warnings[at]?.message).toContain(name)
    expect(warnings[at]?.message).toMatch(/cannot be enforced here, and limits\.bestEffort starts the server without$/)
  }
  expect([loaded('').warnings, told(loaded('').missing)]).toMatchObject([[], lacking.map(() => expect.any(String))])
})

test('settings for all upstreams do nothing only if they do so for each, and are told once', () => {
  const file = (one: string): string =>
    `upstream: { breaker: { slowAfter: 5s } }\nupstreams: { one: { command: x${one} }, two: { command: y } }`
  expect(problemsOf(file(', breaker: { errorPercent: 50 }'))).toEqual([])
  expect(problemsOf(file(''))).toMatchObject([
    { code: 'config_value', place: { line: 1 }, message: expect.stringContaining('does nothing without') },
  ])
  const env = { MCPLEX_UPSTREAM__BREAKER__SLOW_AFTER: '5s' }
  expect(problemsOf('upstreams: { one: { command: x }, two: { command: y } }', env)).toHaveLength(1)
})

test('the file of a token that cannot be used is missing, and one that others can read is warned of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-load-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'token')
  const found = (listen: string): LoadedFile =>
    loadText(`admin: { listen: ${listen}, tokenFile: ${file} }\nupstreams: { one: { command: x } }`)
  const missing = (listen: string): string[] => found(listen).missing.flatMap(({ where, message }) => [where, message])
  expect(missing('8081')).toContainEqual(expect.stringMatching(/^admin\.tokenFile .* cannot be read: ENOENT/))
  expect(missing('off').join()).not.toContain('tokenFile')
  writeFileSync(file, 'short', { mode: 0o600 })
  expect(missing('8081')).toContainEqual(expect.stringContaining('holds fewer than 16 characters'))
  writeFileSync(file, 'a'.repeat(32))
  expect(missing('8081').join()).not.toContain('tokenFile')
  for (const [mode, words] of [
    [0o600, []],
    [0o640, []],
    [0o644, [expect.stringContaining('can be read by other users')]],
    [0o666, [expect.stringContaining('can be written by other users')]],
  ] as const) {
    chmodSync(file, mode)
    expect(found('8081').warnings.map(({ message }) => message)).toEqual(words)
  }
})
