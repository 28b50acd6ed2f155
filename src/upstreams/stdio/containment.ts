/**
 * What makes sure that nothing of a worker is left when it is to be gone: the mark that all its processes inherit, a
 * control group where we may make one, and the reaper for the case that we are killed. One for each gateway.
 *
 * A process group is ended as one, but a process leaves it by beginning one of its own, as browsers do. Those are the
 * strays: processes of the worker outside of its group.
 */
import { accessSync, constants } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { KnownProcess } from '../../base/proc-stat.ts'
import { type ControlGroup, type ControlGroups, createControlGroups } from './control-groups.ts'
import { createMarkScan } from './marked-processes.ts'
import { createReaper } from './reaper.ts'
import { createMarks } from './worker-mark.ts'

export interface Containment {
  /** For a worker that is about to be started: whatever becomes of us from now on, its processes will be ended. */
  open(): WorkerContainment
  /** Ends what is left, in the background. No worker may be started any more. */
  close(): Promise<void>
  /** How often the processes of the machine were looked through. */
  readonly looks: number
}

export interface WorkerContainment {
  /** The number of the worker in this gateway, from 1 up: the one in its mark and in the log. */
  readonly worker: number
  /** Belongs into the environment of its process. */
  readonly variable: Readonly<Record<string, string>>
  /** It was started and leads a process group; `hasEnded` says whether that leader was collected. */
  started(leader: number, hasEnded: () => boolean): void
  /** Its process group is gone. To be called at once, before the id of the group can be another's. */
  groupGone(): void
  /** The processes outside of its group that are there after this call. Never rejects. */
  strays(): Promise<Strays>
  /** Ends all strays that can be ended at once, and what they start meanwhile. */
  killStrays(): void
  /** Nothing is left of it. */
  release(): void
}

export interface Strays {
  readonly known: readonly KnownProcess[]
  /** Whether there are none; false as well if some were there and were gone before they could be told from others. */
  readonly isEmpty: boolean
}

export interface ContainmentNeeds {
  readonly clock: Clock
  readonly log: Log
  /** Where the reaper looks for programs besides the usual places. */
  readonly path?: string | undefined
  /** False for tests that look at what the mark does alone. */
  readonly mayUseControlGroups?: boolean
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
      const missing =
        'there is no /proc: what a server starts in a session of its own is not found when the server ends'
      log.info({ platform: process.platform }, missing)
    }
    groups = mayUseControlGroups ? createControlGroups(marks.gateway, clock, log) : undefined
    return createReaper({ clock, log, gateway: marks.gateway, controlGroups: groups?.folder, path: needs.path })
  }

  return {
    open() {
      // Before the first worker: it must be there, should we be killed while that one starts.
      reaper ??= begin()
      const { watch, forget } = reaper
      reaper.begin()
      const worker = ++workers
      let leader = 0
      let group: ControlGroup | undefined
      return {
        worker,
        variable: marks.variableOf(worker),
        started(pid, hasEnded) {
          leader = pid
          watch(pid)
          group = groups?.add(worker, pid, hasEnded)
        },
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
    get looks() {
      return scan.looks
    },
  }
}

/** Whether the environment of a process can be read here. */
function hasEnvironments(): boolean {
  try {
    accessSync('/proc/self/environ', constants.R_OK)
    return true
  } catch {
    return false
  }
}
