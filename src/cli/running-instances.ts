/**
 * The running instances of mcplex of this user, from their runtime files. A file that a crashed instance has left behind
 * is ignored, also if another process has its id by now.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { isObject, type JsonObject } from '../base/json.ts'
import { type LearntEras, learntErasIn } from '../config/stateless-endpoints.ts'
import { openProcessTable, type ProcessTable } from './process-table.ts'
import { reloadIn, type ReloadResult } from '../admin/reload-result.ts'
import { checkFolder, runtimeFolders } from './runtime-folder.ts'

/** A running instance, as it describes itself. */
export interface RunningInstance {
  readonly pid: number
  /** When its process started: a time of ISO 8601. */
  readonly startedAt: string
  readonly version: string
  /** The folder in which it was started. */
  readonly cwd: string
  /** The MCP server that it serves; its command if the server has no name. */
  readonly server: { readonly name: string; readonly version?: string }
  readonly transport: 'http' | 'stdio'
  /** The URLs of the endpoint for MCP, of the one for HTTP+SSE, and of the health report; none with stdio. */
  readonly endpoint?: string
  readonly sse?: string
  readonly health?: string
  /** Where it listens: a port, or the path of a Unix socket; neither with stdio. */
  readonly port?: number
  readonly socket?: string
  /** Where operators reach it; undefined if they cannot. */
  readonly admin?: AdminPlaces
  /** The names of its upstreams, a hundred at most; none with stdio. */
  readonly upstreams?: readonly string[]
  /** The configuration file that it reads again; none if there is no file. */
  readonly config?: string
  /** What it has learnt of the eras of its upstreams. */
  readonly eras?: LearntEras
  /** Set if its configuration came from a pipe, which cannot be read again. */
  readonly isFromPipe?: boolean
  /** How often it has begun to read the file again. */
  readonly reloads?: number
  /** What came of it the last time, but for reloads that a newer one has replaced. */
  readonly reload?: ReloadResult
}

/** Where operators reach an instance. */
export interface AdminPlaces {
  /** The path of a Unix socket. */
  readonly socket?: string
  /** A URL without a path. */
  readonly url?: string
  /** What each request to the URL must carry, if the instance has made it itself. */
  readonly token?: string
}

/** Tells a process from a later one with the same id, from one before a restart of the machine, and from one of another container. */
export interface ProcessIdentity {
  /** When it started, as the system formats it. */
  readonly start?: string
  readonly boot?: string
  /** The namespace of process ids. */
  readonly namespace?: string
}

/** The content of a runtime file. Readers ignore a format that they do not know, and members that they do not know. */
export interface RuntimeRecord extends RunningInstance {
  readonly format: 1
  readonly identity: ProcessIdentity
}

/** A file in a folder of runtime files. */
export interface RuntimeFile {
  readonly record: RuntimeRecord
  /** `elsewhere`: in a container that shares the folder, whose processes cannot be seen from here. */
  readonly state: 'running' | 'ended' | 'elsewhere'
  /** Removes the file, unless it was replaced after it was read. */
  remove(): void
}

/**
 * The running instances, oldest first.
 * @param env the environment variables of this process
 */
export function runningInstances(env: Readonly<Record<string, string | undefined>>): RunningInstance[] {
  return runningIn(env).map(({ instance }) => instance)
}

/** The same, each with the folder of its runtime file. */
export function runningIn(
  env: Readonly<Record<string, string | undefined>>,
): Array<{ readonly folder: string; readonly instance: RunningInstance }> {
  const found = runtimeFolders(env).flatMap((folder) =>
    readFolder(folder).flatMap(({ state, record: { format: _format, identity: _identity, ...instance } }) =>
      state === 'running' ? [{ folder, instance }] : [],
    ),
  )
  return found.sort((a, b) => a.instance.startedAt.localeCompare(b.instance.startedAt))
}

/**
 * The runtime files in a folder; none if there is no folder, or one that other users have access to.
 * @param known the processes of this machine, if the caller has looked at them already
 */
export function readFolder(folder: string, known?: ProcessTable): RuntimeFile[] {
  try {
    checkFolder(folder)
    const names = readdirSync(folder).filter((name) => /^[1-9][0-9]*\.json$/.test(name))
    if (names.length === 0) return []
    const table = known ?? openProcessTable()
    return names.flatMap((name) => readFile(join(folder, name), Number.parseInt(name, 10), table) ?? [])
  } catch {
    return []
  }
}

