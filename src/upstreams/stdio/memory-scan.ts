/**
 * Looks now and then at how much memory children take, and ends those that take more than they may, where no control group
 * does. A child can take more between two looks: a limit of the machine, such as that of a container, still has to be above.
 *
 * One for all servers: a look goes through all processes of the machine, however many children it is for.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { StartedChild } from './child.ts'
import { memoryOfTrees } from './process-memory.ts'

export interface MemoryScan {
  /** From now on the memory of the child is looked at. */
  add(child: WatchedChild, use: MemoryUse): void
  remove(child: WatchedChild): void
}

export type WatchedChild = Pick<StartedChild, 'pid' | 'worker' | 'exited' | 'memoryBytes' | 'exceed'>

/** What the memory of a child is looked at for. */
export interface MemoryUse {
  readonly log: Log
  /** The most memory of the child, in bytes; undefined if it has no limit, or if it is enforced elsewhere. */
  readonly limit: () => number | undefined
  /** Whether something depends on what is found; else it is for operators alone, who can wait. */
  readonly isUsed: boolean
}

type Kind = 'used' | 'shown'

/** The pause between two looks: at least this, and so many times as long as a look took. */
const pausesMs: Readonly<Record<Kind, number>> = { used: 250, shown: 10_000 }
const pauseShare = 20
/** At most this: a look takes long as well when the machine is busy, and then a child that takes more is ended all the same. */
const longestPausesMs: Readonly<Record<Kind, number>> = { used: 2000, shown: 60_000 }
/** A child that was just started has taken nothing yet. */
const firstMs = 250

/** @param look finds the memory of process trees, by their roots */
export function createMemoryScan(clock: Clock, look: typeof memoryOfTrees = memoryOfTrees): MemoryScan {
  const watched: Readonly<Record<Kind, Map<WatchedChild, MemoryUse>>> = { used: new Map(), shown: new Map() }
  /** When the children of each kind are looked at next, in milliseconds of the clock. */
  const dueMs: Record<Kind, number> = { used: 0, shown: 0 }
  let timer: Timer | undefined
  let isLooking = false

  const schedule = (): void => {
    timer?.stop()
    timer = undefined
    if (isLooking) return
    const due = kinds.filter((kind) => watched[kind].size > 0).map((kind) => dueMs[kind])
    if (due.length > 0) timer = clock.after(Math.max(0, Math.min(...due) - clock.now()), () => void lookAtDue())
  }

  const lookAtDue = async (): Promise<void> => {
    isLooking = true
    const startedMs = clock.now()
    const due = kinds.filter((kind) => dueMs[kind] <= startedMs)
    const children = new Map<number, readonly [WatchedChild, MemoryUse]>()
    for (const kind of due)
      for (const [child, use] of watched[kind])
        if (child.pid !== undefined && !child.exited) children.set(child.pid, [child, use])
    const found = await look(new Set(children.keys()))
    for (const [pid, [child, use]] of children) judge(child, use, found.get(pid) ?? 0)
    const now = clock.now()
    const restMs = pauseShare * (now - startedMs)
    for (const kind of due) dueMs[kind] = now + Math.min(longestPausesMs[kind], Math.max(pausesMs[kind], restMs))
    isLooking = false
    schedule()
  }

  return {
    add(child, use) {
      const kind = use.isUsed ? 'used' : 'shown'
      watched[kind].set(child, use)
      dueMs[kind] = Math.max(dueMs[kind], clock.now() + (watched[kind].size === 1 ? firstMs : 0))
      schedule()
    },
    remove(child) {
      for (const kind of kinds) watched[kind].delete(child)
      schedule()
    },
  }
}

const kinds: readonly Kind[] = ['used', 'shown']

function judge(child: WatchedChild, { log, limit }: MemoryUse, bytes: number): void {
  // Without /proc nothing is known.
  if (bytes === 0 || child.exited) return
  child.memoryBytes = bytes
  const most = limit()
  if (most === undefined || bytes <= most) return
  log.warn({ worker: child.worker, bytes, limit: most }, 'worker needs more memory than it may have and is ended')
  child.exceed()
}
