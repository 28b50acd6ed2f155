/**
 * Has another worker started before the ones that it replaces get no more calls, where clients share workers: their calls
 * would otherwise wait for its start. Where each client has a worker of its own, two of them would be two states.
 *
 * Promises: a group gets one such worker at a time, which is one beyond the limit if need be; none is started where only one
 * can run, or may. A start that fails takes nothing away: the workers serve on, and it is tried again. One that is not
 * answered may wait for what they hold, such as a lock: they are retired then.
 */
import { asRefusal } from '../../base/refusal.ts'
import { type IsolationGroup, isLeaving } from './isolation-group.ts'
import type { Worker } from '../worker.ts'
import type { WorkerSlot } from './worker-slots.ts'

export interface ReplacementsNeeds {
  /** All slots that are taken. */
  readonly slots: () => readonly WorkerSlot[]
  /** Whether two workers can run at once, as far as is known, and may. */
  readonly mayRunBeside: () => boolean
  /** Whether a worker of the group may be started now, without a back-off pause. */
  readonly mayStart: (group: IsolationGroup) => boolean
  /** Starts one more worker of the group; undefined if there is no slot. */
  readonly start: (group: IsolationGroup) => Promise<Worker> | undefined
  /** The worker has taken the place of others, which know of no later change. */
  readonly replaced: (group: IsolationGroup, worker: Worker) => void
  /** How many calls a worker may get in all; 0: any number. */
  readonly callsInAll: number
}

/** The next worker is started when this share of its calls is left to the last one. */
const shareLeft = 0.1

export class Replacements {
  readonly #needs: ReplacementsNeeds
  /** Groups for which a worker is started. */
  readonly #starting = new Set<IsolationGroup>()

  constructor(needs: ReplacementsNeeds) {
    this.#needs = needs
  }

  /**
   * Has others take the place of workers: each is retired, as soon as another one of its group can take its calls. To be
   * called again with those that are not retired yet.
   */
  replace(due: readonly WorkerSlot[]): void {
    for (const slot of due) slot.replacedFor ??= 'recycled'
    for (const slot of due) {
      const { group } = slot.owner
      if (!group || !this.#comesFirst(group, slot)) slot.retire()
      else if (!this.#starting.has(group) && this.#needs.mayStart(group) && !this.#start(group)) slot.retire()
    }
  }

  /** A call has begun on a worker of a group that may get only so many. */
  callBegun(group: IsolationGroup, worker: Worker): void {
    if (worker.callsLeft > Math.max(1, this.#needs.callsInAll * shareLeft) || !this.#isOfSeveral(group)) return
    const next = [...group.workers].find((other) => other !== worker && isLasting(other) && other.callsLeft > 1)
    if (next) {
      // The clients are told once its calls come to the next one.
      if (worker.state === 'retiring') this.#needs.replaced(group, next)
    } else if (group.starts.size === 0 && this.#needs.mayStart(group)) this.#start(group)
  }

  #isOfSeveral(group: IsolationGroup): boolean {
    return group.attribution === 'several' && !group.exclusive && this.#needs.mayRunBeside()
  }

  /** Whether its calls would wait if the worker in the slot were retired at once. */
  #comesFirst(group: IsolationGroup, { state }: WorkerSlot): boolean {
    if ((state !== 'idle' && state !== 'busy') || !this.#isOfSeveral(group)) return false
    const due = new Set(this.#dueOf(group).map(({ worker }) => worker))
    return ![...group.workers].some((other) => isLasting(other) && !due.has(other))
  }

  #dueOf(group: IsolationGroup): readonly WorkerSlot[] {
    return this.#needs.slots().filter(({ owner, isReplaced }) => isReplaced && owner.group === group)
  }

  /** False if there is no slot. */
  #start(group: IsolationGroup): boolean {
    const start = this.#needs.start(group)
    if (!start) return false
    this.#starting.add(group)
    void start
      .then(
        (next) => {
          const due = this.#dueOf(group).filter(({ worker }) => worker !== next)
          for (const slot of due) slot.retire()
          if (due.length > 0) this.#needs.replaced(group, next)
        },
        (error: unknown) => {
          if (asRefusal(asRefusal(error)?.details.cause)?.code === 'upstream_timeout')
            for (const slot of this.#dueOf(group)) slot.retire()
        },
      )
      .finally(() => this.#starting.delete(group))
    return true
  }
}

/** Whether a worker takes calls, now or in a moment. */
function isLasting(worker: Worker): boolean {
  return !isLeaving(worker) && worker.state !== 'unresponsive' && worker.state !== 'ended'
}
