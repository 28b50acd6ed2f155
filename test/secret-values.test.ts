/** Values that a file takes from variables and other files: no output shows them, wherever they stand. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { openSession } from './support/session.ts'
import { runCommand } from './support/typed-command.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-secret-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const names = ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8']
const own = { OWN_PORT: '9321', LISTEN_HOST: 'localhost', OWN_HOST: 'hushed', OWN_CHOICE: 'shared' }
// Names of tools have no quotation marks.
const env = { ...Object.fromEntries(names.map((name) => [name, `hush-${name}"'x`])), S7: 'hush-s7', ...own }
/** What is common to all values, also to that of the file. */
const secret = /hush-/

function mcplex(text: string, args: readonly string[]): { status: number | null; output: string; stdout: string } {
  writeFileSync(join(folder, 'mcplex.yaml'), text)
  writeFileSync(join(folder, 'secret.txt'), 'hush-file\n')
  const { PATH = '', HOME = '' } = process.env
  const run = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { PATH, HOME, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { status: run.status, output: run.stdout + run.stderr, stdout: run.stdout }
}

const everywhere = `
listen: { port: 0 }
upstreams:
  args: { command: [node, srv.js, '\${S1}', -k, 'a\${S2}b', 'postgres://u:\${S3}@h/db', '--conn=\${S4}', '\${file:secret.txt}'] }
  cwd: { command: 'bin-\${S5}', cwd: '/tmp/\${S5}', env: { A: '\${S6}' } }
  mod: { module: './\${S8}.mjs' }
endpoints:
  part: { tools: ['args__\${S7}*'] }
`

test.each([[['check', '--print']], [['check', '--print', '--json']]])('%j shows none', (args) => {
  const { status, output } = mcplex(everywhere, args)
  // Programs, folders and modules of such names are missing, which is said without their names.
  expect(status).toBe(78)
  expect(output).not.toMatch(secret)
  expect(output).toContain('args__****')
  expect(output).toContain('/tmp/***')
})

const proxied = (proxy: string): string =>
  `listen: { port: 0 }\nauth: { methods: [proxy], proxy: ${proxy} }\nupstreams: { a: { command: node } }\n`

test.each([
  ['from a variable', proxied("{ secret: '${S7}-hush-and-longer' }"), 0],
  ['in the file', proxied('{ secret: hush-and-longer-than-that }'), 0],
  ['that is not accepted', proxied('{ secret: hush-x }'), 78],
  ['beside a mistake', proxied("{ from: [nowhere], secret: 'hush-and-longer-than-that' }"), 78],
  ['with a header that is taken', proxied("{ secret: 'hush-and-longer-than-that', userHeader: cookie }"), 78],
])('the secret of a proxy %s is not shown', (_how, text, expected) => {
  const { status, output } = mcplex(text, ['check', '--print'])
  expect(output).not.toMatch(secret)
  expect(output).toContain('***')
  expect(status).toBe(expected)
})

test('the secret of a proxy in the environment is not shown, whether it is accepted or not', () => {
  for (const given of ['hush-env', 'hush-environment-of-this-test']) {
    writeFileSync(join(folder, 'mcplex.yaml'), 'auth: { methods: [proxy] }\nupstreams: { a: { command: node } }\n')
    const run = spawnSync(process.execPath, [main, 'check', '--print'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], MCPLEX_AUTH__PROXY__SECRET: given },
      encoding: 'utf8',
    })
    expect(run.stdout + run.stderr).not.toMatch(secret)
    expect(run.stdout + run.stderr).toContain('***')
    expect(run.status).toBe(given === 'hush-env' ? 78 : 0)
  }
})

test('a fault of an alias shows none', () => {
  const { status, output } = mcplex(`upstreams: { a: { command: node } }\naliases: { x: '\${S1}__y' }\n`, ['check'])
  expect(status).toBe(78)
  expect(output).toContain('stands for "***__y"')
  expect(output).not.toMatch(secret)
})

