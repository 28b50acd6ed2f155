/** A running `mcplex up` and its file: what is changed is applied while clients are served, and a bad file changes nothing. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { fixture, runCommand, type Running } from './support/typed-command.ts'

const started: Running[] = []
let folder = ''
let env: Record<string, string> = {}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-reload-'))
  const runtime = join(folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  env = { XDG_RUNTIME_DIR: runtime, TMPDIR: folder }
})
afterEach(async () => {
  for (const running of started.splice(0)) {
    if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill('SIGKILL')
    await running.exit()
  }
  rmSync(folder, { recursive: true, force: true })
})

const server = `{ command: ${JSON.stringify(fixture('echo-legacy.mjs'))}, pool: { spares: 0 } }`
const withServers = (...names: string[]): string =>
  `listen: { port: 0 }\nupstreams:\n${names.map((name) => `  ${name}: ${server}\n`).join('')}`
const file = (): string => join(folder, 'mcplex.yaml')

/** Replaces the file in one step, as editors and deployments do. */
function put(text: string): void {
  writeFileSync(`${file()}.new`, text)
  renameSync(`${file()}.new`, file())
}

function run(args: readonly string[]): Running {
  const running = runCommand(args, env)
  started.push(running)
  return running
}

async function up(text: string): Promise<{ running: Running; endpoint: string }> {
  put(text)
  const running = run(['up', '--json', '--config', file()])
  return { running, endpoint: String((await running.ready())['endpoint']) }
}

async function connect(endpoint: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint)))
  return client
}

const says = async (client: Client, name: string): Promise<string> =>
  JSON.stringify((await client.callTool({ name, arguments: { text: 'hello' } })).content)
const isLogged = (running: Running, msg: string): boolean => running.log().some((line) => line['msg'] === msg)

