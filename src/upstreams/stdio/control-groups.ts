/**
 * A control group (cgroup v2) for each worker, where the system lets us make them: as root, in a container that may
 * write its own, in a user's session of systemd, or in a systemd unit with `Delegate=yes`. A process cannot leave its
 * control group by clearing its environment or forking, and the kernel kills all members at once.
 *
 * The first process of a worker enters its group before it becomes the program (entering-command.ts), so that everything
 * it starts is in there. Where that is not possible it is moved a moment later; what it has started meanwhile is not
 * covered, and found by the mark alone. Without limits a failure here is no error: the mark then works alone.
 */
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { readFile, rmdir, writeFile } from 'node:fs/promises'
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
   * Makes a control group with its limits for a worker that is about to be started; undefined if that is not possible.
   * Throws the error of the system if its limits cannot be set.
   */
  add(worker: number): ControlGroup | undefined
  /** Removes our folder if it is empty. */
  close(): Promise<void>
}

export interface ControlGroup {
  /** Whether it has limits, without which no process of the worker may run. */
  readonly isLimited: boolean
  /**
   * Runs `start` with a descriptor through which a process enters the group, by writing a zero to it; closed afterwards.
   * Undefined if there is none.
   */
  withEntry<Result>(start: (entry: number | undefined) => Result): Result
  /** Moves a process into it, unless it has ended. @param failed called if that is not possible */
  move(pid: number, hasEnded: () => boolean, failed: () => void): void
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
  const isLimited = Object.keys(set).length > 0
  let isTold = false
  /** A move may block for some milliseconds on a lock of the kernel: one after the other, so that one thread suffices. */
  let moves: Promise<void> = Promise.resolve()

  const tell = (error: unknown): void => {
    if (isTold) return
    isTold = true
    log.debug({ err: error }, 'a worker could not be moved into a control group of its own')
  }
  const make = (path: string): boolean => {
    try {
      mkdirSync(path)
      setLimits(path, set)
      return true
    } catch (error) {
      tell(error)
      if (isLimited) throw error
      return false
    }
  }
  const move = async (path: string, pid: number, hasEnded: () => boolean, failed: () => void): Promise<void> => {
    if (hasEnded()) return
    try {
      await writeFile(`${path}/cgroup.procs`, `${pid}`)
    } catch (error) {
      // A process that has ended already is no failure.
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return
      tell(error)
      if (!hasEnded()) failed()
    }
  }

  return {
    folder,
    enforced: new Set([...possible].filter((name) => set[name] !== undefined)),
    add(worker) {
      const path = `${folder}/${worker}`
      if (!make(path)) return undefined
      let moved: Promise<void> = Promise.resolve()
      return {
        isLimited,
        withEntry(start) {
          const entry = opened(`${path}/cgroup.procs`)
          try {
            return start(entry)
          } finally {
            if (entry !== undefined) closeSync(entry)
          }
        },
        move(pid, hasEnded, failed) {
          moved = moves = moves.then(() => move(path, pid, hasEnded, failed))
        },
        async members() {
          await moved
          const before = await membersOf(path)
          const seen = before.flatMap((pid) => statOf(pid) ?? [])
          // Read the members again: this shows that the id was not reused between the two reads.
          const after = new Set(await membersOf(path))
          const known = seen.filter(({ pid, hasEnded: isOver }) => !isOver && after.has(pid))
          return { known, isEmpty: after.size === 0 }
        },
        async kill() {
          await moved
          await writeFile(`${path}/cgroup.kill`, '1').catch(() => {})
        },
        hasExceededMemory: () => set.memory !== undefined && hasExceededMemory(path),
        async release() {
          await moved
          await remove(path, clock)
        },
      }
    },
    async close() {
      await moves
      await remove(folder, clock)
    },
  }
}

/** A descriptor to write to; undefined if the file cannot be opened. */
function opened(path: string): number | undefined {
  try {
    return openSync(path, 'w')
  } catch {
    return undefined
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
