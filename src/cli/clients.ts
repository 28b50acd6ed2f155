/**
 * The clients that `mcplex config` supports: where each keeps its MCP servers, in which shape, and how it refers to an
 * environment variable. Pure data, and functions on it.
 */
import { posix, win32 } from 'node:path'

export type ClientName = 'claude-code' | 'claude-desktop' | 'cursor' | 'vscode' | 'windsurf'
export type Scope = 'project' | 'user'

/** A path below the project, the home folder, or the folder where the system keeps settings of programs. */
interface Place {
  readonly below: 'project' | 'home' | 'settings'
  readonly path: readonly string[]
}

/** What to connect to, and the name of the variable that holds the key, if any. */
export interface ClientTarget {
  readonly url: string
  /** The program that starts mcplex, for a client that can only start commands. */
  readonly program: string
  readonly args: readonly string[]
  readonly keyVariable: string | undefined
}

/** An entry of the file. */
export type ClientEntry = Readonly<Record<string, unknown>>

export interface Client {
  readonly title: string
  /** The member of the file that holds the servers. */
  readonly section: 'mcpServers' | 'servers'
  /** The files, by scope; the first is the default. */
  readonly files: ReadonlyArray<readonly [Scope, Place]>
  /** How the file refers to a variable of the environment; undefined if it cannot. */
  readonly reference: ((variable: string) => string) | undefined
  /** @param headers the member `headers`, or nothing */
  readonly entry: (target: ClientTarget, headers: ClientEntry) => ClientEntry
  /** What else the user has to do. */
  readonly hints: (target: ClientTarget, name: string, scope: Scope) => readonly string[]
}

export const clients: Readonly<Record<ClientName, Client>> = {
  'claude-code': {
    title: 'Claude Code',
    section: 'mcpServers',
    files: [
      ['project', { below: 'project', path: ['.mcp.json'] }],
      ['user', { below: 'home', path: ['.claude.json'] }],
    ],
    reference: (variable) => `\${${variable}}`,
    entry: ({ url }, headers) => ({ type: 'http', url, ...headers }),
    hints: ({ url, keyVariable }, name, scope) => {
      // In single quotes, since the client expands the reference, and not the shell.
      const header = keyVariable === undefined ? '' : ` --header 'Authorization: Bearer \${${keyVariable}}'`
      return [`or: claude mcp add --transport http --scope ${scope} ${name} ${url}${header}`]
    },
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    section: 'mcpServers',
    files: [['user', { below: 'settings', path: ['Claude', 'claude_desktop_config.json'] }]],
    // The file supports only servers to start; servers at a public https URL are added under Settings, Connectors.
    reference: undefined,
    entry: ({ url, program, args }) => ({ command: program, args: [...args, 'connect', url] }),
    hints: ({ keyVariable, args }) => [
      'restart Claude Desktop to have it read the file',
      ...(args.some(isInCache) ? ['npm may clear its cache, and with it this copy of mcplex: install it first'] : []),
      ...(keyVariable === undefined ? [] : ['add "env": {"MCPLEX_API_KEY": "<the key>"} to the entry by hand']),
    ],
  },
  cursor: {
    title: 'Cursor',
    section: 'mcpServers',
    files: [
      ['user', { below: 'home', path: ['.cursor', 'mcp.json'] }],
      ['project', { below: 'project', path: ['.cursor', 'mcp.json'] }],
    ],
    reference: editorVariable,
    entry: ({ url }, headers) => ({ url, ...headers }),
    hints: () => [],
  },
  vscode: {
    title: 'VS Code',
    // VS Code ignores servers under `mcpServers`.
    section: 'servers',
    files: [
      ['project', { below: 'project', path: ['.vscode', 'mcp.json'] }],
      ['user', { below: 'settings', path: ['Code', 'User', 'mcp.json'] }],
    ],
    reference: editorVariable,
    entry: ({ url }, headers) => ({ type: 'http', url, ...headers }),
    hints: () => [],
  },
  windsurf: {
    title: 'Windsurf',
    section: 'mcpServers',
    files: [['user', { below: 'home', path: ['.codeium', 'windsurf', 'mcp_config.json'] }]],
    reference: editorVariable,
    entry: ({ url }, headers) => ({ serverUrl: url, ...headers }),
    hints: () => ['refresh the list of MCP servers in Windsurf to have it read the file'],
  },
}

/** The entry of a client. The key itself is never part of it. */
export function entryFor({ reference, entry }: Client, target: ClientTarget): ClientEntry {
  const { keyVariable } = target
  if (keyVariable === undefined || reference === undefined) return entry(target, {})
  return entry(target, { headers: { Authorization: `Bearer ${reference(keyVariable)}` } })
}

export const clientNames: readonly ClientName[] = ['claude-code', 'claude-desktop', 'cursor', 'vscode', 'windsurf']

export function isClientName(text: string): text is ClientName {
  return Object.hasOwn(clients, text)
}

/** What the path of a file depends on. */
export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
}

/** The path of a client's file; undefined if the environment does not say where its folder is. */
export function pathOf(place: Place, { platform, env, folder }: Surroundings): string | undefined {
  const { join } = platform === 'win32' ? win32 : posix
  const home = nonEmpty(platform === 'win32' ? env['USERPROFILE'] : env['HOME'])
  const inHome = (...path: string[]): string | undefined => home && join(home, ...path)
  const settings = (): string | undefined => {
    if (platform === 'darwin') return inHome('Library', 'Application Support')
    if (platform === 'win32') return nonEmpty(env['APPDATA']) ?? inHome('AppData', 'Roaming')
    return nonEmpty(env['XDG_CONFIG_HOME']) ?? inHome('.config')
  }
  const base = { project: () => folder, home: () => home, settings }[place.below]()
  return base && join(base, ...place.path)
}

/** An empty variable counts as not set. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/** Whether a path is in the cache of npx. */
function isInCache(path: string): boolean {
  return /[\\/]_npx[\\/]/.test(path)
}

function editorVariable(name: string): string {
  return `\${env:${name}}`
}
