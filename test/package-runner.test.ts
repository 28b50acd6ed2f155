/** `npx mcplex` and its like: what ends the runner ends mcplex and its servers, unless they were set apart on purpose. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runs, until } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { openSession } from './support/session.ts'

const root = join(import.meta.dirname, '..')
const main = join(root, 'dist', 'cli', 'main.js')
const server = `${process.execPath} ${join(root, 'test', 'fixtures', 'echo-legacy.mjs')}`
const serve = `serve --port 0 --json --log-format json -- ${server}`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-runner-'))
  const own = `${process.execPath} ${main} ${serve}`
  const scripts = {
    several: `${own} & exec cat`,
    start: `npm exec --prefix ${root} -- mcplex ${serve}`,
    apart: `setsid ${own} & exec cat`,
    behind: `${own} &`,
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', scripts }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const strays = new Set<number>()
const started: Run[] = []
afterEach(() => {
  for (const { runner } of started.splice(0)) runner.kill('SIGKILL')
  for (const pid of strays) if (runs(pid)) process.kill(pid, 'SIGKILL')
  strays.clear()
})

interface Run {
  readonly runner: ChildProcess
  /** The id of the runner's process. */
  readonly pid: number
  log(): string
  /** What mcplex says when it is ready. */
  ready(): Promise<{ readonly pid: number; readonly endpoint: string; readonly livez: string }>
}

function run(command: string, args: readonly string[], cwd = root): Run {
  const { PATH = '', HOME = '' } = process.env
  const npm = {
    npm_config_cache: join(folder, 'cache'),
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  }
  const runner = spawn(command, args, { cwd, env: { PATH, HOME, ...npm }, stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  runner.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  runner.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const made: Run = {
    runner,
    pid: runner.pid ?? 0,
    log: () => err,
    async ready() {
      const line = await eventually(`mcplex to be ready: ${command} ${args.join(' ')}`, () =>
        out.split('\n').find((text) => text.startsWith('{') && text.endsWith('}')),
      )
      const said = JSON.parse(line) as { pid: number; endpoint: string; livez: string }
      strays.add(said.pid)
      return said
    },
  }
  started.push(made)
  return made
}

/** The processes that `pid` has started and that run. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** Whether it answers for as long as it takes to look at the runner a few times. */
async function staysUp(livez: string): Promise<boolean> {
  for (const end = Date.now() + 2500; Date.now() < end;) {
    const { status } = await fetch(livez).catch(() => ({ status: 0 }))
    if (status !== 200) return false
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return true
}

describe('the end of npx', () => {
  test.each(['SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'by %s drains mcplex: a call in flight is answered, then it and its servers are gone',
    async (signal) => {
      const npx = run('npx', ['mcplex', ...serve.split(' ')])
      const { pid, endpoint, livez } = await npx.ready()
      const session = await openSession(endpoint)
      const answer = session.response('slow', { ms: 2000 })
      const servers = await eventually('servers', () => childrenOf(pid).length > 0 && childrenOf(pid))
      npx.runner.kill(signal)
      await until('it drains', () => npx.log().includes('"reason":"runner"'))
      expect((await fetch(livez.replace('livez', 'readyz'))).status).toBe(503)
      expect(await answer).toMatchObject({ result: { content: [{}] } })
      await until('mcplex is gone', () => !runs(pid))
      await until('the servers are gone', () => !servers.some(runs))
    },
  )

  test('in a container is first that of the shell between, as npx is process 1 there and waits for it', async () => {
    const npx = run('npx', ['mcplex', ...serve.split(' ')])
    const { pid } = await npx.ready()
    // As process 1 it would not die of the signal that the shell died of.
    npx.runner.kill('SIGSTOP')
    const shell = parentOf(pid)
    expect(shell).not.toBe(npx.pid)
    process.kill(shell, 'SIGKILL')
    await until('mcplex is gone', () => !runs(pid))
  })

  test('ends the bridge of a client, too', async () => {
    const npx = run('npx', ['mcplex', 'connect', 'http://127.0.0.1:9/mcp'])
    await until('the bridge', () => npx.log().includes('bridging'))
    const [shell = 0] = childrenOf(npx.pid)
    const [bridge = 0] = childrenOf(shell)
    strays.add(bridge)
    npx.runner.kill('SIGKILL')
    await until('the bridge is gone', () => !runs(bridge))
  })
})

describe('the end of npm run', () => {
  test('ends what one of its scripts has started beside others', async () => {
    const npm = run('npm', ['run', '--silent', 'several'], folder)
    const { pid } = await npm.ready()
    npm.runner.kill('SIGKILL')
    await until('mcplex is gone', () => !runs(pid))
    npm.runner.stdin?.end()
  })

  test('reaches what it started through another npm', async () => {
    const npm = run('npm', ['start', '--silent'], folder)
    const { pid } = await npm.ready()
    npm.runner.kill('SIGTERM')
    await until('mcplex is gone', () => !runs(pid))
  })

  test.each([['apart'], ['behind']])('does not end what was set apart on purpose: %s', async (script) => {
    const npm = run('npm', ['run', '--silent', script], folder)
    const { pid, livez } = await npm.ready()
    npm.runner.stdin?.end()
    await until('npm is gone', () => !runs(npm.pid))
    expect(await staysUp(livez)).toBe(true)
    process.kill(pid, 'SIGTERM')
    await until('mcplex is gone', () => !runs(pid))
  })
})
