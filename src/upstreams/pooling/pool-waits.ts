/**
 * Where calls stand that wait for a worker, and for how long they probably will: by how many of them run at once, and by how
 * long calls took of late. Nothing is foretold where a worker is being started, or must be ended first for another session.
 */
import { cpus } from 'node:os'
import { CallTimes } from '../../base/call-times.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal, type RefusalDetails } from '../../base/refusal.ts'
import type { Place } from '../../base/waiting-line.ts'
import { untilEvictable } from './idle-workers.ts'
import { hasLasting, type IsolationGroup, isLeaving, type QueuedCall, workersOf } from './isolation-group.ts'
import type { WorkerSlots } from './worker-slots.ts'

/** More starts at once than this only make each of them slower. */
export const startsAtOnce: number = Math.max(2, cpus().length * 2)

/** When to try again, in milliseconds; a refusal has its own default. */
export type Again = Pick<RefusalDetails, 'retryAfterMs'>

export interface PoolWaitsNeeds {
  /** How many calls of the group a worker runs at once. */
  readonly callsPerWorker: (group: IsolationGroup) => number
  /** How long a worker of the group must be idle before another one may take its slot, in milliseconds. */
  readonly minIdleMs: (group: IsolationGroup) => number
  readonly slots: Pick<WorkerSlots, 'in'>
  readonly clock: Clock
  /** How many workers there may be beyond the limit. */
  readonly reserve: number
}

const tooLong =
  'The workers of this MCP server have more calls than they can serve in time. The call was not sent to it.'

export class PoolWaits {
  readonly #needs: PoolWaitsNeeds
  readonly #times = new CallTimes()

  constructor(needs: PoolWaitsNeeds) {
    this.#needs = needs
  }

  /** A call has run for so long, in milliseconds. */
  ran(ms: number): void {
    this.#times.add(ms)
  }

  /** @param inLine how many wait before it in the whole line */
  placeOf(group: IsolationGroup, queued: QueuedCall | undefined, inLine: number): Place {
    const ahead = hasOwnWorker(group) && hasLasting(group) ? beforeIn(group, queued) : inLine
    return { ahead, expectedMs: this.expectedMs(group, ahead) }
  }

  /** In how many milliseconds a call of the group has its turn; undefined if that is not known. */
  expectedMs(group: IsolationGroup, ahead: number): number | undefined {
    if (group.starts.size > 0 || !hasLasting(group)) return undefined
    if (!this.#times.areKnown) return undefined
    // Others may have the slots for more of them.
    const workers = Math.max(1, Math.min(workersOf(group), group.maxWorkers))
    return ((ahead + 1) * this.#times.usualMs) / (workers * this.#needs.callsPerWorker(group))
  }

  /** When a call of the group that is refused may be tried again. @param waiting how many wait in the whole line */
  again(group: IsolationGroup, waiting: number): Again {
    const { slots, clock, minIdleMs } = this.#needs
    if (hasLasting(group)) return againIn(this.expectedMs(group, waiting))
    return againIn(untilEvictable(slots.in('idle'), clock.now(), minIdleMs))
  }

  /**
   * The refusal of a call that cannot have its turn in time, however quick the others are; undefined if it may.
   * @param waiting how many wait in the whole line
   * @param inLine how many of them wait before it
   * @param ms how long it may wait
   */
  refusalAtOnce(group: IsolationGroup, waiting: number, inLine: () => number, ms: number): Refusal | undefined {
    const { callsPerWorker, reserve } = this.#needs
    const workers = group.maxWorkers + (group.maxWorkers > 1 ? reserve : 0)
    const concurrency = workers * callsPerWorker(group)
    const leastWith = (ahead: number): number => ((ahead + 1) * this.#times.leastMs) / concurrency
    // As if it were the last of all: most lines are short, and nothing has to be counted.
    if (leastWith(waiting) <= ms) return undefined
    const leastMs = leastWith(hasOwnWorker(group) ? group.queued.size : inLine())
    return leastMs <= ms ? undefined : new Refusal('overloaded', { message: tooLong, ...againIn(leastMs - ms) })
  }
}

/** The longest that a call waits for the end of a worker that is to be replaced: half of the time that clients give a request. */
const longestReplacementMs = 30_000

/**
 * Whether a call waits on after its deadline: while a worker is started for it, which has a deadline of its own, while the
 * next start has to wait, and for a while if its worker is being replaced.
 */
export function isWorkerExpected(group: IsolationGroup, sinceMs: number, nowMs: number): boolean {
  const { starts, workers, restarts } = group
  const isPausing = !hasLasting(group) && restarts.pauseMs(nowMs) > 0
  const isReplaced = nowMs - sinceMs < longestReplacementMs && [...workers].some(isLeaving)
  return starts.size > 0 || isPausing || isReplaced
}

/** When to try again: not within a second. */
function againIn(ms: number | undefined): Again {
  return ms === undefined ? {} : { retryAfterMs: Math.max(1000, Math.ceil(ms)) }
}

/** Whether the calls of the group have a worker of their own: others in line do not delay them. */
function hasOwnWorker({ exclusive, attribution }: IsolationGroup): boolean {
  return !exclusive && attribution !== 'several'
}

/** How many calls of the group have waited for longer. */
function beforeIn({ queued }: IsolationGroup, one: QueuedCall | undefined): number {
  let before = 0
  for (const other of queued) {
    if (other === one) return before
    before++
  }
  return before
}
