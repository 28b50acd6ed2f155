/**
 * Assigns workers to calls: one waiting line that is fair between clients, starts of workers within the limit, and the
 * end of idle ones. The pool only decides; the caller passes in how a worker is started.
 */
import { Refusal } from '../../base/refusal.ts'
import { type Place, WaitingLine } from '../../base/waiting-line.ts'
import type { Call, ClientKey, WorkerId } from '../../protocol/call.ts'
import { fairPathOf } from '../../protocol/fairness.ts'
import { NoRoom } from '../upstream.ts'
import type { Worker } from '../worker.ts'
import { chooseWorker } from './choose-worker.ts'
import { endIdleWorkersOf, longestIdle } from './idle-workers.ts'
import {
  hasLasting,
  type IsolationGroup,
  type QueuedCall,
  tenantOf,
  type WaitingCall,
  workersOf,
} from './isolation-group.ts'
import type { PoolNeeds } from './pool-needs.ts'
import { isWorkerExpected, PoolWaits, startsAtOnce } from './pool-waits.ts'
import { waitedTooLong } from './waited-too-long.ts'
import type { WorkerSlot } from './worker-slots.ts'

export class Pool {
  readonly #needs: PoolNeeds
  readonly #line: WaitingLine<Worker, QueuedCall>
  readonly #waits: PoolWaits
  /** The starts in progress. */
  readonly #starts = new Set<Promise<Worker>>()
  /** Groups with waiting calls for which there was no slot, as of the last pass over the line. */
  readonly #groupsWithoutSlot = new Set<IsolationGroup>()
  /** Whether a group found no slot in the current pass over the line: the groups after it need not look for one. */
  #areSlotsTaken = false
  #closed = false

