/**
 * Finds the command that a launcher such as `npx` runs, by looking at a server that it has started.
 *
 * Promises: returns a command only if it certainly starts the same program with the same arguments, environment and
 * working directory; undefined in all other cases, and where there is no /proc. direct-start.ts decides when to use it,
 * and handles its failure.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { parseStat } from '../../base/proc-stat.ts'
import type { ChildCommand } from './child.ts'

/** A process of the launcher's group. */
export interface GroupMember {
  readonly pid: number
  readonly parent: number
  /** The file that it runs. */
  readonly exe: string
  readonly argv: readonly string[]
}

const npxNames: ReadonlySet<string> = new Set(['npx', 'npx.cmd'])
const npmNames: ReadonlySet<string> = new Set(['npm', 'npm.cmd'])
const shells: ReadonlySet<string> = new Set(['sh', 'ash', 'dash', 'bash', 'zsh', 'ksh', 'busybox'])

/**
 * Whether the command looks a package up, starts its program and stays as its parent. False if it is told to run a line
 * of shell, which may do more than start one program.
 */
export function isNpxCommand(command: string, args: readonly string[]): boolean {
  const name = basename(command)
  const execs = npxNames.has(name) || (npmNames.has(name) && (args[0] === 'exec' || args[0] === 'x'))
  return execs && !args.some((arg) => arg === '-c' || arg === '--call' || arg.startsWith('--call='))
}

/**
 * The server among the processes of its launcher's group: the first below the leader that is neither npm nor the shell
 * of npm. Processes that the server starts do not matter. Undefined if there is any doubt.
 */
export function serverAmong(leader: number, members: readonly GroupMember[]): GroupMember | undefined {
  let at = members.find(({ pid }) => pid === leader)
  for (let isFirst = true; at && (isFirst || isBetween(at)); isFirst = false) {
    const { pid } = at
    const [child, ...others] = members.filter(({ parent }) => parent === pid)
    at = others.length === 0 ? child : undefined
  }
  return at && scriptOf(at.exe, at.argv) !== undefined ? at : undefined
}

function isBetween({ exe, argv }: GroupMember): boolean {
  if (shells.has(basename(exe))) return argv[1] === '-c'
  // npm gives itself the title `npm exec <package>` when it has read its settings.
  return argv[0]?.startsWith('npm ') === true || /[\\/]np[mx]-cli\.js$/.test(argv[1] ?? '')
}

/**
 * The script that Node runs; undefined if this is not Node with a script. Not for other programs: they may depend on
 * their name (argv[0]), which a direct start does not keep. A server that sets its title overwrites its arguments.
 */
export function scriptOf(exe: string, argv: readonly string[]): string | undefined {
  if (basename(exe) !== 'node' || basename(argv[0] ?? '') !== 'node') return undefined
  const script = argv.slice(1).find((arg) => !arg.startsWith('-'))
  return script !== undefined && isAbsolute(script) ? script : undefined
}

/** Splits values that each end with a NUL, as in /proc. Throws for text that is not UTF-8. */
export function nulEnded(bytes: Uint8Array): string[] {
  const values = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).split('\0')
  if (values.at(-1) === '') values.pop()
  return values
}

/** The command of the server whose launcher leads this process group. To be called when the server has answered. */
export async function launchedBy(leader: number): Promise<ChildCommand | undefined> {
  try {
    const members = await membersOf(leader)
    const server = serverAmong(leader, members)
    if (!server) return undefined
    const [environment, cwd, parentsCwd] = await Promise.all([
      readFile(`/proc/${server.pid}/environ`),
      readlink(`/proc/${server.pid}/cwd`),
      readlink(`/proc/${server.parent}/cwd`),
    ])
    // The server has changed its directory: the original one is not known.
    if (cwd !== parentsCwd) return undefined
    const env: Record<string, string> = {}
    for (const pair of nulEnded(environment)) {
      const at = pair.indexOf('=', 1)
      if (at < 0) return undefined
      env[pair.slice(0, at)] = pair.slice(at + 1)
    }
    return { command: server.exe, args: server.argv.slice(1), env, cwd }
  } catch {
    return undefined
  }
}

async function membersOf(group: number): Promise<GroupMember[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const found = await Promise.all(pids.map((pid) => memberOf(group, pid)))
  return found.filter((member) => member !== undefined)
}

/** Throws if the process belongs to the group and cannot be read. */
async function memberOf(group: number, pid: number): Promise<GroupMember | undefined> {
  const state = parseStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
  if (!state || state.group !== group || state.hasEnded) return undefined
  const [exe, argv] = await Promise.all([readlink(`/proc/${pid}/exe`), readFile(`/proc/${pid}/cmdline`)])
  return { pid, parent: state.parent, exe, argv: nulEnded(argv) }
}
