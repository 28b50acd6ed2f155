/** A client over pipes: starts the built command, writes lines to it as the test says, and keeps what it says back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { runs } from '../children/processes.ts'
import { eventually, inTime } from './eventually.ts'
import type { JsonMap, RpcMessage } from './rpc.ts'

const root = join(import.meta.dirname, '..', '..')
const command = join(root, 'dist', 'cli', 'main.js')

export interface Piped {
  readonly child: ChildProcess
  readonly pid: number
  /** What it said, line by line. */
  readonly lines: readonly string[]
  /** The same as messages; a batch counts as its parts. Throws if a line is none. */
  messages(): RpcMessage[]
  /** Keeps nothing of what it has said so far. */
  forget(): void
  stderr(): string
  /** Writes a line as it is. */
  write(line: string): void
  send(message: JsonMap): void
  /** Opens a session, and gives the response. */
  initialize(opening?: {
    readonly version?: string
    readonly capabilities?: JsonMap
    readonly client?: string
  }): Promise<RpcMessage>
  /** Sends a request under an id of its own; resolves with the response. */
  request(method: string, params?: JsonMap): Promise<RpcMessage>
  call(tool: string, args?: JsonMap, meta?: JsonMap): Promise<RpcMessage>
  /** Sends a request without waiting; gives its id. */
  begin(method: string, params?: JsonMap): number
  response(id: number | string): Promise<RpcMessage>
  /** The first message that passes, from the `from`-th on. */
  told(what: string, passes: (message: RpcMessage) => boolean, from?: number): Promise<RpcMessage>
  /** Closes its stdin. */
  hangUp(): void
  readonly exited: Promise<number | null>
  /** Ends it, whatever it does. */
  end(): Promise<void>
}

/**
 * Runs `mcplex` with these arguments and an environment of PATH, HOME and `env`.
 * @param node flags of the Node that runs it
 */
export function startPiped(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  node: readonly string[] = [],
): Piped {
  return pipe(spawn(process.execPath, [...node, command, ...args], { env: { ...base(), ...env }, stdio: 'pipe' }))
}

/** Runs `serve --transport stdio` in front of a server, run by this Node. */
export function serveStdio(
  server: readonly string[],
  options: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Piped {
  return startPiped(['serve', '--transport', 'stdio', ...options, '--', process.execPath, ...server], env)
}

function base(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME }
}

const prefix = 'io.modelcontextprotocol/'

/** What a request that stands for itself says of its sender. */
export function standalone(meta: JsonMap = {}, capabilities: JsonMap = {}): JsonMap {
  return {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientCapabilities`]: capabilities,
    [`${prefix}clientInfo`]: { name: 'pipes', version: '1' },
    ...meta,
  }
}

function pipe(child: ChildProcess): Piped {
  const { stdin, stdout, stderr, pid = 0 } = child
  if (!stdin || !stdout || !stderr) throw new Error('the command has no pipes')
  const lines: string[] = []
  let said = ''
  const read: RpcMessage[] = []
  let broken: string | undefined
  createInterface({ input: stdout }).on('line', (line) => {
    lines.push(line)
    try {
      const value = JSON.parse(line) as RpcMessage | RpcMessage[]
      read.push(...(Array.isArray(value) ? value : [value]))
    } catch {
      broken ??= line
    }
  })
  stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  stdin.on('error', () => {})
  let closed = false
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      closed = true
      resolve(code)
    })
  })
  let ids = 0
  const messages = (): RpcMessage[] => {
    if (broken !== undefined) throw new Error(`no message: ${broken.slice(0, 200)}`)
    return [...read]
  }
  const told: Piped['told'] = (what, passes, from = 0) =>
    eventually(`${what}; stderr: ${said.slice(-1000)}`, () => {
      const found = messages().slice(from).find(passes)
      if (!found && closed) throw new Error(`it ended before ${what}: ${said.slice(-2000)}`)
      return found
    })
  const write = (line: string): void => void stdin.write(`${line}\n`)
  const send = (message: JsonMap): void => write(JSON.stringify({ jsonrpc: '2.0', ...message }))
  const begin = (method: string, params: JsonMap = {}): number => {
    send({ id: ++ids, method, params })
    return ids
  }
  const response = (id: number | string): Promise<RpcMessage> =>
    told(`the response to ${id}`, (message) => message.id === id && message.method === undefined)
  const request: Piped['request'] = (method, params) => response(begin(method, params))
  return {
    child,
    pid,
    lines,
    messages,
    forget() {
      lines.length = 0
      read.length = 0
    },
    stderr: () => said,
    write,
    send,
    begin,
    response,
    request,
    told,
    async initialize({ version = '2025-11-25', capabilities = {}, client = 'pipes' } = {}) {
      const clientInfo = { name: client, version: '1' }
      const answer = await request('initialize', { protocolVersion: version, capabilities, clientInfo })
      send({ method: 'notifications/initialized' })
      return answer
    },
    call: (tool, args = {}, meta) =>
      request('tools/call', { name: tool, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }),
    hangUp: () => void stdin.end(),
    exited,
    async end() {
      stdin.end()
      // The first lets calls finish; those that come later than its echo do not.
      const signals = setInterval(() => runs(pid) && child.kill('SIGTERM'), 300)
      const force = setTimeout(() => child.kill('SIGKILL'), 8000)
      await inTime('the command to end', exited)
      clearInterval(signals)
      clearTimeout(force)
    },
  }
}