  constructor(needs: PoolNeeds) {
    this.#needs = needs
    const { clock, slots, settings } = needs
    const callsPerWorker = (group: IsolationGroup): number => this.#callsPerWorker(group)
    const minIdleMs = (group: IsolationGroup): number => this.#minIdleMs(group)
    this.#waits = new PoolWaits({ callsPerWorker, minIdleMs, reserve: settings.poolReserve, slots, clock })
    this.#line = new WaitingLine({
      clock: needs.clock,
      bound: needs.queue,
      ...needs.fairness,
      refusalWhenDue: (queued) => this.#refusalWhenDue(queued),
      onLeave: (queued) => void queued.group.queued.delete(queued),
    })
  }

  /** The number of calls that wait for a worker. */
  get waiting(): number {
    return this.#line.size
  }

  /** The starts of workers in progress. */
  get starts(): ReadonlySet<Promise<Worker>> {
    return this.#starts
  }

  /** Whether calls wait for a worker that cannot be started for lack of a slot. */
  get lacksSlots(): boolean {
    return this.#line.size > 0 && this.#groupsWithoutSlot.size > 0
  }

  /** A worker for the call at once, if one has capacity. */
  take(group: IsolationGroup, call: Call): Worker | undefined {
    // Waiting calls go first, or a busy client would overtake them again and again.
    if (group.queued.size > 0 || call.cancel.cancelled) return undefined
    return this.#workerFor(group, call.clientKey, call.worker)
  }

  /**
   * A worker for the call as soon as there is one, with a place reserved for it.
   * Throws `draining`, `overloaded` (the line is full, or the wait was too long), `upstream_unavailable`, `cancelled`.
   */
  wait(group: IsolationGroup, call: WaitingCall): Promise<Worker> {
    if (this.#closed) return Promise.reject(new Refusal('draining'))
    if (call.cancel.cancelled) return Promise.reject(new Refusal('cancelled'))
    const { clock, queueWaitMs } = this.#needs
    const path = fairPathOf(call)
    const refusal =
      this.#line.refusalOf(path) ??
      this.#waits.refusalAtOnce(group, this.#line.size, () => this.#line.ahead(path), queueWaitMs)
    if (refusal) return Promise.reject(refusal)
    const queued: QueuedCall = { group, call, sinceMs: clock.now() }
    const worker = this.#line.wait(path, queued, queueWaitMs, call.cancel)
    if (!worker) return Promise.reject(new Refusal('overloaded', this.#waits.again(group, this.#line.size)))
    group.queued.add(queued)
    this.#serveAndEvict()
    return worker
  }

  /** Where a call stands that waits. */
  placeOf(group: IsolationGroup, call: WaitingCall): Place {
    const queued = [...group.queued].find((one) => one.call === call)
    return this.#waits.placeOf(group, queued, queued ? this.#line.aheadOf(fairPathOf(call), queued) : 0)
  }

  /** A call has run to its end, for so long, in milliseconds. */
  callRan(ms: number): void {
    this.#waits.ran(ms)
  }

  /** A call has ended: a waiting call may take its place on the worker. */
  callEnded(): void {
    this.#areSlotsTaken = false
    if (this.#line.size > 0) this.#line.offer(this.#serve)
  }

  /** A slot may have become free, or a worker responds again. */
  slotFreed(): void {
    this.#serveAndEvict()
  }

  /** A worker of a tenant that calls may wait for has ended, perhaps in another pool. */
  workerFreed(): void {
    if (this.#needs.tenantBound.isLacking) this.#serveAndEvict()
  }

  /** Ends the worker that has been idle longest, if that is long enough; false if there is none. */
  endIdleWorker(): boolean {
    return this.#endLongestIdle(this.#needs.slots.in('idle'))
  }

  /** The same for the workers of some tenants. */
  endIdleWorkerOf(isOf: (tenant: string) => boolean): boolean {
    const idle = [...this.#needs.slots.in('idle')].filter(({ owner: { group } }) => {
      const tenant = group && tenantOf(group)
      return tenant !== undefined && isOf(tenant)
    })
    return this.#endLongestIdle(idle)
  }

  #endLongestIdle(idle: Iterable<WorkerSlot>): boolean {
    const oldest = longestIdle(idle, this.#needs.clock.now(), (group) => this.#minIdleMs(group))
    if (!oldest) return false
    oldest.group.hasLostState = true
    void oldest.worker.close('evicted')
    return true
  }

  /** Starts workers that could not be started before, and ends those that were idle too long; called now and then. */
  sweep(): void {
    const lacking = this.#serveAndEvict()
    if (lacking > 0) this.#needs.endSuspendedCalls(lacking)
    const { settings, clock, slots, groups } = this.#needs
    // What the reserve was for is over. Workers that are being ended are no longer too many.
    const freeSoon = slots.free + slots.in('ending').size
    if (settings.poolReserve > 0 && freeSoon < 0 && this.#line.size === 0) this.endIdleWorker()
    const sinceMs = clock.now() - settings.processIdleMs
    for (const group of groups()) endIdleWorkersOf(group, sinceMs, settings.poolMin)
  }

  close(): void {
    this.#closed = true
    this.#line.drain(new Refusal('draining'))
  }

  #workerFor(group: IsolationGroup, client: ClientKey, id?: WorkerId): Worker | undefined {
    return chooseWorker(group, client, id, this.#callsPerWorker(group), this.#needs.idleChecks)
  }

  #callsPerWorker(group: IsolationGroup): number {
    return group.exclusive ? 1 : this.#needs.settings.callsPerProcess
  }

  /** How long a worker must be idle before other calls may have its slot. A stateless one keeps no state for its clients. */
  #minIdleMs(group: IsolationGroup): number {
    return group.codec.era === 'modern' ? 0 : this.#needs.settings.evictIdleMs
  }

  /** How many more workers the waiting calls of a group can use. */
  #workersWanted(group: IsolationGroup): number {
    const wanted = Math.ceil(group.queued.size / this.#callsPerWorker(group)) - group.starts.size
    // An exclusive group is bounded by the pool only: at its maximum it lacks slots.
    const room = group.exclusive ? wanted : group.maxWorkers - workersOf(group)
    return Math.max(0, Math.min(room, wanted))
  }

  /**
   * Ends as many workers as slots are lacking, as far as they may be ended, catalog workers first. Workers that are
   * being ended count, so that no further state is lost needlessly.
   * @returns how many slots are still lacking
   */
  #evictForWaiting(): number {
    this.#needs.tenantBound.makeRoom()
    let lacking = 0
    for (const group of this.#groupsWithoutSlot) lacking += this.#workersWanted(group)
    if (lacking > 0) lacking -= this.#needs.slots.in('ending').size
    while (lacking > 0 && (this.#needs.endCatalogWorker() || this.endIdleWorker())) lacking--
    return Math.max(0, lacking)
  }

  /** A worker for a waiting call, with a place reserved for it. Without one, one may be started. */
  readonly #serve = (queued: QueuedCall): Worker | undefined => {
    const worker = this.#workerFor(queued.group, queued.call.clientKey)
    if (worker) worker.reserve()
    else this.#grow(queued)
    return worker
  }

  /**
   * Gives workers to waiting calls, one after the other, until none can be served; then ends workers for those that found
   * no slot.
   * @returns how many slots are still lacking
   */
  #serveAndEvict(): number {
    this.#groupsWithoutSlot.clear()
    this.#needs.tenantBound.clear()
    this.#areSlotsTaken = false
    let isServed = this.#line.size > 0
    while (isServed) isServed = this.#line.offer(this.#serve)
    return this.#evictForWaiting()
  }

  /** Starts workers of a group until it has so many, as far as there are slots; for the next calls, not for waiting ones. */
  keep(group: IsolationGroup, count: number): void {
    if (this.#closed || this.lacksSlots) return
    while (workersOf(group) < Math.min(count, group.maxWorkers) && this.#starts.size < startsAtOnce) {
      const slot = this.#needs.takeSlot()
      if (!slot) return
      void this.#watch(group, this.#needs.start(group, slot))
    }
  }

  /** Starts a worker of a group that takes the place of others, beside them; undefined if there is no slot. */
  startBeside(group: IsolationGroup): Promise<Worker> | undefined {
    const slot = this.#closed ? undefined : this.#needs.takeBeside()
    if (slot) this.#needs.tenantBound.count(slot, group)
    const start = slot && this.#needs.start(group, slot)
    if (start) void this.#watch(group, start)
    return start
  }

  /** Starts one more worker of the group of a waiting call, if it may have one and there is a slot. */
  #grow({ group, sinceMs }: QueuedCall): void {
    if (this.#closed || this.#starts.size >= startsAtOnce) return
    const now = this.#needs.clock.now()
    const { poolReserve, reserveAfterMs } = this.#needs.settings
    const reserve = group.maxWorkers > 1 && now - sinceMs >= reserveAfterMs ? poolReserve : 0
    if (workersOf(group) >= group.maxWorkers + reserve) {
      // An exclusive group is bounded by the pool only: at its maximum it lacks slots.
      if (group.exclusive) this.#groupsWithoutSlot.add(group)
      return
    }
    if (group.starts.size * this.#callsPerWorker(group) >= group.queued.size) return
    // A worker of the group may be lent in a moment.
    if (this.#needs.idleChecks.isAsking(group)) return
    // Calls wait for the end of a back-off pause in the line, without taking a slot; the sweep tries again.
    if (group.restarts.pauseMs(now) > 0 && (hasLasting(group) || !group.restarts.refusesAtOnce(now))) return
    if (this.#needs.tenantBound.isFull(group)) return
    const handed = this.#needs.handOver(group)
    let slot = handed || this.#areSlotsTaken ? undefined : this.#needs.takeSlot()
    if (!handed && !slot) {
      this.#areSlotsTaken = true
      if (now - sinceMs >= reserveAfterMs) slot = this.#needs.takeReserve()
    }
    if (slot) this.#needs.tenantBound.count(slot, group)
    const start = handed ?? (slot && this.#needs.start(group, slot))
    if (start) void this.#watch(group, start)
    else this.#groupsWithoutSlot.add(group)
  }

  /** Serves the calls that wait for a start, or refuses them if it fails. Never rejects. */
  async #watch(group: IsolationGroup, start: Promise<Worker>): Promise<void> {
    group.starts.add(start)
    this.#starts.add(start)
    let failure: unknown
    await start.catch((error: unknown) => (failure = error))
    group.starts.delete(start)
    this.#starts.delete(start)
    if (failure === undefined || failure instanceof NoRoom) return void this.#serveAndEvict()
    const refusal = failure instanceof Refusal ? failure : new Refusal('upstream_unavailable', { cause: failure })
    // No retry here: a start that fails at once would be repeated without a pause. The sweep tries again.
    if (hasLasting(group)) return
    for (const waiter of this.#line.waiters) if (waiter.about.group === group) waiter.refuse(refusal)
  }

  /** The refusal of a call that has waited for long enough; undefined if a worker is expected for it. */
  #refusalWhenDue({ group, sinceMs }: QueuedCall): Refusal | undefined {
    const { clock, slots, idleChecks, isOnlyOne, tenantBound } = this.#needs
    // A call waits on while there is a slot but too many workers are being started at once.
    const isNext = this.#starts.size >= startsAtOnce && slots.free > 0
    if (isNext || idleChecks.isAsking(group) || isWorkerExpected(group, sinceMs, clock.now())) return undefined
    const again = this.#waits.again(group, this.#line.size)
    return tenantBound.refusal(group, again.retryAfterMs) ?? waitedTooLong(group.workers, isOnlyOne(), again)
  }
}
