/**
 * Logs that cannot be written, and a stdout that cannot: a full disk, a reader that is gone, one that does not read, a
 * terminal that stands still. The service goes on, ends when it is told to, and says how much was lost.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { childrenOf, runs } from '../children/processes.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { openSession } from '../support/session.ts'
import { fixture } from '../support/typed-command.ts'

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const echo = fixture('echo-legacy.mjs')

/** Far above what the end of a service without calls takes; what waits for its log never gets there. */
const endsWithinMs = 15_000

interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** What was printed on stdout where it is a pipe. */
  readonly lines: readonly string[]
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** Runs a line of the shell; `$MCPLEX` in it is the command. What it becomes by `exec` has the pid. */
function shell(line: string, stdin: 'ignore' | 'pipe' = 'ignore'): Running {
  const { PATH = '', HOME = '' } = process.env
  const command = `${process.execPath} ${main}`
  const child = spawn('/bin/sh', ['-c', line.replaceAll('$MCPLEX', command)], {
    stdio: [stdin, 'pipe', 'ignore'],
    env: { PATH, HOME },
    // A group of its own, so that nothing of it is left.
    detached: true,
  })
  const lines: string[] = []
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => lines.push(text))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  const { pid = 0 } = child
  onTestFinished(() => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  })
  return { child, pid, lines, ended }
}

/** The endpoint that the line of `--json` tells. */
async function endpointOf({ lines }: Running): Promise<string> {
  const line = await eventually('the line of --json', () => lines[0])
  return String((JSON.parse(line) as { endpoint: unknown }).endpoint)
}

async function lostOf(endpoint: string): Promise<number> {
  const response = await fetch(new URL('/health', endpoint))
  const { counts } = (await response.json()) as { counts: Record<string, number> }
  return counts['lostLogLines'] ?? Number.NaN
}

/** Calls from so many sessions, each with a process of its own. */
async function callAll(endpoint: string): Promise<void> {
  const call = async (): Promise<string> => (await openSession(endpoint)).text('echo', { text: 'as ever' })
  const texts = await inTime('the answers', Promise.all(Array.from({ length: 6 }, call)))
  expect(new Set(texts)).toEqual(new Set(['as ever']))
}

