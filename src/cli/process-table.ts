/**
 * The processes of this machine: from /proc, or from `ps` where there is no /proc (macOS). `ps` is only for the start of
 * a command, as it starts a process itself; checking whether a known process runs is cheap.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { isRunning, statOf } from '../base/proc-stat.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** When it started, as the system formats it: tells a later process with the same id apart. */
  readonly started: string
  /** The session it belongs to (setsid, a terminal); undefined where that is not known. */
  readonly session: number | undefined
  /** Its command line, joined by blanks. */
  readonly command: string
}

export interface ProcessTable {
  /** The process with an id; undefined if there is none, or if it is hidden from us. */
  find(pid: number): ProcessEntry | undefined
  /** Whether it still runs. A zombie does not. */
  runs(entry: Pick<ProcessEntry, 'pid' | 'started'>): boolean
}

/** Longest that `ps` may take, in milliseconds. */
const psMs = 3000

/** More than the output of `ps` takes. */
const maxBuffer = 64 * 1024 ** 2

/** The table of this machine. */
export function openProcessTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? procTable : psTable()
}

/** Whether we are in the foreground of our terminal; true where that is unknown (no /proc). */
export function isForeground(): boolean {
  const stat = statOf('self')
  return stat === undefined || stat.group === stat.foreground
}

/** Whether a process ignores SIGHUP, as under `nohup` and `trap '' HUP`. False where that is unknown. */
export function ignoresHangup(pid: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readProc(pid, 'status') ?? '')?.[1]
  return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

const procTable: ProcessTable = {
  find(pid) {
    const stat = statOf(pid)
    if (stat === undefined) return undefined
    const command = (readProc(pid, 'cmdline') ?? '').replaceAll('\0', ' ').trim()
    return { pid, parent: stat.parent, started: stat.startedAt, session: stat.session, command }
  },
  runs: ({ pid, started }) => isRunning({ pid, startedAt: started }),
}

/** The table of `ps` as of now. Its `runs` ignores that an id may be reused: not likely within half a second. */
export function psTable(): ProcessTable {
  const columns = ['-A', '-o', 'pid=,ppid=,lstart=,command=']
  const limits = { timeout: psMs, maxBuffer }
  const { stdout } = spawnSync('/bin/ps', columns, { ...limits, encoding: 'utf8', env: { LC_ALL: 'C' } })
  const entries = new Map((stdout ?? '').split('\n').flatMap(readLine))
  return {
    find: (pid) => entries.get(pid),
    runs({ pid }) {
      try {
        process.kill(pid, 0)
        return true
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EPERM'
      }
    },
  }
}

/** Parses a line of `ps`: the start time is five words, such as `Thu Nov 26 15:55:02 2026`. */
function readLine(line: string): Array<[number, ProcessEntry]> {
  const form = /^\s*(\d+)\s+(\d+)\s+(\S+(?:\s+\S+){4})\s+(.*)$/.exec(line)
  if (!form) return []
  const [, pid, parent, started = '', command = ''] = form
  return [[Number(pid), { pid: Number(pid), parent: Number(parent), started, session: undefined, command }]]
}
