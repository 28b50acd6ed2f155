/** The built command as a process of its own: started on a free port, ended by its own id, with all that it logged. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { childrenOf, runs } from '../children/processes.ts'
import { inTime } from './eventually.ts'

const root = join(import.meta.dirname, '..', '..')
const command = join(root, 'dist', 'cli', 'main.js')

export const echoLegacy: string = join(root, 'test', 'fixtures', 'echo-legacy.mjs')
export const echoModern: string = join(root, 'test', 'fixtures', 'echo-modern.mjs')

/** A slow machine, or an attack, must not have sessions refused in a test of something else: overload.test.ts has that. */
const noOverloadSteps = { MCPLEX_LIMITS__OVERLOAD__ENABLED: 'false' }

export interface Started {
  /** Options of `serve`. */
  readonly options?: readonly string[]
  /** A configuration file, in place of a server: mcplex is started by `up`. */
  readonly file?: string
  /** The server behind it, and its flags; `echoLegacy` if nothing is said. */
  readonly server?: readonly string[]
  /** What runs the server; this Node if nothing is said. */
  readonly program?: string
  readonly env?: Readonly<Record<string, string>>
  /** Flags of the Node that runs mcplex itself. */
  readonly node?: readonly string[]
  /** A program that takes the place of the command: it is started as `serve` is, and ready as it is. */
  readonly host?: string
  /** How many files mcplex may have open. */
  readonly files?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export type LogLine = Readonly<Record<string, unknown>>

export interface Mcplex {
  readonly pid: number
  /** Of the MCP endpoint. */
  readonly url: string
  readonly origin: string
  readonly log: readonly LogLine[]
  readonly exited: Promise<Exit>
  /** The servers that it has started and that run. */
  servers(): number[]
  signal(name: NodeJS.Signals): void
  /** Ends it in an orderly way, or by force if it does not end within 10 s, or the given time in milliseconds. */
  end(withinMs?: number): Promise<Exit>
}

/** Starts `mcplex serve`, or `mcplex up` with a file, and waits until it is ready. Throws with what it logged if it ends instead. */
export async function startMcplex(started: Started = {}): Promise<Mcplex> {
  const { options = [], server = [echoLegacy], program = process.execPath, env = {}, node = [], file } = started
  const [verb, behind] = file === undefined ? [['serve'], ['--', program, ...server]] : [['up', '--config', file], []]
  const general = ['--port', '0', '--json', '--log-format', 'json']
  const argv = [started.host ?? command, ...verb, ...general, ...options, ...behind]
  const limited = started.files === undefined ? [] : ['/bin/sh', '-c', `ulimit -n ${started.files}; exec "$@"`, 'sh']
  const [first = '', ...rest] = [...limited, process.execPath, ...node, ...argv]
  const child = spawn(first, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...noOverloadSteps, ...env },
  })
  const { pid } = child
  if (pid === undefined) throw new Error('mcplex could not be started')
  const log: LogLine[] = []
  createInterface({ input: child.stderr }).on('line', (line) => log.push(asObject(line)))
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  const ready = new Promise<LogLine>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = asObject(line)
      if (event['event'] === 'ready') resolve(event)
    })
  })
  const early = exited.then(({ code }) => {
    throw new Error(`mcplex ended with ${code} before it was ready: ${JSON.stringify(log)}`)
  })
  early.catch(() => {})
  const said = await inTime('mcplex to be ready', Promise.race([ready, early]))
  const url = String(said['endpoint'])
  return {
    pid,
    url,
    origin: new URL(url).origin,
    log,
    exited,
    servers: () => childrenOf(pid, server[0] ?? ''),
    signal: (name) => void child.kill(name),
    end: (withinMs) => endOf(child, exited, withinMs),
  }
}

/** The same for the test that runs: it ends with it. */
export async function mcplexForTest(started?: Started): Promise<Mcplex> {
  const mcplex = await startMcplex(started)
  onTestFinished(async () => void (await mcplex.end()))
  return mcplex
}

async function endOf(child: ChildProcess, exited: Promise<Exit>, withinMs = 10_000): Promise<Exit> {
  if (child.pid !== undefined && runs(child.pid)) child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), withinMs)
  const exit = await exited
  clearTimeout(force)
  return exit
}

/** A line of the log; what is no JSON is kept as its message. */
function asObject(line: string): LogLine {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as LogLine
  } catch {
    // Told below.
  }
  return { msg: line }
}
