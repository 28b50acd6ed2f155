/**
 * Replaces workers: by hand, or once they are old or big. Each gets no further call, ends when its calls are over, and
 * another one takes its place: before, where clients share workers (replacements.ts), else when a call needs it.
 */
import type { Clock } from '../../base/clock.ts'
import type { ServerInstance } from '../worker.ts'
import type { Replacements } from './replacements.ts'
import type { WorkerSlot, WorkerSlots } from './worker-slots.ts'

/** An instance that knows its age. */
export interface AgingInstance extends ServerInstance {
  /** When it was started, in milliseconds of the clock. */
  readonly startedMs: number
  /** The memory that it takes, in bytes, where that is known. */
  readonly memoryBytes: number | undefined
}

export interface RecyclingNeeds {
  readonly slots: WorkerSlots<AgingInstance>
  readonly clock: Clock
  /** The age at about which a worker is replaced, in milliseconds; 0: never. */
  readonly ageMs: () => number
  /** Above how much memory a worker is replaced, in bytes; 0: never. */
  readonly memoryBytes: number
  readonly replacements: Pick<Replacements, 'replace'>
  /** Ends the spares, which are started again, and has new catalog workers asked from now on. */
  readonly replaceOthers: () => void
}

/** Ages differ by up to this share, so that workers that were started together do not end together. */
const jitter = 0.1

/** A worker without a call is replaced for its memory after this time at the earliest, in milliseconds. */
const unusedMs = 10 * 60_000

export class Recycling {
  readonly #needs: RecyclingNeeds
  /** The share of the age at which each worker is replaced. */
  readonly #shares = new WeakMap<AgingInstance, number>()
  readonly #waits = new Set<{ readonly old: ReadonlyArray<WorkerSlot<AgingInstance>>; readonly over: () => void }>()

  constructor(needs: RecyclingNeeds) {
    this.#needs = needs
  }

  /** Replaces all workers that there are, also those that are being started; resolves when all of them have ended. */
  recycle(): Promise<void> {
    const old = this.#needs.slots.all
    for (const slot of old) slot.replacedFor ??= 'recycled'
    this.#needs.replaceOthers()
    this.#needs.replacements.replace(old)
    return new Promise((over) => void this.#waits.add({ old, over }))
  }

  /** Replaces workers that are due, and resolves what waits for the end of others; called now and then. */
  sweep(): void {
    const { slots, clock, memoryBytes, replacements } = this.#needs
    const [ageMs, now] = [this.#needs.ageMs(), clock.now()]
    const due = slots.all.filter((slot) => {
      const { instance } = slot
      // One that was being started when its end was asked for has been used by the calls that waited for it.
      const isOld = instance && ageMs > 0 && now - instance.startedMs >= ageMs * this.#shareOf(instance)
      const isBig = memoryBytes > 0 && (instance?.memoryBytes ?? 0) > memoryBytes && isJudged(slot, now)
      if (isOld || isBig) slot.replacedFor ??= isOld ? 'recycled_age' : 'recycled_memory'
      return slot.isReplaced
    })
    if (due.length > 0) replacements.replace(due)
    for (const wait of this.#waits) {
      if (!wait.old.every(({ ended }) => ended)) continue
      this.#waits.delete(wait)
      wait.over()
    }
  }

  /** No worker is left, or none will be soon. */
  close(): void {
    for (const { over } of this.#waits) over()
    this.#waits.clear()
  }

  #shareOf(instance: AgingInstance): number {
    const share = this.#shares.get(instance) ?? 1 + jitter * (2 * Math.random() - 1)
    this.#shares.set(instance, share)
    return share
  }
}

/**
 * Whether the memory of a worker says that it has grown. One that was just started, such as a spare, is as big as any that
 * would take its place: it would be replaced again and again.
 */
function isJudged({ instance, worker }: WorkerSlot<AgingInstance>, nowMs: number): boolean {
  return (worker?.callsBegun ?? 0) > 0 || (instance !== undefined && nowMs - instance.startedMs >= unusedMs)
}
