/** The command in a terminal: what it does when the window is closed, when it is suspended, and in the background. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { childrenOf, runs, until } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { openSession } from './support/session.ts'
import { openTerminal, type Terminal } from './support/terminal.ts'

const root = join(import.meta.dirname, '..')
const main = `${process.execPath} ${join(root, 'dist', 'cli', 'main.js')}`
const server = `${process.execPath} ${join(root, 'test', 'fixtures', 'echo-legacy.mjs')}`

let folder: string
let out: string
let err: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-terminal-'))
  ;[out, err] = [join(folder, 'out'), join(folder, 'err')]
})
const strays: number[] = []
afterEach(() => {
  for (const pid of strays.splice(0)) if (runs(pid)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const serve = (options = ''): string => `${main} serve --port 0 ${options} -- ${server}`
const log = (): string => readFileSync(err, 'utf8')

/** What it said in the file `out` when it was ready. */
async function ready(): Promise<{ readonly pid: number; readonly livez: string }> {
  const line = await eventually('the ready line', () => {
    try {
      return /^\{.*\}$/m.exec(readFileSync(out, 'utf8'))?.[0]
    } catch {
      return undefined
    }
  })
  const said = JSON.parse(line) as { pid: number; livez: string }
  strays.push(said.pid)
  return said
}

/** The id of the job that was started last. */
async function lastJob(terminal: Terminal): Promise<number> {
  await terminal.run('jobs -l')
  await terminal.shows(/\[\d\]\+ +\d+ /)
  const pid = Number(/\[\d\]\+ +(\d+) /.exec(terminal.screen())?.[1])
  strays.push(pid)
  return pid
}

describe('a window that is closed', () => {
  test.each([['in the foreground', ''] as const, ['in the background', ' &'] as const])(
    'drains what runs %s, and ends it in an orderly way',
    async (_where, end) => {
      const terminal = await openTerminal()
      await terminal.run(`${serve('--json --log-format json')} > ${out} 2> ${err}${end}`)
      const { pid } = await ready()
      const servers = childrenOf(pid, 'echo-legacy')
      await terminal.close()
      await until('mcplex is gone', () => !runs(pid))
      await until('the servers are gone', () => !servers.some(runs))
      expect(log()).toContain('"reason":"SIGHUP"')
      expect(log()).toContain('"stopped"')
      // What Node says when it cannot set the terminal back, before it ends with SIGABRT.
      expect(log()).not.toContain('Assertion')
    },
  )

  test('leaves alone what was started with nohup, through npx too', async () => {
    const terminal = await openTerminal({ env: { npm_config_offline: 'true' } })
    await terminal.run(`cd ${root}`)
    const command = serve('--json --log-format json').replace(main, 'npx mcplex')
    await terminal.run(`nohup ${command} > ${out} 2> ${err} &`)
    const { pid, livez } = await ready()
    await terminal.close()
    await until('the hangup', () => log().includes('hangup ignored'))
    for (const end = Date.now() + 1500; Date.now() < end;) expect((await fetch(livez)).status).toBe(200)
    process.kill(pid, 'SIGTERM')
    await until('mcplex is gone', () => !runs(pid))
    expect(log()).toContain('"reason":"SIGTERM"')
  })
})