/** The identity of a process of this machine. */
export function identityOf(pid: number, table: ProcessTable): ProcessIdentity {
  const start = table.find(pid)?.started
  return { ...(start !== undefined && { start }), ...scopeOfIds() }
}

/** Removes a file unless it was replaced. A replacement may have the same inode, so the time of its change counts too. */
export function removeIfSame(path: string, { dev, ino, mtimeMs }: Stats): void {
  try {
    const now = lstatSync(path)
    if (now.dev === dev && now.ino === ino && now.mtimeMs === mtimeMs) unlinkSync(path)
  } catch {
    // The file does not exist any more.
  }
}

/** Far more than a runtime file needs. */
const maxBytes = 64 * 1024

function readFile(path: string, pid: number, table: ProcessTable): RuntimeFile | undefined {
  try {
    // Neither a link nor a pipe can lead or hold up the reader.
    const opened = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(opened)
      const user = process.getuid?.()
      if (user !== undefined && stats.uid !== user) return undefined
      if (!stats.isFile() || stats.size > maxBytes) return undefined
      const record = readRecord(readFileSync(opened, 'utf8'))
      if (record?.pid !== pid) return undefined
      return { record, state: stateOf(record, table), remove: () => removeIfSame(path, stats) }
    } finally {
      closeSync(opened)
    }
  } catch {
    return undefined
  }
}

function stateOf({ pid, identity }: RuntimeRecord, table: ProcessTable): RuntimeFile['state'] {
  const here = scopeOfIds()
  if (identity.boot !== here.boot) return 'ended'
  if (identity.namespace !== here.namespace) return 'elsewhere'
  const found = table.find(pid)
  if (found && identity.start !== undefined && found.started !== identity.start) return 'ended'
  const started = identity.start ?? found?.started ?? ''
  return table.runs({ pid, started }) ? 'running' : 'ended'
}

/** Where process ids have their meaning; empty but on Linux. */
function scopeOfIds(): Omit<ProcessIdentity, 'start'> {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return { boot, namespace: readlinkSync('/proc/self/ns/pid') }
  } catch {
    return {}
  }
}

/** The record in the text of a runtime file; undefined if it has another format. */
function readRecord(text: string): RuntimeRecord | undefined {
  const value: unknown = JSON.parse(text)
  if (!isObject(value) || value['format'] !== 1) return undefined
  const { pid, startedAt, version, cwd, server, transport, port, upstreams, identity, reloads, admin } = value
  if (typeof pid !== 'number' || typeof startedAt !== 'string' || typeof version !== 'string') return undefined
  if (typeof cwd !== 'string' || (transport !== 'http' && transport !== 'stdio')) return undefined
  if (!isObject(server) || typeof server['name'] !== 'string' || !isObject(identity)) return undefined
  return {
    format: 1,
    pid,
    startedAt,
    version,
    cwd,
    server: { name: server['name'], ...textsIn(server, ['version']) },
    transport,
    ...textsIn(value, ['endpoint', 'sse', 'health', 'socket', 'config']),
    ...(isObject(admin) && { admin: textsIn(admin, ['socket', 'url', 'token']) }),
    ...(Array.isArray(upstreams) && { upstreams: upstreams.filter((name) => typeof name === 'string') }),
    ...reloadIn(value['reload']),
    ...learntErasIn(value['eras']),
    ...(value['isFromPipe'] === true && { isFromPipe: true }),
    ...(typeof reloads === 'number' && { reloads }),
    ...(typeof port === 'number' && { port }),
    identity: textsIn(identity, ['start', 'boot', 'namespace']),
  }
}

/** Those of the members that are texts. */
function textsIn<Name extends string>(value: JsonObject, names: readonly Name[]): { [Key in Name]?: string } {
  const found: { [Key in Name]?: string } = {}
  for (const name of names) {
    const text = value[name]
    if (typeof text === 'string') found[name] = text
  }
  return found
}

/** A URL in the form in which two that lead to the same endpoint are equal. @throws TypeError if it is no URL */
export function plainUrl(url: string): string {
  return new URL(url).href.replace('//localhost:', '//127.0.0.1:').replace(/\/$/, '')
}
