/** What the command prints once requests are served: a banner for people, one JSON object for programs. Pure. */
import type pc from 'picocolors'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import type { Settings } from '../../../config/settings.ts'
import { writeDuration, writeSize } from '../../../config/quantity.ts'
import type { GatewayFacts } from '../../../gateway/gateway.ts'
import { isLoopback } from '../../../transports/http/options.ts'
import type { InstanceFacts } from '../../runtime-file.ts'
import type { Ready } from './ready.ts'
import { serversIn } from './servers-in.ts'
import { hasNames, namedEndpoints, sessionsOnlyIn, shownUpstreams } from './several-servers.ts'

type Colors = ReturnType<typeof pc.createColors>

/** The server as shown: by its name, or by its command if it has none. Several are shown by the names in the settings. */
export function serverIn(facts: GatewayFacts, settings: Pick<Settings, 'upstreams'>): Ready['server'] {
  const { serverName, serverVersion, eras, tools, startMs } = facts
  const { command, upstreams = [] } = { command: undefined, ...serversIn(settings) }
  return {
    name: command === undefined ? upstreams.join(', ') : (serverName ?? command),
    version: serverVersion,
    eras,
    tools,
    startMs,
  }
}

/** Longer names of servers are cut. */
const maxName = 64

/** What workers are called: of commands, of modules, and of both. */
const workers = {
  stdio: { one: 'process', many: 'processes' },
  module: { one: 'server object', many: 'server objects' },
  mixed: { one: 'worker', many: 'workers' },
}

type Words = (typeof workers)[keyof typeof workers]

const sharing: Readonly<Record<string, (words: Words) => string>> = {
  session: ({ one }) => `one ${one} per session`,
  principal: ({ one }) => `one ${one} per principal`,
  tenant: ({ one }) => `one ${one} per tenant`,
  shared: ({ many }) => `${many} shared by all`,
  call: ({ one }) => `one call a ${one}`,
}

const sessionsOnly = 'Streamable HTTP, MCP 2025-03-26 … 2025-11-25'
const bothEras = 'Streamable HTTP, MCP 2025-03-26 … 2026-07-28'

/** What clients without a session get where each session has a worker of its own. */
const statelessClients: Readonly<Record<string, (words: Words) => readonly string[]>> = {
  refuse: () => ['clients of 2026-07-28 are told to use a session', '--stateless offers more'],
  principal: ({ many }) => [`clients of 2026-07-28 share ${many} by principal`],
  call: ({ one }) => [`clients of 2026-07-28 get a ${one} for each call`],
  shared: ({ many }) => [`clients of 2026-07-28 share ${many}, all of them`],
}

/** What clients without sessions get; with several servers, and because of which. */
function statelessWords({ sharing: { stateless }, settings, upstreams }: Ready): readonly string[] | undefined {
  const words = statelessClients[stateless]?.(workers[kindOf(settings)])
  const isOne = Object.keys(settings.upstreams).length === 1
  return isOne || stateless !== 'refuse'
    ? words
    : [...(words ?? []), `because of ${sessionsOnlyIn(upstreams).join(', ')}`]
}

/**
 * The row about clients without sessions; none if there is nothing to say.
 * @param least as many lines at least, for a banner that is corrected
 */
export function statelessLines(ready: Ready, { dim }: Colors, columns: number, least = 0): string[] {
  const { sessions, stateless } = ready.sharing
  const said = sessions === 'session' || stateless === 'refuse' ? statelessWords(ready) : undefined
  const words = said ?? (least > 0 ? ['clients of 2026-07-28 need no session'] : undefined)
  const lines = words ? rowOf('stateless', dim, words, columns).split('\n') : []
  return [...lines, ...Array.from({ length: Math.max(0, least - lines.length) }, () => '')]
}

/**
 * The banner. Only lines to copy, and single parts that are too long, may be wider than the terminal.
 * @param keys whether keys are read
 * @param columns the width of the terminal; 0 if unknown, for no limit
 * @param eraLines how many lines the row about clients without sessions has at least
 */
