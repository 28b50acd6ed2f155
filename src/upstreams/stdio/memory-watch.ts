/**
 * Looks now and then at how much memory children take, and ends those that take more than they may, where no control group
 * does. A child can take more between two looks: a limit of the machine, such as that of a container, still has to be above.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { StartedChild } from './child.ts'
import { memoryOfTrees } from './process-memory.ts'

export interface MemoryWatch {
  add(child: StartedChild): void
  remove(child: StartedChild): void
}

export interface MemoryWatchNeeds {
  readonly clock: Clock
  readonly log: Log
  /** The most memory of a child, in bytes; undefined if it has no limit, or if it is enforced elsewhere. */
  readonly limit: () => number | undefined
  /** Whether something depends on what is found; else it is for operators alone, who can wait. */
  readonly isUsed: boolean
}

/** The pause between two looks: at least this, and so many times as long as a look took. */
const pauseMs = 250
const pauseShare = 20
/** The same for operators alone. */
const rarePauseMs = 10_000

export function createMemoryWatch({ clock, log, limit, isUsed }: MemoryWatchNeeds): MemoryWatch {
  const children = new Set<StartedChild>()
  let isLooking = false

  const look = async (): Promise<void> => {
    const startedMs = clock.now()
    const watched = new Map<number, StartedChild>()
    for (const child of children) if (child.pid !== undefined && !child.exited) watched.set(child.pid, child)
    const found = await memoryOfTrees(new Set(watched.keys()))
    const most = limit()
    for (const [pid, child] of watched) {
      const bytes = found.get(pid) ?? 0
      // Without /proc nothing is known.
      if (bytes === 0 || child.exited) continue
      child.memoryBytes = bytes
      if (most === undefined || bytes <= most) continue
      log.warn({ worker: child.worker, bytes, limit: most }, 'worker needs more memory than it may have and is ended')
      child.exceed()
    }
    const leastMs = isUsed ? pauseMs : rarePauseMs
    clock.after(Math.max(leastMs, pauseShare * (clock.now() - startedMs)), next)
  }
  const next = (): void => {
    isLooking = children.size > 0
    if (isLooking) void look()
  }

  return {
    add(child) {
      children.add(child)
      if (isLooking) return
      isLooking = true
      // It has taken nothing yet.
      clock.after(pauseMs, next)
    },
    remove: (child) => void children.delete(child),
  }
}
