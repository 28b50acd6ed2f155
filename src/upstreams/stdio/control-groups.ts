/**
 * A control group (cgroup v2) for each worker, where the system lets us make them: as root, in a container that may
 * write its own, in a user's session of systemd, or in a systemd unit with `Delegate=yes`. A process cannot leave its
 * control group by clearing its environment or forking, and the kernel kills all members at once.
 *
 * Not covered: processes that a worker starts before it is moved, in its first milliseconds. The mark covers those.
 * A failure here is no error: the mark then works alone.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { type Clock, pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type KnownProcess, statOf } from '../../base/proc-stat.ts'

export interface ControlGroups {
  /** Our folder, which holds the folders of the workers. */
  readonly folder: string
  /** A control group for the worker led by this process; the process is not moved once it has ended. */
  add(worker: number, leader: number, hasEnded: () => boolean): ControlGroup
  /** Removes our folder if it is empty. */
  close(): Promise<void>
}

export interface ControlGroup {
  /** `known`: members that can be signalled. `isEmpty` is false also if all members have been replaced by others meanwhile. */
  members(): Promise<{ readonly known: readonly KnownProcess[]; readonly isEmpty: boolean }>
  /** Kills all members at once, and processes that they start meanwhile. */
  kill(): Promise<void>
  /** Removes it once it is empty. */
  release(): Promise<void>
}

/** A control group may stay busy for a moment after its last process: attempts to remove it, and the pause between them. */
const removals = 20
const removeAgainMs = 10

/** Undefined where we may not make any. */
export function createControlGroups(gateway: string, clock: Clock, log: Log): ControlGroups | undefined {
  const folder = makeFolder(gateway)
  if (folder === undefined) return undefined
  let isTold = false
  /** A move may block for some milliseconds on a lock of the kernel: one after the other, so that one thread suffices. */
  let moves: Promise<void> = Promise.resolve()

  const move = async (path: string, leader: number, hasEnded: () => boolean): Promise<boolean> => {
    if (hasEnded()) return false
    try {
      await mkdir(path)
      if (hasEnded()) return false
      await writeFile(`${path}/cgroup.procs`, `${leader}`)
      return true
    } catch (error) {
      // A process that has ended already (ESRCH) is no failure.
      if (!isTold && !(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
        isTold = true
        log.debug({ err: error }, 'a worker could not be moved into a control group of its own')
      }
      return false
    }
  }

  return {
    folder,
    add(worker, leader, hasEnded) {
      const path = `${folder}/${worker}`
      const moved = moves.then(() => move(path, leader, hasEnded))
      moves = moved.then(() => {})
      return {
        async members() {
          if (!(await moved)) return { known: [], isEmpty: true }
          const before = await membersOf(path)
          const seen = before.flatMap((pid) => statOf(pid) ?? [])
          // Read the members again: this shows that the id was not reused between the two reads.
          const after = new Set(await membersOf(path))
          const known = seen.filter(({ pid, hasEnded: isOver }) => !isOver && after.has(pid))
          return { known, isEmpty: after.size === 0 }
        },
        async kill() {
          if (await moved) await writeFile(`${path}/cgroup.kill`, '1').catch(() => {})
        },
        async release() {
          if (await moved) await remove(path, clock)
          else await rmdir(path).catch(() => {})
        },
      }
    },
    async close() {
      await moves
      await remove(folder, clock)
    },
  }
}

/** Makes a folder below our own control group; undefined if that is not possible. */
function makeFolder(gateway: string): string | undefined {
  const own = ownFolder()
  if (own === undefined) return undefined
  const folder = `${own}/mcplex-${gateway.slice(0, 16)}`
  try {
    mkdirSync(folder)
  } catch {
    return undefined
  }
  // Linux before 5.14 cannot kill all members at once.
  if (existsSync(`${folder}/cgroup.kill`)) return folder
  rmdirSync(folder)
  return undefined
}

/** The folder of the control group that we are in. */
function ownFolder(): string | undefined {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      const [place = '', kind = ''] = line.split(' - ')
      const [, , , root = '', point = ''] = place.split(' ')
      if (!kind.startsWith('cgroup2 ') || path === undefined || path.startsWith('/..')) continue
      const base = root === '/' ? '' : root
      if (path === base || path.startsWith(`${base}/`))
        return `${unescaped(point)}${path.slice(base.length)}`.replace(/\/$/, '')
    }
  } catch {
    // No such files: not Linux.
  }
  return undefined
}

/** The kernel writes blanks and the like in octal. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

async function membersOf(path: string): Promise<number[]> {
  const text = await readFile(`${path}/cgroup.procs`, 'utf8').catch(() => '')
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
}

async function remove(path: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < removals; attempt++) {
    try {
      await rmdir(path)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) return
    }
    await pause(clock, removeAgainMs)
  }
}