test('without a terminal a hangup is a line of the log, and nothing else', async () => {
  const { PATH = '', HOME = '' } = process.env
  const [program = '', ...args] = serve('--log-format json').split(' ')
  const child = spawn(program, args, { env: { PATH, HOME }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  strays.push(child.pid ?? 0)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await until('it is ready', () => said.includes('"ready"'))
  child.kill('SIGHUP')
  await until('the line', () => said.includes('hangup ignored'))
  expect((await fetch(/"livez":"([^"]+)"/.exec(said)?.[1] ?? '')).status).toBe(200)
  child.kill('SIGTERM')
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
})

/** A terminal in which it served, until Ctrl-Z was pressed. */
async function suspended(): Promise<Terminal> {
  const terminal = await openTerminal()
  await terminal.run(serve())
  await terminal.shows('press h for help')
  terminal.type('\u001a')
  await terminal.shows('Stopped')
  return terminal
}

/** Presses `h` until it is heard, then `q`. */
async function obeysKeys(terminal: Terminal): Promise<void> {
  await eventually('help', () => {
    terminal.type('h')
    return terminal.screen().includes('this help')
  })
  terminal.type('q')
  await terminal.shows('stopped')
}

describe('Ctrl-Z', () => {
  test('gives the terminal back as it was; fg takes it again, keys and all', async () => {
    const terminal = await suspended()
    await terminal.run('stty -a')
    await terminal.shows(/ echo /)
    expect(terminal.screen()).toMatch(/(^|\s)isig icanon/)
    expect(terminal.screen()).toMatch(/\sicrnl/)
    await terminal.run('fg')
    await obeysKeys(terminal)
    await terminal.run('echo "code $?"')
    await terminal.shows('code 0')
  })

  test('then bg: it serves on, its keys come back with fg', async () => {
    const terminal = await suspended()
    const livez = /http:\S+\/mcp/.exec(terminal.screen())?.[0].replace(/mcp$/, 'livez') ?? ''
    await terminal.run('bg')
    expect((await fetch(livez)).status).toBe(200)
    await terminal.run('fg')
    await obeysKeys(terminal)
  })

  test('then bg and kill: it ends, and is not suspended by the terminal that it no longer has', async () => {
    const terminal = await suspended()
    const pid = await lastJob(terminal)
    await terminal.run('bg')
    await terminal.run('kill %1')
    await until('mcplex is gone', () => !runs(pid))
  })
})

test('Ctrl-\\ quits at once and leaves the terminal usable', async () => {
  const terminal = await openTerminal()
  await terminal.run(serve())
  await terminal.shows('press h for help')
  terminal.type('\u001c')
  await terminal.shows(/Quit/)
  await terminal.run('stty -a')
  await terminal.shows(/isig icanon/)
})

describe('while a person waits', () => {
  const slow = (ms: number): string => `sh -c 'sleep ${ms / 1000}; exec ${server}'`

  test('the start is spoken of at once, in a line that goes when it is over', async () => {
    const terminal = await openTerminal({ columns: 60 })
    await terminal.run(`${main} serve --port 0 -- ${slow(2500)}`)
    await terminal.shows('starting sh -c')
    expect(terminal.screen()).not.toContain('Endpoint')
    await terminal.shows(/ {3}[12] s/)
    await terminal.shows('press h for help')
    // Above the picture stands what was erased last.
    expect(terminal.screen().split('\n')[0]).toMatch(/\r\u001b\[K\r?$/)
    expect(terminal.screen()).not.toContain('INFO')
    terminal.type('q')
    await terminal.shows('stopped')
  })

  test.each([
    ['CI is set', { CI: 'true' }, ''],
    ['the terminal is a dumb one', { TERM: 'dumb' }, ''],
    ['the log is JSON', {}, '--log-format json'],
  ])('nothing is written twice where %s: one line says it', async (_where, env, options) => {
    const terminal = await openTerminal({ env })
    await terminal.run(`${main} serve --port 0 ${options} -- ${slow(500)}`)
    await terminal.shows('starting the server')
    await terminal.shows(/Endpoint|"ready"/)
    expect(terminal.screen()).not.toMatch(/\u001b\[K|⠙/)
    terminal.type('\u0003')
    await terminal.shows('stopped')
  })

  test('calls are told in words, and a drain counts down while log lines go on above it', async () => {
    const terminal = await openTerminal({ env: { NO_COLOR: '1' } })
    await terminal.run(serve())
    await terminal.shows('press h for help')
    const url = /http:\S+\/mcp/.exec(terminal.screen())?.[0] ?? ''
    const session = await openSession(url)
    await session.text('echo', { text: 'x' })
    await terminal.shows(/call echo ok [0-9]+ ms( \(queue [0-9]+\))? {2}session [0-9a-f]{8}\r?\n/)
    const answer = session.response('slow', { ms: 3000 })
    await eventually('the call', async () => {
      const report = (await (await fetch(url.replace(/mcp$/, 'health'))).json()) as { counts: { calls: number } }
      return report.counts.calls > 0
    })
    terminal.type('\u0003')
    await terminal.shows('stopping: 1 call is in flight, 30 s left')
    await terminal.shows(/stopping: 1 call is in flight, 2[789] s left; Ctrl-C ends it at once/)
    expect(await answer).toMatchObject({ result: {} })
    await terminal.shows(/call slow ok/)
    await terminal.run('echo "code $?"')
    await terminal.shows('code 130')
  })
})
