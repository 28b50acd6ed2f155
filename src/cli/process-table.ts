/**
 * The processes of this machine, as far as we look at them: from /proc, or from `ps` where there is none (macOS). Only
 * the start of a command may ask `ps`, as that starts a process itself; whether a process still runs costs nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { isRunning, statOf } from '../base/proc-stat.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** When it began, as the system tells it: a later process with the same id began at another time. */
  readonly started: string
  /** The session it belongs to (setsid, a terminal); undefined where that is not known. */
  readonly session: number | undefined
  /** What it calls itself: its words, with a blank between them. */
  readonly command: string
}

export interface ProcessTable {
  /** The process with an id; undefined if there is none, or if it may not be seen. */
  find(pid: number): ProcessEntry | undefined
  /** Whether it runs still. One that only waits to be collected by its parent does not. */
  runs(entry: ProcessEntry): boolean
}

/** Longest that `ps` may take, in milliseconds. */
const psMs = 3000

/** More than all command lines of a machine take. */
const maxBuffer = 64 * 1024 ** 2

/** The table of the machine we run on. */
export function openProcessTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? procTable : psTable()
}

/** Whether we are in the foreground of our terminal. Where that cannot be told (no /proc), we are taken to be. */
export function isForeground(): boolean {
  const stat = statOf('self')
  return stat === undefined || stat.group === stat.foreground
}

/** Whether a process has SIGHUP ignored, as `nohup` and `trap '' HUP` have it. False where that is not known. */
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

/** The table as `ps` shows it now. An id that is given away between two looks half a second apart is not expected. */
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

/** A line of `ps`: the start is five words, as `Thu Nov 26 15:55:02 2026`. */
function readLine(line: string): Array<[number, ProcessEntry]> {
  const form = /^\s*(\d+)\s+(\d+)\s+(\S+(?:\s+\S+){4})\s+(.*)$/.exec(line)
  if (!form) return []
  const [, pid, parent, started = '', command = ''] = form
  return [[Number(pid), { pid: Number(pid), parent: Number(parent), started, session: undefined, command }]]
}