export function banner(ready: Ready, keys: boolean, colors: Colors, columns: number, eraLines = 0): string {
  const { bold, cyan, dim, green, yellow } = colors
  const { server, settings, url } = ready
  const name = terminalSafeLine(server.name, maxName)
  const { sessions, stateless } = ready.sharing
  // Shared by default: the server speaks only the stateless revision.
  const areModesLeftOpen = Object.values(settings.upstreams).every(({ mode }) => mode === undefined)
  const isStateless = sessions === 'shared' && areModesLeftOpen
  const kind = kindOf(settings)
  const { many } = workers[kind]
  const only = kind === 'module' ? 'one module' : 'one stdio server'
  const shares = isStateless
    ? `a stateless server: its ${many} are shared by all`
    : (sharing[sessions]?.(workers[kind]) ?? sessions)
  const limits = [
    `${count(settings.limits.maxConnections)} clients`,
    `${count(poolOf(settings))} ${many}`,
    `idle ${writeDuration(settings.sessions.idleTimeoutMs)}`,
    `max ${writeDuration(settings.sessions.maxSessionMs)}`,
    `queue ${count(settings.limits.queue)}`,
    `memory ${writeSize(settings.limits.memoryBytes)}`,
  ]
  const tools = `${count(server.tools)} ${server.tools === 1 ? 'tool' : 'tools'}`
  const servers = Object.keys(settings.upstreams).length
  const isOne = servers === 1
  const paintedPart = (part: string, at: number): Part => (at === 0 ? [part, green] : part)
  const endpoint = `${url}/mcp`
  const started = `ready in ${(server.startMs / 1000).toFixed(1)} s`
  const open = openness(ready, yellow)
  const row = (label: string, paint: Paint, parts: readonly Part[], between?: string): string =>
    rowOf(label, paint, parts, columns, between)
  return [
    '',
    `  ${bold(`mcplex ${ready.version}`)}   ${isOne ? only : `${count(servers)} servers`}, many clients`,
    '',
    ...(isOne
      ? [row('upstream', dim, [[name, green], kind, shares, tools, started])]
      : shownUpstreams(ready).map((parts, at) => row(at === 0 ? 'upstreams' : '', dim, parts.map(paintedPart)))),
    ...(isOne ? [] : [row('', dim, [tools, started])]),
    ...statelessLines(ready, colors, columns, eraLines),
    row('state', dim, ['memory', 'sessions end with this process']),
    row('limits', dim, limits, ' · '),
    '',
    row('Endpoint', bold, [[endpoint.padEnd(34), cyan], stateless === 'refuse' ? sessionsOnly : bothEras]),
    ...namedEndpoints(ready).map(({ path, what }) => row('', bold, [[`${url}${path}`.padEnd(34), cyan], what])),
    ...(settings.http.sse ? [row('', bold, [[`${url}/sse`.padEnd(34), cyan], 'HTTP+SSE for old clients'])] : []),
    ...(ready.socket === undefined ? [] : [row('Socket', bold, [[ready.socket, cyan]])]),
    row('Health', bold, [[`${url}/health`.padEnd(34), cyan], '/livez /readyz']),
    ...(ready.admin === undefined
      ? []
      : [row('Operators', bold, [[`${ready.admin}/metrics`.padEnd(34), cyan], '/api/v1, with a token'])]),
    '',
    ...howToConnect(ready, isOne ? shortName(name) : 'mcplex', columns),
    '',
    wrap('  ', [...open, keys ? 'press h for help, q to stop' : 'Ctrl-C stops'], ' · ', columns, 2),
    '',
    '',
  ].join('\n')
}

function rowOf(label: string, paint: Paint, parts: readonly Part[], columns: number, between = '   '): string {
  return wrap(`  ${paint(label)}${' '.repeat(11 - label.length)}`, parts, between, columns, 13)
}

/** How to connect clients. */
function howToConnect({ url, socket, command }: Ready, name: string, columns: number): string[] {
  const endpoint = `${url}/mcp`
  if (socket !== undefined) return [`  Try it        curl --unix-socket ${socket} ${url}/health`]
  return [
    `  Claude Code   claude mcp add --transport http ${name} ${endpoint}`,
    wrap(
      '  Others        ',
      [`${command} config cursor --url ${endpoint}`, '(or claude-desktop, vscode, windsurf)'],
      ' ',
      columns,
      16,
    ),
  ]
}

