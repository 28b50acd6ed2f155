/**
 * Assigns workers to calls: one waiting line that is fair between clients, starts of workers within the limit, and the
 * end of idle ones. The pool only decides; the caller passes in how a worker is started.
 */
import { cpus } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { FairQueue } from '../../base/fair-queue.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, ClientKey, WorkerId } from '../../protocol/call.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { UpstreamSettings } from '../options.ts'
import type { WorkerSlot, WorkerSlots } from './worker-slots.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { NoRoom } from '../upstream.ts'

export interface Pool {
  /** A worker for the call at once, if one has capacity. */
  take(group: IsolationGroup, call: Call): UpstreamConnection | undefined
  /**
   * A worker for the call as soon as there is one, reserved for it.
   * Throws `draining`, `overloaded` (the line is full, or the wait was too long), `upstream_unavailable`, `cancelled`.
   */
  wait(group: IsolationGroup, call: Pick<Call, 'fairnessKey' | 'clientKey' | 'cancel'>): Promise<UpstreamConnection>
  /** A call is over: a waiting call may take its place. */
  released(): void
  /** Whether calls wait for a worker that cannot be started for lack of a slot. */
  readonly isShort: boolean
  /** Ends the worker that has been idle longest, if that is long enough; false if there is none. */
  endIdle(): boolean
  /** A worker has ended, or a slot has become free. */
  freed(): void
  /** Ends workers that were idle too long and refuses calls that waited too long; called now and then. */
  sweep(): void
  readonly waiting: number
  close(): void
}

export interface PoolNeeds {
  readonly settings: Pick<UpstreamSettings, 'callsPerProcess' | 'processIdleMs' | 'evictIdleMs'>
  readonly queue: number
  readonly queueWaitMs: number
  readonly clock: Clock
  readonly groups: () => Iterable<IsolationGroup>
  readonly slots: WorkerSlots
  /** A slot for one more worker: that of a spare, or a free one. */
  readonly slot: () => WorkerSlot | undefined
  /**
   * Starts a worker of the group in the slot and adds it to the group. Throws a `Refusal`; `NoRoom` if the worker
   * cannot run beside the one that runs.
   */
  readonly start: (group: IsolationGroup, slot: WorkerSlot) => Promise<UpstreamConnection>
  /** Makes a catalog worker with the right handshake a worker of the group; undefined if there is none. */
  readonly handOver: (group: IsolationGroup) => Promise<UpstreamConnection> | undefined
  /** Whether only one worker of the server can run. */
  readonly isOnlyOne: () => boolean
  /** Ends a catalog worker; false if there is none. */
  readonly evictIdle: () => boolean
  /** Asks for workers of calls that only wait for their clients; called now and then while slots are lacking. */
  readonly makeRoom: (wanted: number) => void
}

interface Waiter {
  readonly group: IsolationGroup
  readonly clientKey: ClientKey
  deadlineMs: number
  give(connection: UpstreamConnection): void
  refuse(refusal: Refusal): void
}

