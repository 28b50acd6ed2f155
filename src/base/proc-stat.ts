/** Information about a process from `/proc`, so on Linux only. [proc(5)] */
import { readFileSync } from 'node:fs'

/** A process that was seen before and may have ended since. Its id alone does not identify it: the system reuses ids. */
export interface KnownProcess {
  readonly pid: number
  /** When it started, in ticks since boot: a later process with the same id has another start time. */
  readonly startedAt: string
  /** The id of its process group. */
  readonly group: number
}

export interface ProcessStat extends KnownProcess {
  readonly parent: number
  readonly session: number
  /** The process group in the foreground of its terminal; -1 without a terminal. */
  readonly foreground: number
  /** Whether it has ended and its parent has not collected it yet. */
  readonly hasEnded: boolean
}

/** Parses the text of `/proc/<pid>/stat`; undefined for any other text. */
export function parseStat(text: string): ProcessStat | undefined {
  // The name stands in brackets and may itself contain blanks and brackets.
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

/** The process of this id, or this process; undefined if there is none, or no `/proc`. @param folder another one, for tests */
export function statOf(pid: number | 'self', folder: string = '/proc'): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`${folder}/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/** Whether exactly this process still runs. */
export function isRunning({ pid, startedAt }: Pick<KnownProcess, 'pid' | 'startedAt'>): boolean {
  const now = statOf(pid)
  return now?.startedAt === startedAt && !now.hasEnded
}
