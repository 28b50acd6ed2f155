/** Servers that are given as `npx <package>`, with the real npx: what runs in their place, and when it cannot. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { nodeHandler } from '../src/transports/http/listen.ts'
import { createGateway, type PartialUpstream } from '../src/index.ts'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { reasonOf, textOf } from './support/rpc.ts'
import { openSession } from './support/session.ts'
import { toolResponse } from './support/stateless.ts'

const root = join(import.meta.dirname, '..')
const isDirect = 'further workers run the program of the server without the package runner'
const isLaunched = 'the server is started as given again, by its package runner'

interface Started {
  readonly url: string
  readonly lines: ReadonlyArray<Readonly<Record<string, unknown>>>
  /** The leaders that were started, by what for. */
  readonly leaders: ReadonlyArray<{ readonly pid: number; readonly purpose: string }>
  end(): Promise<void>
}

async function start(upstream: PartialUpstream): Promise<Started> {
  const lines: Array<Record<string, unknown>> = []
  const note = (fields: object, msg: string): void => void lines.push({ ...fields, msg })
  const gateway = createGateway({ upstream }, { log: { debug: note, info: note, warn: note, error: note } })
  const leaders: Array<{ pid: number; purpose: string }> = []
  gateway.events.on('workerStarted', (event) => leaders.push(event))
  const listener = createServer(nodeHandler(gateway))
  const end = async (): Promise<void> => {
    listener.closeAllConnections()
    listener.close()
    await gateway.close()
  }
  onTestFinished(end)
  await gateway.start()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`, lines, leaders, end }
}

/** The running processes of a group, each with its command line. */
function group(leader: number): Array<{ pid: number; line: string }> {
  const members: Array<{ pid: number; line: string }> = []
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!(pid > 0)) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) !== leader || !runs(pid)) continue
      members.push({ pid, line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ') })
    } catch {
      // It has ended meanwhile.
    }
  }
  return members
}

/** A program in a folder and the same in the one around it: npx in the inner folder runs the inner one if it can. */
function nested(server: string = echoLegacy): { cwd: string; inner: string; outer: string } {
  const nest = mkdtempSync(join(tmpdir(), 'mcplex-launcher-'))
  onTestFinished(() => rmSync(nest, { recursive: true }))
  const [outer = '', inner = ''] = [nest, join(nest, 'inner')].map((folder) => {
    const bin = join(folder, 'node_modules', '.bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
    const program = join(bin, 'tiny-mcp-server')
    // The fixture takes no arguments of others.
    writeFileSync(
      program,
      `#!/usr/bin/env node\nprocess.argv.length = 2\nimport(${JSON.stringify(pathToFileURL(server).href)})\n`,
    )
    chmodSync(program, 0o755)
    return program
  })
  return { cwd: join(nest, 'inner'), inner, outer }
}

/** Leaves a program as a package that was removed in part may leave it: npx passes by what cannot be executed. */
function spoil(program: string, rest: string): void {
  writeFileSync(program, rest)
  chmodSync(program, 0o644)
}

const tiny = { command: 'npx', args: ['--no-install', 'tiny-mcp-server', '--flag', 'two words', ''] }