/** Serves a call, ends upon the first SIGTERM, and leaves no process. */
async function expectServesAndEnds(running: Running, endpoint: string): Promise<void> {
  const session = await openSession(endpoint)
  expect(await session.text('echo', { text: 'as ever' })).toBe('as ever')
  const servers = childrenOf(running.pid, 'echo-legacy')
  expect(servers.length).toBeGreaterThan(0)
  running.child.kill('SIGTERM')
  expect(await inTime('the end', running.ended, endsWithinMs)).toBe(0)
  await eventually('the servers to end', () => !servers.some(runs))
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

interface Fifo {
  readonly path: string
  /** Writes into it until it takes no more. */
  fill(): void
  /** What can be read now. */
  read(): string
}

/** A pipe that is not read before `read` is called. */
function fifo(): Fifo {
  const path = join(folder(), 'fifo')
  execFileSync('mkfifo', [path])
  const file = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(file))
  const until = (step: () => number): void => {
    try {
      while (step() > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
  return {
    path,
    fill: () => until(() => writeSync(file, Buffer.alloc(4096, '\n'))),
    read() {
      const buffer = Buffer.alloc(65_536)
      let text = ''
      until(() => {
        const length = readSync(file, buffer)
        text += buffer.toString('utf8', 0, length)
        return length
      })
      return text
    },
  }
}

const formats = ['json', 'pretty']
const serveAs = (format: string, server: readonly string[]): string =>
  ['$MCPLEX serve --port 0 --json --log-level debug --log-format', format, '--', ...server].join(' ')
const serve = (format: string): string => serveAs(format, echo)

/** A server that says as much on stderr as is logged of a process: some 100 KB a second. */
function loud(): string[] {
  const path = join(folder(), 'loud.sh')
  const words = `(while :; do echo ${'loud'.repeat(500)} >&2; sleep 0.015; done) &`
  writeFileSync(path, `${words}\nexec ${echo.join(' ')}\n`)
  return ['/bin/sh', path]
}

describe.each(formats)('a log as %s', (format) => {
  test('on a full disk', async () => {
    const running = shell(`exec ${serve(format)} 2>/dev/full`)
    const endpoint = await endpointOf(running)
    await eventually('the figure', async () => (await lostOf(endpoint)) > 0)
    await expectServesAndEnds(running, endpoint)
  })

  test('into a pipe that is not read', async () => {
    const pipe = fifo()
    pipe.fill()
    const running = shell(`exec ${serve(format)} 2>${pipe.path}`)
    await expectServesAndEnds(running, await endpointOf(running))
  })

  test('into a pipe whose reader is gone', async () => {
    // The shell's own end is a program that reads one line.
    const running = shell(`{ ${serve(format)} 2>&1 >&3 | head -n 1 >/dev/null; } 3>&1`)
    const endpoint = await endpointOf(running)
    await eventually('the figure', async () => {
      await fetch(endpoint, { headers: { Origin: 'https://evil.example' } })
      return (await lostOf(endpoint)) > 0
    })
    const [pid = 0] = childrenOf(running.pid, main)
    const session = await openSession(endpoint)
    expect(await session.text('echo', { text: 'as ever' })).toBe('as ever')
    process.kill(pid, 'SIGTERM')
    await inTime('the end', running.ended, endsWithinMs)
    expect(runs(pid)).toBe(false)
  })

  test('on a terminal that stands still', async () => {
    const pipe = fifo()
    pipe.fill()
    const log = join(folder(), 'ready')
    // What is shown on it goes into the pipe, which takes nothing.
    const inner = `exec ${serveAs(format, loud())} >${log}`
    shell(`exec script -qfc ${quoted(inner)} /dev/null >${pipe.path}`)
    const line = await eventually('the line of --json', () => linesOf(log).at(-2))
    const ready = JSON.parse(line) as { endpoint: string; pid: number }
    await callAll(ready.endpoint)
    await eventually('more than it holds, and more than is held back', async () => (await lostOf(ready.endpoint)) > 0)
    await callAll(ready.endpoint)
    process.kill(ready.pid, 'SIGTERM')
    await eventually('the end', () => !runs(ready.pid), endsWithinMs)
  })
})

const linesOf = (file: string): string[] => readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n')
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

test('a log that can be written again says how much was lost, and goes on', async () => {
  const file = join(folder(), 'log')
  // A limit for the size of files is a disk that is soon full, and has space again as soon as something is removed.
  const running = shell(`ulimit -f 4; exec ${serve('json')} 2>>${file}`)
  const endpoint = await endpointOf(running)
  await eventually('a full disk', async () => {
    await (await openSession(endpoint)).end()
    return (await lostOf(endpoint)) > 2
  })
  const kept = readFileSync(file, 'utf8')
  truncateSync(file, 0)
  const told = await eventually('the line that tells', () => {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).find(({ lost }) => lost !== undefined)
  })
  expect(told).toMatchObject({ level: 'warn', msg: 'log lines could not be written and are lost' })
  expect(told['lost']).toBe(await lostOf(endpoint))
  const session = await openSession(endpoint)
  expect(await session.text('echo', { text: 'as ever' })).toBe('as ever')
  await eventually('further lines', () => /"msg":"call"/.test(readFileSync(file, 'utf8')))
  // What was cut off in its middle spoils no other line.
  const whole = `${kept}${readFileSync(file, 'utf8')}`.split('\n').filter((line) => line !== '')
  const broken = whole.filter((line) => !/^\{.*\}$/.test(line))
  expect(broken.length).toBeLessThanOrEqual(1)
  running.child.kill('SIGTERM')
  expect(await inTime('the end', running.ended, endsWithinMs)).toBe(0)
})

test('a pipe that is read again has all lines up to a bound, then how many are missing', async () => {
  const pipe = fifo()
  pipe.fill()
  const running = shell(`exec ${serveAs('json', loud())} 2>${pipe.path}`)
  const endpoint = await endpointOf(running)
  await callAll(endpoint)
  await eventually('more than is held back', async () => (await lostOf(endpoint)) > 0)
  let text = ''
  const told = await eventually('the line that tells', () => {
    text += pipe.read()
    return /^\{.*"lost":(\d+).*\}$/m.exec(text)?.[1]
  })
  expect(Number(told)).toBeGreaterThan(0)
  const messages = text.split('\n').filter((line) => line !== '')
  expect(messages.length).toBeGreaterThan(100)
  for (const line of messages.slice(0, -1)) expect(() => JSON.parse(line) as unknown, line).not.toThrow()
  running.child.kill('SIGTERM')
  expect(await inTime('the end', running.ended, endsWithinMs)).toBe(0)
})

describe('mcplex ends as it should although its log cannot be written', () => {
  const places = ['/dev/full', 'a pipe that nobody reads']
  const logAt = (place: string): string => {
    if (place.startsWith('/')) return `2>${place}`
    const pipe = fifo()
    pipe.fill()
    return `2>${pipe.path}`
  }

  test.each(places)('a server that does not start, its log at %s', async (place) => {
    const running = shell(`exec $MCPLEX serve --port 0 --json -- /no/such/program ${logAt(place)}`)
    expect(await inTime('the end', running.ended, endsWithinMs)).toBe(69)
    expect(JSON.parse(running.lines[0] ?? '')).toMatchObject({ event: 'failed', exit: 69 })
  })

  test.each(places)('one client at two pipes, its log at %s', async (place) => {
    const running = shell(
      `exec $MCPLEX serve --transport stdio --log-level debug -- ${echo.join(' ')} ${logAt(place)}`,
      'pipe',
    )
    await expectSpeaks(running)
  })

  test.each(places)('connect, its log at %s', async (place) => {
    const server = shell(`exec ${serve('json')} 2>/dev/null`)
    const endpoint = await endpointOf(server)
    await expectSpeaks(shell(`exec $MCPLEX connect -v ${endpoint} ${logAt(place)}`, 'pipe'))
  })
})

/** Answers on its pipes, and ends with its client. */
async function expectSpeaks(running: Running): Promise<void> {
  const { child, lines, ended } = running
  const say = (message: object): void => void child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const clientInfo = { name: 'pipes', version: '1' }
  say({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } })
  await eventually('the handshake', () => lines.length > 0)
  say({ method: 'notifications/initialized' })
  say({ id: 2, method: 'tools/call', params: { name: 'echo', arguments: { text: 'as ever' } } })
  await eventually('the answer', () => lines.some((line) => line.includes('as ever')))
  child.stdin?.end()
  expect(await inTime('the end', ended, endsWithinMs)).toBe(0)
}

describe('a stdout', () => {
  test.each(['>/dev/full', '| true', '| sleep 20'])(
    '%s: the line of --json is for nobody, and all else is as ever',
    async (place) => {
      const log = join(folder(), 'log')
      const socket = join(folder(), 'socket')
      const filled = place.includes('sleep') ? 'head -c 70000 /dev/zero & sleep 0.2; ' : ''
      shell(
        `{ ${filled}$MCPLEX serve --socket ${socket} --json -- ${echo.join(' ')} 2>${log}; echo "ended $?" >>${log}; } ${place}`,
      )
      const ready = await eventually(
        'to be ready',
        () => /"pid":(\d+).*"msg":"ready"/.exec(readFileSync(log, { encoding: 'utf8', flag: 'a+' }))?.[1],
      )
      const pid = Number(ready)
      if (place === '>/dev/full')
        await eventually('a word of it', () => readFileSync(log, 'utf8').includes('could not be written to stdout'))
      expect(runs(pid)).toBe(true)
      process.kill(pid, 'SIGTERM')
      await eventually('the end', () => /^ended 0$/m.test(readFileSync(log, 'utf8')), endsWithinMs)
    },
  )

  test('of words that were asked for: that they could not be printed is no success', async () => {
    expect(await shell('exec $MCPLEX help >/dev/full').ended).toBe(1)
    expect(await shell('exec $MCPLEX config cursor >/dev/full').ended).toBe(1)
    expect(await shell('exec $MCPLEX help >/dev/null').ended).toBe(0)
  })
})
