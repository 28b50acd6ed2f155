/** What the system says of a process, from `/proc`: so on Linux only. [proc(5)] */
import { readFileSync } from 'node:fs'

/** A process that was seen; whether it is still there has to be asked. Its id alone may be given away again. */
export interface KnownProcess {
  readonly pid: number
  /** When it started, in ticks since the machine did: a later process with the same id started at another time. */
  readonly startedAt: string
  /** The id of its process group. */
  readonly group: number
}

export interface ProcessStat extends KnownProcess {
  readonly parent: number
  readonly session: number
  /** The group in the foreground of its terminal; -1 without a terminal. */
  readonly foreground: number
  /** Whether it has ended and only waits to be collected by its parent. */
  readonly hasEnded: boolean
}

/** What `/proc/<pid>/stat` says; undefined for a text that is not of that kind. */
export function parseStat(text: string): ProcessStat | undefined {
  // The name, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, group, session, , foreground] = fields
  const startedAt = fields[19]
  if (startedAt === undefined) return undefined
  return {
    pid: Number.parseInt(text, 10),
    startedAt,
    group: Number(group),
    parent: Number(parent),
    session: Number(session),
    foreground: Number(foreground),
    hasEnded: state === 'Z' || state === 'X',
  }
}

/** The process of this id, or ourselves; undefined if there is none, or no `/proc`. */
export function statOf(pid: number | 'self'): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/** Whether exactly this process still runs. */
export function isRunning({ pid, startedAt }: Pick<KnownProcess, 'pid' | 'startedAt'>): boolean {
  const now = statOf(pid)
  return now?.startedAt === startedAt && !now.hasEnded
}