test('after the first process, npx is left out: same program, arguments, environment, folder and answers', async () => {
  const args = ['-y', '@modelcontextprotocol/server-everything']
  const env = { MCPLEX_TEST: 'a=b "grüße"' }
  const { url, lines, leaders, end } = await start({ command: 'npx', args, env, cwd: root, spares: 1 })
  const [leader] = leaders
  const launched = group(leader?.pid ?? 0).at(-1)
  const environment = readFileSync(`/proc/${launched?.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  const pairs = environment.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
  for (let sessions = 0; sessions < 2; sessions++) {
    const session = await openSession(url)
    expect(await session.text('echo', { message: 'x' })).toBe('Echo: x')
    const { MCPLEX_WORKER: mark, ...variables } = JSON.parse(await session.text('get-env'))
    const { MCPLEX_WORKER: first, ...launchedWith } = Object.fromEntries(pairs)
    expect(variables).toEqual(launchedWith)
    expect(mark, 'each has a mark of its own').not.toBe(first)
    await session.end()
  }
  expect(environment).toContain('MCPLEX_TEST=a=b "grüße"')
  expect(lines.filter(({ msg }) => msg === isDirect)).toEqual([{ command: 'node', msg: isDirect }])
  expect(leaders.filter(({ purpose }) => purpose !== 'catalog').length).toBeGreaterThanOrEqual(2)
  const { pid } = await eventually('a spare', () => leaders.findLast((one) => runs(one.pid) && one !== leader))
  const members = await eventually('its program', () => {
    const found = group(pid)
    return found[0]?.line.startsWith('mcplex') === false && found
  })
  expect(members.map((one) => one.pid)).toEqual([pid])
  expect(members[0]?.line).toMatch(/^\S*\/node \S*server-everything/)
  await end()
  for (const each of leaders) expect(group(each.pid)).toEqual([])
})

test('arguments arrive as they are, and nothing changes for a command that is no launcher', async () => {
  const { cwd, inner } = nested()
  const { url, leaders } = await start({ ...tiny, cwd, spares: 0 })
  const { pid } = await (await openSession(url)).whoami()
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1)).toEqual([
    inner,
    '--flag',
    'two words',
    '',
    '',
  ])
  expect(leaders.map((one) => one.pid)).toContain(pid)
  const plain = await start({ command: process.execPath, args: [echoLegacy], spares: 0 })
  expect(plain.lines.filter(({ msg }) => msg === isDirect)).toEqual([])
})

test('a program that is not there any more is started through npx again', async () => {
  const { cwd, inner, outer } = nested()
  const { url, lines, leaders } = await start({ ...tiny, cwd, spares: 0 })
  const before = await (await openSession(url)).whoami()
  expect(leaders.map(({ pid }) => pid)).toContain(before.pid)
  rmSync(inner)
  for (let sessions = 0; sessions < 2; sessions++) {
    const { pid } = await (await openSession(url)).whoami()
    expect(leaders.map((one) => one.pid)).not.toContain(pid)
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain(outer)
  }
  expect(lines.map(({ msg }) => msg)).toEqual([isDirect, isLaunched])
})

test('a program that ends before its first output once is replaced, and is still started directly later on', async () => {
  const { cwd, inner, outer } = nested()
  const { url, lines, leaders } = await start({ ...tiny, cwd, spares: 0 })
  const program = readFileSync(inner, 'utf8').split('\n').slice(1).join('\n')
  const mark = JSON.stringify(join(cwd, 'mark'))
  const once = `try { require('fs').mkdirSync(${mark}); process.exit(1) } catch {}`
  writeFileSync(inner, `#!/usr/bin/env node\n${once}\n${program}`)
  const replaced = await (await openSession(url)).whoami()
  expect(readFileSync(`/proc/${replaced.pid}/cmdline`, 'utf8')).toContain(inner)
  expect(
    leaders.map((one) => one.pid),
    'npx is its parent',
  ).not.toContain(replaced.pid)
  const direct = await (await openSession(url)).whoami()
  expect(leaders.map((one) => one.pid)).toContain(direct.pid)
  expect(readFileSync(`/proc/${direct.pid}/cmdline`, 'utf8')).not.toContain(outer)
  expect(lines.map(({ msg }) => msg)).toEqual([isDirect])
})

test('a program that ends at a message of its client, however it is started, is still started directly', async () => {
  const { cwd, inner } = nested()
  const { url, lines } = await start({ ...tiny, cwd, spares: 0 })
  const exits = `process.stdin.on('data', (chunk) => String(chunk).includes('"evil"') && process.exit(1))`
  const program = readFileSync(inner, 'utf8').split('\n').slice(1).join('\n')
  writeFileSync(inner, `#!/usr/bin/env node\n${exits}\n${program}`)
  for (let sessions = 0; sessions < 4; sessions++) {
    const evil = await openSession(url, { client: 'evil' })
    expect(reasonOf(await evil.response('whoami'))).toBe('upstream_unavailable')
    await evil.end()
  }
  expect(lines.map(({ msg }) => msg)).not.toContain(isLaunched)
})

test('a program that ends before its first output is started through npx again, and its client notices nothing', async () => {
  const { cwd, inner, outer } = nested()
  const { url, lines, leaders } = await start({ ...tiny, cwd, spares: 1 })
  const before = await (await openSession(url)).whoami()
  expect(leaders.map(({ pid }) => pid)).toContain(before.pid)
  spoil(inner, 'process.exit(1)')
  // A spare from before may still be there for the first of them.
  let last = 0
  for (let sessions = 0; sessions < 5; sessions++) {
    const { pid, calls } = await (await openSession(url)).whoami()
    expect(calls).toBe(1)
    last = pid
  }
  expect(readFileSync(`/proc/${last}/cmdline`, 'utf8')).toContain(outer)
  expect(lines.map(({ msg }) => msg)).toEqual([isDirect, isLaunched])
})

test('a call is not sent twice to a program that ended upon it; the next call goes through npx', async () => {
  const { cwd, inner, outer } = nested(echoModern)
  const { url, lines } = await start({ ...tiny, cwd, mode: 'shared' })
  const got = join(cwd, 'got')
  const note = `String(chunk).includes('whoami') && require('fs').appendFileSync(${JSON.stringify(got)}, 'x')`
  spoil(inner, `process.stdin.once('data', (chunk) => { ${note}; process.exit(1) })`)
  await toolResponse(url, 'crash')
  // The new process may be asked what the server says of itself first, which shows that it ends.
  const first = reasonOf(await toolResponse(url, 'whoami'))
  const wasSent = existsSync(got)
  expect(first).toBe(wasSent ? 'upstream_closed' : undefined)
  const { pid, calls } = JSON.parse(textOf(await toolResponse(url, 'whoami'))) as { pid: number; calls: number }
  expect(calls).toBe(wasSent ? 1 : 2)
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain(outer)
  expect(
    lines.map(({ msg }) => msg),
    'once is not for good',
  ).not.toContain(isLaunched)
})

test('a program that stays silent until the start time-out is started through npx the next time', async () => {
  const { cwd, inner, outer } = nested()
  const { url, lines } = await start({ ...tiny, cwd, spares: 0, startTimeoutMs: 5000 })
  spoil(inner, 'process.stdin.resume()')
  const session = await openSession(url)
  expect(reasonOf(await session.response('whoami'))).toBe('upstream_unavailable')
  // After a start that has failed, calls are refused for a moment.
  await eventually('the next start', async () => (await session.response('whoami')).result !== undefined)
  const { pid } = await session.whoami()
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain(outer)
  expect(lines.map(({ msg }) => msg)).not.toContain(isLaunched)
})