test.each(['json', 'pretty'])('the failed start of a server that repeats its arguments shows none (%s)', (format) => {
  writeFileSync(join(folder, 'fails.mjs'), 'console.error("cannot use", ...process.argv.slice(2)); process.exit(3)')
  const text = `listen: { port: 0 }\nupstreams:\n  a: { command: [${process.execPath}, fails.mjs, '\${S1}', '\${file:secret.txt}'] }\n`
  const { status, output } = mcplex(text, ['up', '--json', '--log-level', 'debug', '--log-format', format])
  expect(status).toBe(69)
  expect(output).toContain('fails.mjs *** ***')
  expect(output).toContain('cannot use *** ***')
  expect(output).not.toMatch(secret)
})

/** A server that calls itself by its argument, lists a tool of that name, and ends with that word upon a call. */
const talkative = `
import { createInterface } from 'node:readline'
const name = process.argv[2]
const results = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name, version: name } },
  'tools/list': { tools: [{ name, inputSchema: { type: 'object' } }] },
  ping: {},
}
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line)
  if (method === 'tools/call') { console.error('ended by', name); process.exit(7) }
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }))
})
`

test.each([
  ['one server', ''],
  [
    'several servers',
    "  dead: { command: [node, '${DIR}/fails.mjs', '${S1}'] }\n  mod: { module: './${S7}.mjs' }\n  bad: { module: './throws.mjs' }\n",
  ],
])('banner, ready line, runtime file and health of %s show none', async (_, more) => {
  writeFileSync(join(folder, 'talks.mjs'), talkative)
  writeFileSync(join(folder, 'fails.mjs'), 'console.error("cannot use", ...process.argv.slice(2)); process.exit(3)')
  writeFileSync(join(folder, 'hush-s7.mjs'), 'throw new Error("cannot use hush-s7")')
  writeFileSync(join(folder, 'throws.mjs'), 'export default () => { throw new Error("cannot use hush-s7") }')
  const text = `listen: { port: 0 }\nupstreams:\n  talks: { command: [node, '\${DIR}/talks.mjs', '\${S7}'] }\n${more}endpoints:\n  part: { tools: ['talks__\${S7}*'] }\n`
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(file, text)
  const runtime = join(folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  for (const flags of [['--log-format', 'pretty'], ['--json']]) {
    const running = runCommand(['up', '--config', file, ...flags], { ...env, DIR: folder, XDG_RUNTIME_DIR: runtime })
    try {
      const said = (): string => running.stdout() + running.stderr()
      await eventually('it is ready', () => /http:\/\/[^/]+\/health/.test(said()))
      const [health = ''] = /http:\/\/[^/]+\/health/.exec(said()) ?? []
      const endpoint = health.replace('/health', '/mcp/talks')
      const session = await openSession(endpoint)
      const reports: string[] = []
      for (let at = 0; at < 3; at++) {
        reports.push(await (await fetch(health)).text())
        await session.response('any').catch(() => undefined)
      }
      reports.push(await (await fetch(health)).text())
      const [record = ''] = readdirSync(join(runtime, 'mcplex')).filter((name) => name.endsWith('.json'))
      const kept = readFileSync(join(runtime, 'mcplex', record), 'utf8')
      expect(kept).toContain('"endpoint"')
      for (const shown of [said(), ...reports, kept]) expect(shown).not.toMatch(secret)
      expect(said()).toContain('***')
    } finally {
      running.child.kill('SIGTERM')
      await running.exit()
    }
  }
})

test('an option of mcplex itself is no secret', () => {
  const upstreams = `{ a: { command: [node, 'x\${OWN_HOST}'], stateless: '\${OWN_CHOICE}' } }`
  const text = `listen: { port: '\${OWN_PORT}', host: '\${LISTEN_HOST}' }\nupstreams: ${upstreams}\n`
  const { stdout } = mcplex(text, ['check', '--print'])
  expect(stdout).toMatch(/^listen\.port +9321 /m)
  expect(stdout).toMatch(/^listen\.host +localhost /m)
  expect(stdout).toMatch(/^upstreams\.a\.stateless +shared /m)
  expect(stdout).toMatch(/^upstreams\.a\.args +x\*\*\* /m)
})
