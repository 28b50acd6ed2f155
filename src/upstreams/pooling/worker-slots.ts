/**
 * The limit on workers (`--pool`): each takes a slot from before its start to its end, whatever its purpose. Workers are
 * started only through a slot, so the limit holds for all of them together.
 */
import type { WorkerEnd } from '../../base/events.ts'
import type { Lease } from '../../base/lease.ts'
import type { OpenedWorker, ServerInstance, Worker, WorkerNeeds } from '../worker.ts'
import {
  type Purpose,
  type StateSet,
  type TrackedWorker,
  type WorkerStanding,
  type WorkerState,
  WorkerStates,
} from '../worker-states.ts'
import type { WorkerOwner } from './isolation-group.ts'

export class WorkerSlots<Instance extends ServerInstance = ServerInstance> {
  readonly #states = new WorkerStates<WorkerSlot<Instance>>()
  readonly #bound: () => number
  readonly #start: (purpose: Purpose) => Instance

  /**
   * @param bound the current number of slots
   * @param start starts an instance of the server; one that could not be started has exited already
   */
  constructor(bound: () => number, start: (purpose: Purpose) => Instance) {
    this.#bound = bound
    this.#start = start
  }

  /** Takes a slot; undefined if all are taken. @param most another limit for this call alone */
  take(purpose: Purpose, most: number = this.#bound()): WorkerSlot<Instance> | undefined {
    if (this.#states.size >= most) return undefined
    const slot = new WorkerSlot(purpose, this.#states, this.#start)
    this.#states.add(slot)
    return slot
  }

  /** Slots that are taken. */
  get taken(): number {
    return this.#states.size
  }

  /** Slots that can be taken; below 0 if the limit was lowered meanwhile. */
  get free(): number {
    return this.#bound() - this.#states.size
  }

  /** All slots that are taken. */
  get all(): ReadonlyArray<WorkerSlot<Instance>> {
    return this.#states.all
  }

  /** The slots whose worker is in a state. */
  in(state: WorkerState): StateSet<WorkerSlot<Instance>> {
    return this.#states.in(state)
  }

  /** The slots whose worker has a purpose, in any state. */
  for(purpose: Purpose): ReadonlySet<WorkerSlot<Instance>> {
    return this.#states.for(purpose)
  }
}

/** A slot that was taken, and what is in it: nothing yet, an instance of the server, a worker. */
export class WorkerSlot<Instance extends ServerInstance = ServerInstance> implements TrackedWorker, WorkerStanding {
  state: WorkerState = 'starting'
  previous: WorkerState | undefined
  index = 0
  purpose: Purpose
  /** The isolation group or the catalogue that the worker works for. */
  readonly owner: WorkerOwner = { group: undefined, source: undefined }
  /** When the conversation began, in milliseconds of the clock; 0 for the workers of the start. */
  openedMs = 0
  replacedFor: WorkerEnd | undefined
  /** Counts its worker for a tenant, until it has ended. */
  ofTenant: Lease | undefined
  /** Called instead of freeing the slot if nothing was sent to the instance in it. */
  putBack: (() => void) | undefined
  #worker: Worker | undefined
  #instance: Instance | undefined
  readonly #states: WorkerStates<WorkerSlot<Instance>>
  readonly #start: (purpose: Purpose) => Instance

  /** Only `WorkerSlots` makes one. */
  constructor(purpose: Purpose, states: WorkerStates<WorkerSlot<Instance>>, start: (purpose: Purpose) => Instance) {
    this.purpose = purpose
    this.#states = states
    this.#start = start
  }

  /** The worker, once its conversation has begun. */
  get worker(): Worker | undefined {
    return this.#worker
  }

  /** The instance, once it was started. */
  get instance(): Instance | undefined {
    return this.#instance
  }

  /** Whether the worker in it has ended. */
  get ended(): boolean {
    return this.state === 'ended'
  }

  /** Whether another worker takes its place as soon as it has no call. */
  get isReplaced(): boolean {
    return this.replacedFor !== undefined
  }

  move(to: WorkerState): void {
    const wasUsable = this.state === 'idle' || this.state === 'busy' || this.state === 'unresponsive'
    this.#states.move(this, to)
    // Workers retire by themselves after so many calls, and else by `retire`.
    if (to === 'retiring') this.replacedFor ??= 'recycled_calls'
    if (to === 'ended') this.ofTenant?.release()
    if (wasUsable && this.isReplaced && (to === 'retiring' || to === 'ending')) this.#noteLostState()
  }

  /** From now on, and not only from its end on, a worker of the group takes its place and knows nothing of it. */
  #noteLostState(): void {
    const { group } = this.owner
    if (group && group.endsAfter !== 'every call') group.hasLostState = true
  }

  /** Gives the worker another purpose, unless it has ended. */
  assign(purpose: Purpose): void {
    this.#states.assign(this, purpose)
  }

  /** Starts an instance of the server in the slot. Further calls return the same instance. */
  start(): Instance {
    if (this.#instance) return this.#instance
    const instance = (this.#instance = this.#start(this.purpose))
    instance.whenExited(() => this.move('ended'))
    return instance
  }

  /** Starts an instance, if there is none yet, and begins the conversation. Throws as `ServerInstance.open` does. */
  open(needs: Omit<WorkerNeeds, 'standing'>): Promise<OpenedWorker> {
    return this.start().open({
      ...needs,
      standing: this,
      connected: (worker) => {
        this.#worker = worker
        needs.connected(worker)
      },
    })
  }

  /** The conversation was begun elsewhere. */
  adopt(worker: Worker): void {
    this.#worker = worker
  }

  /**
   * Has another worker take the place of this one, which ends as soon as it has no call. One that is being started is
   * first used by the calls that wait for it: `retire` has to be called again then.
   */
  retire(reason: WorkerEnd = 'recycled'): void {
    this.replacedFor ??= reason
    if (this.state === 'spare') void this.close(reason)
    else if (this.state === 'idle' || this.state === 'busy' || this.state === 'unresponsive')
      this.#worker?.retire(this.replacedFor)
  }

  /** Frees the slot of a worker whose conversation has not begun. */
  release(): void {
    if (!this.#instance) this.move('ended')
    else if (!this.#worker) {
      this.ofTenant?.release()
      this.putBack?.()
    }
  }

  /** Ends an instance whose conversation has not begun; resolves when it is gone. */
  async close(reason: WorkerEnd): Promise<void> {
    if (this.state !== 'ending' && !this.ended) this.move('ending')
    await this.#instance?.close(this.replacedFor ?? reason)
  }
}