describe('a file that changes', () => {
  test('is applied by itself; sessions go on, and see the new servers', async () => {
    const { running, endpoint } = await up(withServers('one', 'two'))
    const client = await connect(endpoint)
    expect(await says(client, 'one__echo')).toContain('hello')
    put(withServers('one', 'three'))
    await expect.poll(() => isLogged(running, 'the settings were read again'), { timeout: 60_000 }).toBe(true)
    expect(await says(client, 'one__echo')).toContain('hello')
    expect(await says(client, 'three__echo')).toContain('hello')
    await expect(client.callTool({ name: 'two__echo', arguments: { text: 'x' } })).rejects.toThrow()
    await client.close()
  })

  test('makes no tool seen that `onChange: hold` holds back', async () => {
    const also = join(folder, 'also')
    const command = JSON.stringify([...fixture('own-lists.mjs'), `--also=${also}`])
    const text = (minutes: number): string =>
      `listen: { port: 0 }\nupstreams:\n  one: { command: ${command}, onChange: hold, callIdle: ${minutes}m }\n`
    writeFileSync(also, '')
    const { running, endpoint } = await up(text(10))
    const names = async (): Promise<readonly string[]> => {
      const client = await connect(endpoint)
      const { tools } = await client.listTools()
      await client.close()
      return tools.map(({ name }) => name)
    }
    const before = await names()
    expect(before).toContain('echo')
    writeFileSync(also, 'extra')
    put(text(11))
    await expect.poll(() => isLogged(running, 'the settings were read again'), { timeout: 60_000 }).toBe(true)
    expect(await names()).toEqual(before)
    const isHeld = (): boolean =>
      running.log().some(({ msg, tool }) => String(msg).endsWith('is held back') && tool === 'extra')
    await expect.poll(isHeld, { timeout: 60_000 }).toBe(true)
  })

  test('and is not right changes nothing, and the log says what is wrong, with the line', async () => {
    const { running, endpoint } = await up(withServers('one', 'two'))
    const client = await connect(endpoint)
    put(withServers('one').replace('spares', 'spare'))
    await expect
      .poll(() => isLogged(running, 'the configuration was not applied: the one before stays in force'), {
        timeout: 60_000,
      })
      .toBe(true)
    expect(running.log()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        code: 'config_unknown_key',
        where: expect.stringMatching(/mcplex\.yaml:3:/),
      }),
    )
    expect(await says(client, 'two__echo')).toContain('hello')
    put(`{"version":1,"upstreams":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)
    await expect.poll(() => running.log().some(({ code }) => code === 'config_syntax'), { timeout: 60_000 }).toBe(true)
    expect(JSON.stringify(running.log())).not.toContain('RangeError')
    put(withServers('one', 'two', 'three'))
    await expect.poll(() => isLogged(running, 'the settings were read again'), { timeout: 60_000 }).toBe(true)
    expect(await says(client, 'three__echo')).toContain('hello')
    await client.close()
  })
})

test('a view hides the same tools while upstreams go and come back', async () => {
  const view = "endpoints: { view: { tools: ['!one__echo'] } }\n"
  const { running, endpoint } = await up(withServers('one', 'two') + view)
  const client = await connect(`${endpoint}/view`)
  const listed = async (): Promise<readonly string[]> => (await client.listTools()).tools.map(({ name }) => name)
  const reads = (): number => running.log().filter(({ msg }) => msg === 'the settings were read again').length
  const refusesBoth = async (): Promise<void> => {
    for (const name of ['echo', 'one__echo'])
      await expect(client.callTool({ name, arguments: { text: 'hidden' } })).rejects.toThrow('no tool of this name')
    expect(await listed()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(one__)?echo$/)]))
  }
  await refusesBoth()
  expect(await listed()).toContain('two__echo')
  put(withServers('one') + view)
  await expect.poll(reads, { timeout: 60_000 }).toBe(1)
  // Its own names: the client lists again what it has kept.
  await expect.poll(listed).not.toContain('two__echo')
  await expect(client.callTool({ name: 'echo', arguments: { text: 'hidden' } })).rejects.toThrow('no tool of this name')
  expect(await listed()).not.toContain('echo')
  expect(await (await connect(`${endpoint}/view`)).listTools()).not.toMatchObject({
    tools: expect.arrayContaining([expect.objectContaining({ name: 'echo' })]),
  })
  put(withServers('one', 'two') + view)
  await expect.poll(reads, { timeout: 60_000 }).toBe(2)
  await refusesBoth()
  expect(await listed()).toContain('two__echo')
  await client.close()
})

describe('mcplex reload', () => {
  test('says what was applied, and what needs a restart', async () => {
    await up(withServers('one', 'two'))
    put(withServers('one', 'three').replace('port: 0', 'port: 0, sse: no'))
    const command = run(['reload', '--config', file(), '--json'])
    expect(await command.exit()).toBe(0)
    const change = { added: ['three'], changed: [], removed: ['two'], needsRestart: ['listen.sse'], renamed: [] }
    const said = JSON.parse(command.stdout()) as { lines: string[] }
    expect(said).toMatchObject({ event: 'reloaded', ...change })
    // The change may have been noticed just before: then a line says when.
    const lines = ['added: three', 'removed: two', 'needs a restart: listen.sse']
    expect(said.lines.slice(-3)).toEqual(lines)
  })

  test('says what the last reload has changed, if the file was noticed before', async () => {
    const { running } = await up(withServers('one', 'two'))
    put(withServers('one', 'two', 'three'))
    await expect.poll(() => isLogged(running, 'the settings were read again'), { timeout: 30_000 }).toBe(true)
    const command = run(['reload', '--config', file(), '--json'])
    expect(await command.exit()).toBe(0)
    expect(JSON.parse(command.stdout())).toMatchObject({
      added: ['three'],
      earlier: { because: 'the file has changed', at: expect.stringMatching(/^\d{4}-/) },
      lines: [expect.stringContaining('nothing has changed since'), 'added: three'],
    })
  })

  test('tells other limits of a server that goes on, and what needs a restart until that is taken back', async () => {
    const { running } = await up(withServers('one', 'two'))
    const told = async (): Promise<string[]> => {
      const command = run(['reload', '--config', file(), '--json'])
      expect(await command.exit()).toBe(0)
      return (JSON.parse(command.stdout()) as { lines: string[] }).lines
    }
    put(`admin: { listen: 8099 }\n${withServers('one', 'two')}`)
    await expect.poll(() => isLogged(running, 'some changes need a restart'), { timeout: 30_000 }).toBe(true)
    expect(await told()).toEqual(['needs a restart: admin.listen'])
    put(`upstream: { concurrency: 7, breaker: { errorPercent: 50 } }\n${withServers('one', 'two')}`)
    expect((await told()).slice(-1)).toEqual(['changed: one, two'])
    const adjusted = expect.objectContaining({ adjusted: ['one', 'two'] }) as unknown
    await expect.poll(() => running.log(), { timeout: 30_000 }).toContainEqual(adjusted)
  })

  test('says whose tools have other names now; check says it before', async () => {
    await up(withServers('one'))
    const reloaded = async (): Promise<Record<string, unknown>> => {
      const command = run(['reload', '--config', file(), '--json'])
      expect(await command.exit()).toBe(0)
      return JSON.parse(command.stdout()) as Record<string, unknown>
    }
    const other = join(folder, 'other.yaml')
    writeFileSync(other, withServers('one', 'two'))
    const alone = run(['check', other])
    expect(await alone.exit()).toBe(0)
    expect(alone.stderr()).toContain('tools are named NAME__tool')
    put(withServers('one', 'two'))
    const said = await reloaded()
    expect(said).toMatchObject({ added: ['two'], renamed: [{ upstream: 'one', prefix: 'one__' }] })
    expect(said['lines']).toContain('tools of one are now named one__..., since there are several servers')
    put(withServers('one'))
    const back = await reloaded()
    expect(back).toMatchObject({ removed: ['two'], renamed: [{ upstream: 'one', prefix: '' }] })
    expect(back['lines']).toContain('tools of one now have their own names, without one__: it is the only server')
  })

  test('that refuses clients without sessions where they are served is told of before by check', async () => {
    const modern = server.replace('echo-legacy', 'echo-modern')
    const upstreams = `listen: { port: 0 }\nupstreams:\n  first: ${modern}\n  second: ${modern}\n  old: ${server}\n`
    await up(`${upstreams}endpoints: { view: { tools: [first__*, second__*] } }\n`)
    const checked = async (): Promise<Record<string, unknown>> => {
      const command = run(['check', file(), '--json'])
      expect(await command.exit()).toBe(0)
      return JSON.parse(command.stdout()) as Record<string, unknown>
    }
    // As the running instance has learnt it: the file does not say which era they speak.
    await expect.poll(checked, { timeout: 60_000 }).toMatchObject({ sessionsOnly: ['old'], closed: [] })
    // A server that hangs at its start keeps the settings of before in force.
    put(`${upstreams}  hangs: { command: [sleep, "600"] }\nendpoints: { view: { tools: ["*"] } }\n`)
    const closed = { endpoint: '/mcp/view', because: ['old', 'hangs'], unlearnt: ['hangs'] }
    expect(await checked()).toMatchObject({ sessionsOnly: ['old', 'hangs'], closed: [closed] })
    const told = run(['check', file()])
    expect(await told.exit()).toBe(0)
    expect(told.stderr()).toContain('2026-07-28 are refused at /mcp/view because of old, hangs;')
    expect(told.stderr()).toContain(
      'when the running mcplex applies it: clients that speak only 2026-07-28 are refused at /mcp/view, which serves them now, because of old, hangs (unless it turns out to be stateless)',
    )
  })

  test('tells a change of sizes, aliases and endpoints, too', async () => {
    const { running } = await up(withServers('one', 'two'))
    put(`${withServers('one', 'two').replace('spares: 0', 'spares: 0, max: 5')}aliases: { find: one__echo }\n`)
    const command = run(['reload', '--json'])
    expect(await command.exit()).toBe(0)
    expect(JSON.parse(command.stdout())).toMatchObject({ changed: ['one'], aliases: true })
    put(`${withServers('one', 'two')}endpoints: { view: { tools: [one__echo] } }\n`)
    const again = run(['reload', '--json'])
    expect(await again.exit()).toBe(0)
    const applied = { msg: 'the settings were read again', endpoints_added: ['view'] }
    await expect.poll(() => running.log(), { timeout: 60_000 }).toContainEqual(expect.objectContaining(applied))
  })

  test('fails with exit code 78 and the lines that are wrong, if the file is not right', async () => {
    const { endpoint } = await up(withServers('one', 'two'))
    put(withServers('one').replace('port: 0', 'port: many'))
    const command = run(['reload', '--config', file()])
    expect(await command.exit()).toBe(78)
    expect(command.stderr()).toContain('reload_refused')
    expect(command.stderr()).toMatch(/mcplex\.yaml:1:17 {2}error config_number/)
    expect(command.stderr()).toContain('^^^^ not a whole number')
    const client = await connect(endpoint)
    expect(await says(client, 'two__echo')).toContain('hello')
    await client.close()
  })

  test('fails if a new server cannot be started, and everything stays', async () => {
    const { endpoint } = await up(withServers('one', 'two'))
    put(`${withServers('one')}  bad: { command: /nowhere/server }\n`)
    const command = run(['reload'])
    expect(await command.exit()).toBe(78)
    expect(command.stderr()).toContain('bad')
    const client = await connect(endpoint)
    expect(await says(client, 'two__echo')).toContain('hello')
    await client.close()
  })

  test('of a server that hangs keeps back no newer file, whose result it tells', async () => {
    const { running, endpoint } = await up(withServers('one', 'two'))
    const mark = join(folder, 'hangs')
    const script = `require('node:fs').appendFileSync(${JSON.stringify(mark)}, 'start '); setInterval(() => {}, 1000)`
    const command = JSON.stringify([process.execPath, '-e', script])
    put(`${withServers('one')}  bad: { command: ${command}, startTimeout: 10m }\n`)
    const startsOf = (): number => (existsSync(mark) ? readFileSync(mark, 'utf8').split(' ').length - 1 : 0)
    await expect.poll(startsOf, { timeout: 60_000 }).toBe(1)
    const older = run(['reload', '--config', file(), '--json'])
    // The log tells that a reading begins; that the server is started again, that the file has been read.
    await expect.poll(startsOf, { timeout: 60_000 }).toBe(2)
    put(withServers('one', 'three'))
    expect(await older.exit()).toBe(0)
    expect(JSON.parse(older.stdout())).toMatchObject({ lines: ['added: three', 'removed: two'], replaced: true })
    expect(isLogged(running, 'the configuration was not applied: it was replaced by a newer one')).toBe(true)
    const client = await connect(endpoint)
    expect(await says(client, 'three__echo')).toContain('hello')
    await client.close()
  })

  test('of a server that hangs is no error if mcplex is stopped meanwhile', async () => {
    const { running } = await up(withServers('one'))
    const mark = join(folder, 'hangs')
    const script = `require('node:fs').appendFileSync(${JSON.stringify(mark)}, 'start '); setInterval(() => {}, 1000)`
    const command = JSON.stringify([process.execPath, '-e', script])
    put(`${withServers('one')}  bad: { command: ${command}, startTimeout: 10m }\n`)
    await expect.poll(() => existsSync(mark), { timeout: 60_000 }).toBe(true)
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
    expect(isLogged(running, 'the configuration was not applied: mcplex is ending')).toBe(true)
    expect(running.log().filter(({ level }) => level === 'error')).toEqual([])
  })

  test.each([
    ['none runs', []],
    ['none of that file runs', ['--config', 'other.yaml']],
    ['no such process runs', ['--pid', '1']],
  ])('fails with exit code 1 if %s', async (_, args) => {
    const command = run(['reload', ...args])
    expect(await command.exit()).toBe(1)
    expect(command.stderr()).toContain('instance_missing')
  })

  test('asks which one is meant if several run', async () => {
    const { running } = await up(withServers('one'))
    await up(withServers('one'))
    const command = run(['reload'])
    expect(await command.exit()).toBe(1)
    expect(command.stderr()).toContain('instance_ambiguous')
    expect(command.stderr()).toContain(`--pid ${running.pid}`)
    const ways = command.stderr().match(/\S+ reload --pid (?=\d)/g)
    expect([ways?.length, new Set(ways).size], 'each can be pasted').toEqual([2, 1])
    const one = run(['reload', '--pid', String(running.pid)])
    expect(await one.exit()).toBe(0)
    expect(one.stderr()).toContain('nothing has changed')
  })

  test('in the folder of one whose configuration came from a pipe says so, and offers no other', async () => {
    const { running: other } = await up(withServers('one'))
    const here = join(folder, 'here')
    mkdirSync(here)
    const piped = runCommand(['up', '--json', '--config', '/dev/fd/3'], env, { cwd: here, passed: withServers('one') })
    started.push(piped)
    await piped.ready()
    const command = runCommand(['reload'], env, { cwd: here })
    started.push(command)
    expect(await command.exit()).toBe(1)
    expect(command.stderr()).toContain('instance_missing')
    expect(command.stderr()).toContain(`process ${piped.pid} has no file to read again`)
    expect(command.stderr()).not.toContain(String(other.pid))
    const named = run(['reload', '--pid', String(piped.pid)])
    expect(await named.exit()).toBe(1)
    expect(named.stderr()).toContain(`process ${piped.pid} has no file to read again`)
  })
})

test('SIGHUP without a terminal reads the file again, and ends nothing', async () => {
  put(withServers('one', 'two'))
  const { PATH = '' } = process.env
  const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
  const child = spawn('setsid', [process.execPath, main, 'up', '--config', file()], {
    env: { PATH, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  await expect.poll(() => log.includes('"msg":"ready"'), { timeout: 60_000 }).toBe(true)
  child.kill('SIGHUP')
  await expect
    .poll(() => log.includes('"because":"SIGHUP"') && log.includes('the settings were read again'), { timeout: 60_000 })
    .toBe(true)
  child.kill('SIGTERM')
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
})