/** Which clients can reach it. */
function openness({ address, port, socket, settings }: Ready, warn: Paint): readonly Part[] {
  if (socket !== undefined) return [`open to users whom the socket admits (mode ${settings.http.socketMode})`]
  const isAsked = !settings.auth.methods.includes('none')
  if (isLoopback(address)) return [`listening on loopback only, ${isAsked ? 'with credentials' : 'no key needed'}`]
  if (isAsked) return [`open to the network at ${address} port ${port}, with credentials`]
  return [
    [`open to the network at ${address} port ${port}`, warn],
    ['clients need no credentials', warn],
  ]
}

/** A text of the banner, with its colour. */
type Part = string | readonly [text: string, paint: Paint]

type Paint = (text: string) => string

/** Places parts side by side after a label; a part that does not fit begins a new line. */
function wrap(label: string, parts: readonly Part[], between: string, columns: number, indent: number): string {
  let text = label
  let at = indent
  parts.forEach((part, index) => {
    const [plain, paint] = typeof part === 'string' ? [part, String] : part
    const words = plain.trimEnd()
    const isFirst = index === 0
    if (!isFirst && columns > 0 && at + between.length + words.length > columns) {
      text = `${text.trimEnd()}\n${' '.repeat(indent)}`
      at = indent
    } else if (!isFirst) {
      text += between
      at += between.length
    }
    text += paint(words) + ' '.repeat(plain.length - words.length)
    at += plain.length
  })
  return text
}

/** The text for the key `h`. */
export function keyHelp(ready: Ready, colors: Colors): string {
  return [
    '',
    `  ${colors.bold('h')}        this help`,
    `  ${colors.bold('q')}        stop: calls in flight get ${writeDuration(ready.settings.http.drainMs)} to finish`,
    `  ${colors.bold('Ctrl-C')}   the same; a second time stops at once`,
    '',
    `  Endpoint ${ready.url}/mcp   Health ${ready.url}/health`,
    '',
    '',
  ].join('\n')
}

/** The object for `--json`, and the fields of the log line without a banner. */
export function readyEvent(ready: Ready): Readonly<Record<string, unknown>> {
  const { server, settings, url } = ready
  return {
    version: ready.version,
    pid: process.pid,
    ...whereServed(ready),
    livez: `${url}/livez`,
    readyz: `${url}/readyz`,
    ...(ready.admin !== undefined && { admin: ready.admin }),
    server: { ...server, modes: ready.modes, stateless: ready.sharing.stateless },
    ...(hasNames(settings) && {
      upstreams: ready.upstreams,
      endpoints: namedEndpoints(ready).map(({ path }) => `${url}${path}`),
    }),
    limits: {
      maxConnections: settings.limits.maxConnections,
      pool: poolOf(settings),
      queue: settings.limits.queue,
      memoryBytes: settings.limits.memoryBytes,
      idleTimeoutMs: settings.sessions.idleTimeoutMs,
      maxSessionMs: settings.sessions.maxSessionMs,
    },
  }
}

/** Where it serves: the URLs, and the port or the Unix socket. */
export function whereServed({ url, port, socket, settings }: Ready): Omit<InstanceFacts, 'server' | 'transport'> {
  return {
    endpoint: `${url}/mcp`,
    ...(settings.http.sse && { sse: `${url}/sse` }),
    health: `${url}/health`,
    ...(socket === undefined ? { port } : { socket }),
  }
}

/** The name of a server as clients accept it: letters, digits, `_` and `-`, at most 64. */
function shortName(name: string): string {
  const last = name.split('/').at(-1) ?? ''
  return (
    last
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 64) || 'mcplex'
  )
}

/** The kind of all servers. */
function kindOf({ upstreams }: Pick<Settings, 'upstreams'>): keyof typeof workers {
  const [first, ...others] = new Set(Object.values(upstreams).map(({ kind }) => kind))
  return first === undefined || others.length > 0 ? 'mixed' : first
}

/** Workers of all servers together at most. */
function poolOf({ upstreams }: Settings): number {
  return Object.values(upstreams).reduce((sum, { pool }) => sum + pool, 0)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