export function createPool(needs: PoolNeeds): Pool {
  const { settings, clock, slots } = needs
  const queue = new FairQueue<Waiter>(needs.queue)
  const waiters = new Set<Waiter>()
  // More starts at once than this only make each of them slower.
  const startsAtOnce = Math.max(2, cpus().length * 2)
  let starting = 0
  let closed = false
  /** Groups with waiting calls for which there was no slot, as of the last pass over the line. */
  const short = new Set<IsolationGroup>()
  /** Whether a group found no slot in the current pass over the line. */
  let isFull = false

  const hasCapacity = (connection: UpstreamConnection, group: IsolationGroup, client: ClientKey): boolean => {
    if (connection.closed || !connection.liveness.responds) return false
    if (connection.keptFor !== undefined && connection.keptFor !== client) return false
    if (group.exclusive) return connection.callsInFlight === 0
    return connection.callsInFlight < settings.callsPerProcess
  }

  /** The worker that is kept for the client or named by the call if it has capacity, else the one with the fewest calls. */
  const leastBusy = (group: IsolationGroup, client: ClientKey, worker?: WorkerId): UpstreamConnection | undefined => {
    let best: UpstreamConnection | undefined
    for (const connection of group.connections) {
      if (!hasCapacity(connection, group, client)) continue
      if (connection.keptFor !== undefined) return connection
      if (worker !== undefined && connection.id === worker) return connection
      if (!best || connection.callsInFlight < best.callsInFlight) best = connection
    }
    return best
  }

  /** How long an idle worker is kept, in milliseconds. A stateless one keeps no state for its clients. */
  const keptMs = (group: IsolationGroup): number => (group.codec.era === 'modern' ? 0 : settings.evictIdleMs)

  const endIdle = (): boolean => {
    let oldest: { connection: UpstreamConnection; group: IsolationGroup } | undefined
    const now = clock.now()
    for (const group of needs.groups()) {
      for (const connection of group.connections) {
        // Waiting calls of its group would have taken it, unless it is kept for another client.
        if (group.waiting > 0 && connection.keptFor === undefined) continue
        if (connection.callsInFlight > 0 || connection.closed || now - connection.idleSinceMs < keptMs(group)) continue
        if (!oldest || connection.idleSinceMs < oldest.connection.idleSinceMs) oldest = { connection, group }
      }
    }
    if (!oldest) return false
    oldest.group.lost = true
    void oldest.connection.close()
    return true
  }

  /** How many more workers the waiting calls of a group can use. */
  const ofUse = (group: IsolationGroup): number => {
    const perProcess = group.exclusive ? 1 : settings.callsPerProcess
    const wanted = Math.ceil(group.waiting / perProcess) - group.starting
    const room = group.exclusive ? wanted : group.maxProcesses - group.connections.size - group.starting
    return Math.max(0, Math.min(room, wanted))
  }

  /**
   * Ends as many workers as slots are lacking, as far as they may be ended, catalog workers first. Workers that are
   * being ended count, so that no further state is lost needlessly.
   * @returns how many slots are still lacking
   */
  const evictForWaiting = (): number => {
    let lacking = 0
    for (const group of short) lacking += ofUse(group)
    if (lacking > 0) lacking -= slots.ending
    while (lacking > 0 && (needs.evictIdle() || endIdle())) lacking--
    return Math.max(0, lacking)
  }

  const grow = (group: IsolationGroup): void => {
    if (closed || starting >= startsAtOnce) return
    if (group.connections.size + group.starting >= group.maxProcesses) {
      // With one call per worker, the maximum of a group is that of the pool.
      if (group.exclusive) short.add(group)
      return
    }
    const perProcess = group.exclusive ? 1 : settings.callsPerProcess
    if (group.starting * perProcess >= group.waiting) return
    // Calls wait for the end of a back-off pause in the line, without taking a slot; the sweep tries again.
    const now = clock.now()
    if (group.restarts.pauseMs(now) > 0 && (group.connections.size > 0 || !group.restarts.isOpen(now))) return
    const handed = needs.handOver(group)
    const slot = handed || isFull ? undefined : needs.slot()
    isFull = !handed && !slot
    const start = handed ?? (slot && needs.start(group, slot))
    if (!start) return void short.add(group)
    group.starting++
    starting++
    void start.then(
      () => {
        group.starting--
        starting--
        serveAll()
      },
      (error: unknown) => {
        group.starting--
        starting--
        if (error instanceof NoRoom) return void serveAll()
        const refusal = error instanceof Refusal ? error : new Refusal('upstream_unavailable', { cause: error })
        // No retry here: a start that fails at once would be repeated without a pause. The sweep tries again.
        if (group.connections.size === 0)
          for (const waiter of waiters) if (waiter.group === group) waiter.refuse(refusal)
      },
    )
  }

  const serve = (waiter: Waiter): boolean => {
    const connection = leastBusy(waiter.group, waiter.clientKey)
    if (!connection) {
      grow(waiter.group)
      return false
    }
    waiter.give(connection)
    return true
  }
  const serveAll = (): number => {
    short.clear()
    isFull = false
    while (queue.size > 0 && queue.offer(serve));
    return evictForWaiting()
  }

  return {
    take(group, call) {
      // Waiting calls go first, or a busy client would overtake them again and again.
      return group.waiting > 0 || call.cancel.cancelled ? undefined : leastBusy(group, call.clientKey, call.worker)
    },
    wait(group, call) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(new Refusal('draining'))
        if (call.cancel.cancelled) return reject(new Refusal('cancelled'))
        const over = (): void => {
          waiters.delete(waiter)
          group.waiting--
          stopListening()
        }
        const waiter: Waiter = {
          group,
          clientKey: call.clientKey,
          deadlineMs: clock.now() + needs.queueWaitMs,
          give(connection) {
            over()
            connection.reserve()
            resolve(connection)
          },
          refuse(refusal) {
            queue.remove(call.fairnessKey, waiter)
            over()
            reject(refusal)
          },
        }
        if (!queue.add(call.fairnessKey, waiter)) return reject(new Refusal('overloaded'))
        waiters.add(waiter)
        group.waiting++
        const stopListening = call.cancel.onCancel(() => waiter.refuse(new Refusal('cancelled')))
        serveAll()
      })
    },
    released() {
      isFull = false
      if (queue.size > 0) queue.offer(serve)
    },
    get isShort() {
      return queue.size > 0 && short.size > 0
    },
    endIdle,
    freed: () => void serveAll(),
    sweep() {
      const lacking = serveAll()
      if (lacking > 0) needs.makeRoom(lacking)
      const now = clock.now()
      for (const waiter of waiters) {
        const { starting: begun, connections, restarts } = waiter.group
        // A call waits on while a worker is started for it, which has a deadline of its own, and while there is a slot
        // but too many workers are being started at once.
        const isNext = starting >= startsAtOnce && slots.free > 0
        const isExpected = begun > 0 || isNext || (connections.size === 0 && restarts.pauseMs(now) > 0)
        if (now >= waiter.deadlineMs && !isExpected) waiter.refuse(waitedTooLong(connections, needs.isOnlyOne()))
      }
      for (const group of needs.groups()) {
        const keep = group.maxProcesses > 1 && group.attribution === 'several' ? 1 : 0
        let left = group.connections.size
        for (const connection of group.connections) {
          const idle = connection.callsInFlight === 0 && now - connection.idleSinceMs >= settings.processIdleMs
          if (!idle || left-- <= keep) continue
          group.lost = true
          void connection.close()
        }
      }
    },
    get waiting() {
      return queue.size
    },
    close() {
      closed = true
      for (const waiter of [...waiters]) waiter.refuse(new Refusal('draining'))
    },
  }
}

const otherClient =
  'Only one process of the MCP server can run, and it works for another client. The call was not sent to it. Try again later; the operator can let clients share the process with --mode shared, if they may share its state.'

/** The refusal of a call that waited too long. */
function waitedTooLong(connections: ReadonlySet<UpstreamConnection>, isOnlyOne: boolean): Refusal {
  const isSilent = connections.size > 0 && [...connections].every(({ liveness }) => !liveness.responds)
  if (isOnlyOne && connections.size === 0) return new Refusal('upstream_unavailable', { message: otherClient })
  if (!isSilent) return new Refusal('overloaded')
  const message =
    'The process of the MCP server works on other calls and does not respond. The call was not sent to it.'
  return new Refusal('upstream_unavailable', { message })
}
