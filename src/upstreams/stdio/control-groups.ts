/**
 * A control group (cgroup v2) for each worker, where the system lets us make them: as root, in a container that may
 * write its own, in a user's session of systemd, or in a systemd unit with `Delegate=yes`. A process cannot leave its
 * control group by clearing its environment or forking, and the kernel kills all members at once.
 *
 * Not covered: processes that a worker starts before it is moved, in its first milliseconds. The mark covers those.
 * A failure here is no error: the mark then works alone.
 */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { type Clock, pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type KnownProcess, statOf } from '../../base/proc-stat.ts'
import { enableLimits, hasExceededMemory, setLimits } from './control-group-limits.ts'
import type { LimitName, WorkerLimits } from './limits.ts'
import { ownGroup } from './own-control-group.ts'

export interface ControlGroups {
  /** Our folder, which holds the folders of the workers. */
  readonly folder: string
  /** The limits of workers that their groups enforce. */
  readonly enforced: ReadonlySet<LimitName>
  /**
   * A control group for the worker led by this process; the process is not moved once it has ended.
   * @param unlimited called if its limits cannot be set
   */
  add(worker: number, leader: number, hasEnded: () => boolean, unlimited?: () => void): ControlGroup
  /** Removes our folder if it is empty. */
  close(): Promise<void>
}

export interface ControlGroup {
  /** `known`: members that can be signalled. `isEmpty` is false also if all members have been replaced by others meanwhile. */
  members(): Promise<{ readonly known: readonly KnownProcess[]; readonly isEmpty: boolean }>
  /** Kills all members at once, and processes that they start meanwhile. */
  kill(): Promise<void>
  /** Whether the kernel has ended processes in it for lack of memory. */
  hasExceededMemory(): boolean
  /** Removes it once it is empty. */
  release(): Promise<void>
}

/** A control group may stay busy for a moment after its last process: attempts to remove it, and the pause between them. */
const removals = 20
const removeAgainMs = 10

/**
 * Undefined where we may not make any.
 * @param limits of each worker
 * @param own the folder of our own group, for tests
 */
export function createControlGroups(
  gateway: string,
  clock: Clock,
  log: Log,
  limits: WorkerLimits = {},
  own: string | undefined = ownGroup(),
): ControlGroups | undefined {
  const folder = own === undefined ? undefined : makeFolder(own, gateway)
  if (own === undefined || folder === undefined) return undefined
  const possible = Object.keys(limits).length > 0 ? enableLimits(own, folder) : new Set<LimitName>()
  const { memory, cpu, pids } = limits
  const set: WorkerLimits = {
    ...(memory !== undefined && possible.has('memory') && { memory }),
    ...(cpu !== undefined && possible.has('cpu') && { cpu }),
    ...(pids !== undefined && possible.has('pids') && { pids }),
  }
  let isTold = false
  /** A move may block for some milliseconds on a lock of the kernel: one after the other, so that one thread suffices. */
  let moves: Promise<void> = Promise.resolve()

  const move = async (
    path: string,
    leader: number,
    hasEnded: () => boolean,
    unlimited: () => void,
  ): Promise<boolean> => {
    if (hasEnded()) return false
    try {
      await mkdir(path)
      await setLimits(path, set)
      if (hasEnded()) return false
      await writeFile(`${path}/cgroup.procs`, `${leader}`)
      return true
    } catch (error) {
      // A process that has ended already (ESRCH) is no failure.
      if (!isTold && !(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
        isTold = true
        log.debug({ err: error }, 'a worker could not be moved into a control group of its own')
      }
      if (!hasEnded() && Object.keys(set).length > 0) unlimited()
      return false
    }
  }

  return {
    folder,
    enforced: new Set([...possible].filter((name) => set[name] !== undefined)),
    add(worker, leader, hasEnded, unlimited = () => {}) {
      const path = `${folder}/${worker}`
      const moved = moves.then(() => move(path, leader, hasEnded, unlimited))
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
        hasExceededMemory: () => set.memory !== undefined && hasExceededMemory(path),
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
function makeFolder(own: string, gateway: string): string | undefined {
  const folder = `${own}/mcplex-${gateway.slice(0, 16)}`
  try {
    mkdirSync(folder)
  } catch {
    return undefined
  }
  // Linux before 5.14 cannot kill all members at once. The root of all groups cannot be killed in any version.
  if (existsSync(`${folder}/cgroup.kill`) || existsSync(`${own}/cgroup.kill`)) return folder
  rmdirSync(folder)
  return undefined
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
