/**
 * Makes sure that no process of a worker survives it: by the mark that all its processes inherit, by a control group
 * where we may make one, and by the reaper in case we are killed. One for each gateway.
 *
 * A process group is ended as one, but a process leaves it by starting a group of its own, as browsers do. Processes of
 * a worker outside its group are called strays.
 */
import { accessSync, constants } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { KnownProcess } from '../../base/proc-stat.ts'
import type { WorkerId } from '../../protocol/call.ts'
import { type ControlGroup, type ControlGroups, createControlGroups } from './control-groups.ts'
import type { LimitName, WorkerLimits } from './limits.ts'
import { createMarkScan } from './marked-processes.ts'
import { createReaper } from './reaper.ts'
import { createMarks } from './worker-mark.ts'

export interface Containment {
  /**
   * For a worker that is about to be started: from now on its processes will be ended even if we are killed. Throws the
   * error of the system if its limits cannot be set.
   */
  open(): WorkerContainment
  /** Cleans up in the background. No worker may be started after this. */
  close(): Promise<void>
  /**
   * Has control groups enforce the limits, as far as they can from now on; else that happens for the first worker. Once
   * another server of our process has started its own, there may be processes that stand in the way.
   * @returns the limits that are enforced
   */
  enforce(): ReadonlySet<LimitName>
  /** The limits that control groups enforce; none before `enforce` or the first worker. */
  readonly enforced: ReadonlySet<LimitName>
  /** How often all processes of the machine were scanned. */
  readonly scans: number
}

export interface WorkerContainment {
  readonly id: WorkerId
  /** The number of the worker in this gateway, from 1 up: the one in the log, and the end of its id. */
  readonly worker: number
  /** To be added to the environment of its process. */
  readonly variable: Readonly<Record<string, string>>
  /** Its control group, if it has one: for its first process to enter, or to be moved into. */
  readonly group: ControlGroup | undefined
  /** The worker was started and `leader` leads its process group. */
  started(leader: number): void
  /** Whether the kernel has ended processes of the worker for lack of memory. */
  hasExceededMemory(): boolean
  /** Its process group is gone. Must be called at once, before the id of the group can be reused. */
  groupGone(): void
  /** The processes outside its group, by a scan that begins after this call. Never rejects. */
  strays(): Promise<Strays>
  /** Kills the members of the control group at once, and processes that they start meanwhile. */
  killStrays(): void
  /** No process of the worker is left. */
  release(): void
}

export interface Strays {
  readonly known: readonly KnownProcess[]
  /** Whether there are none; also false if some were seen but had ended before they could be identified. */
  readonly isEmpty: boolean
}

export interface ContainmentNeeds {
  readonly clock: Clock
  readonly log: Log
  /** Further directories (as PATH) where the reaper looks for programs. */
  readonly path?: string | undefined
  /** Limits of each worker, for its control group. */
  readonly limits?: WorkerLimits | undefined
  /** False in tests of the mark alone. */
  readonly mayUseControlGroups?: boolean
  /** The folder of our own control group, for tests. */
  readonly ownGroup?: string
}

export function createContainment(needs: ContainmentNeeds): Containment {
  const { clock, log, mayUseControlGroups = true } = needs
  const marks = createMarks()
  const canFindMarks = hasEnvironments()
  const scan = createMarkScan({ marks, clock, log })
  const releases = new Set<Promise<void>>()
  let groups: ControlGroups | undefined
  let reaper: ReturnType<typeof createReaper> | undefined
  let workers = 0

  const begin = (): ReturnType<typeof createReaper> => {
    if (!canFindMarks) {
      log.info(
        { platform: process.platform },
        'there is no /proc: what a server starts in a session of its own is not found when the server ends',
      )
    }
    groups = mayUseControlGroups
      ? createControlGroups(marks.gateway, clock, log, needs.limits, needs.ownGroup)
      : undefined
    return createReaper({ clock, log, gateway: marks.gateway, controlGroups: groups?.folder, path: needs.path })
  }

  return {
    open() {
      // Before the first worker: the reaper must exist in case we are killed while the worker starts.
      reaper ??= begin()
      const { watch, forget } = reaper
      reaper.begin()
      const worker = ++workers
      const group = groups?.add(worker)
      let leader = 0
      return {
        group,
        id: marks.idOf(worker),
        worker,
        variable: marks.variableOf(worker),
        started(pid) {
          leader = pid
          watch(pid)
        },
        hasExceededMemory: () => group?.hasExceededMemory() ?? false,
        groupGone: () => forget(leader),
        async strays() {
          if (!canFindMarks) return { known: [], isEmpty: true }
          const [{ marked, vanished }, members] = await Promise.all([scan.next(), group?.members()])
          const all = new Map<number, KnownProcess>()
          for (const one of [...(marked.get(worker) ?? []), ...(members?.known ?? [])]) {
            if (one.group !== leader) all.set(one.pid, one)
          }
          const isUnsure = vanished.has(worker) || (members?.isEmpty === false && members.known.length === 0)
          return { known: [...all.values()], isEmpty: all.size === 0 && !isUnsure }
        },
        killStrays: () => void group?.kill(),
        release() {
          const released = group?.release().finally(() => releases.delete(released ?? Promise.resolve()))
          if (released) releases.add(released)
        },
      }
    },
    async close() {
      await Promise.all(releases)
      await groups?.close()
      reaper?.close()
    },
    enforce() {
      reaper ??= begin()
      return this.enforced
    },
    get enforced() {
      return groups?.enforced ?? new Set()
    },
    get scans() {
      return scan.scans
    },
  }
}

/** Whether this system lets us read the environment of a process. */
function hasEnvironments(): boolean {
  try {
    accessSync('/proc/self/environ', constants.R_OK)
    return true
  } catch {
    return false
  }
}
