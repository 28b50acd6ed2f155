/**
 * Who gets which process, and when: a bound on all processes, one waiting line that is fair between clients, and the
 * return of what nobody uses. Starting a process is handed in; the pool only decides.
 */
import { cpus } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { FairQueue } from '../../base/fair-queue.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, ClientKey } from '../../protocol/call.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { UpstreamSettings } from '../options.ts'
import type { WorkerSlot, WorkerSlots } from './worker-slots.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { NoRoom } from '../upstream.ts'

export interface Pool {
  /** A process for the call at once, if one has room. */
  take(group: IsolationGroup, call: Call): UpstreamConnection | undefined
  /**
   * A process for the call, as soon as there is one; a place on it is reserved.
   * Throws `overloaded` (line full, or waited too long), `upstream_unavailable`, `cancelled`.
   */
  wait(group: IsolationGroup, call: Pick<Call, 'fairnessKey' | 'clientKey' | 'cancel'>): Promise<UpstreamConnection>
  /** A call is over: whoever waits may have its place. */
  released(): void
  /** Whether there are calls that wait for a process which there is no place for. */
  readonly isShort: boolean
  /** Ends the process that has been idle longest, if that is long enough; false if there is none. */
  endIdle(): boolean
  /** A process has ended, or a place has become free. */
  freed(): void
  /** Ends what has been idle too long; called now and then. */
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
  /** A place for one more process: one that was started ahead, or a free one. */
  readonly slot: () => WorkerSlot | undefined
  /**
   * Starts a process for the unit in the place and adds it to the unit. Throws a `Refusal`; `NoRoom` if the process
   * cannot run beside the one that runs.
   */
  readonly start: (group: IsolationGroup, slot: WorkerSlot) => Promise<UpstreamConnection>
  /** A process that learns and can serve the unit is the unit's from now on; undefined if there is none. */
  readonly handOver: (group: IsolationGroup) => Promise<UpstreamConnection> | undefined
  /** Whether only one process of the server can run. */
  readonly isOnlyOne: () => boolean
  /** Ends a process that no client works with; false if there is none. */
  readonly evictIdle: () => boolean
  /** Asks for so many processes of calls that only wait for their clients; now and then while there is no room. */
  readonly makeRoom: (wanted: number) => void
}

interface Waiter {
  readonly group: IsolationGroup
  readonly client: string
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
  /** Units whose calls wait for a process that there is no place for, as found when the line was last looked at. */
  const short = new Set<IsolationGroup>()
  /** Whether there was no place for the one before in the same look at the line. */
  let isFull = false

  const hasPlace = (connection: UpstreamConnection, group: IsolationGroup, client: ClientKey): boolean => {
    if (connection.closed || !connection.liveness.responds) return false
    if (connection.keptFor !== undefined && connection.keptFor !== client) return false
    if (group.exclusive) return connection.callsInFlight === 0
    return connection.callsInFlight < settings.callsPerProcess
  }

  /** The process of a unit that has the fewest calls, or the one kept for the client or asked for, if it has a place. */
  const leastBusy = (group: IsolationGroup, client: ClientKey, process?: number): UpstreamConnection | undefined => {
    let best: UpstreamConnection | undefined
    for (const connection of group.connections) {
      if (!hasPlace(connection, group, client)) continue
      if (connection.keptFor !== undefined) return connection
      if (process !== undefined && connection.pid === process) return connection
      if (!best || connection.callsInFlight < best.callsInFlight) best = connection
    }
    return best
  }

  /** A process of the stateless era keeps nothing for its clients. */
  const keptMs = (group: IsolationGroup): number => (group.codec.era === 'modern' ? 0 : settings.evictIdleMs)

  const endIdle = (): boolean => {
    let oldest: { connection: UpstreamConnection; group: IsolationGroup } | undefined
    const now = clock.now()
    for (const group of needs.groups()) {
      for (const connection of group.connections) {
        // Those who wait would have taken it, unless it is kept for another client.
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

  /** How many processes of the unit are of use to those who wait. */
  const ofUse = (group: IsolationGroup): number => {
    const perProcess = group.exclusive ? 1 : settings.callsPerProcess
    const wanted = Math.ceil(group.waiting / perProcess) - group.starting
    const room = group.exclusive ? wanted : group.maxProcesses - group.connections.size - group.starting
    return Math.max(0, Math.min(room, wanted))
  }

  /**
   * Ends as many processes as calls wait for places, if they may be ended: those of no client first. Each that is about
   * to end makes room already: the state of another must not be lost for nothing.
   * @returns how many places are lacking still
   */
  const makeWay = (): number => {
    let lacking = 0
    for (const group of short) lacking += ofUse(group)
    if (lacking > 0) lacking -= slots.ending
    while (lacking > 0 && (needs.evictIdle() || endIdle())) lacking--
    return Math.max(0, lacking)
  }

  const grow = (group: IsolationGroup): void => {
    if (closed || starting >= startsAtOnce) return
    if (group.connections.size + group.starting >= group.maxProcesses) {
      // One call at a time for each process: then it is the pool that is full.
      if (group.exclusive) short.add(group)
      return
    }
    const perProcess = group.exclusive ? 1 : settings.callsPerProcess
    if (group.starting * perProcess >= group.waiting) return
    // A pause is waited for in the line, where it keeps no place from others; the sweep looks again.
    const now = clock.now()
    if (group.restarts.pauseMs(now) > 0 && (group.connections.size > 0 || !group.restarts.isOpen(now))) return
    const handed = needs.handOver(group)
    const slot = handed || isFull ? undefined : needs.slot()
    isFull = !handed && !slot
    const coming = handed ?? (slot && needs.start(group, slot))
    if (!coming) return void short.add(group)
    group.starting++
    starting++
    void coming.then(
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
        // Others wait for the sweep: a start that fails at once would be tried again at once, for ever.
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
    return makeWay()
  }

  return {
    take(group, call) {
      // Whoever waits already goes first, or a busy client would pass it by again and again.
      return group.waiting > 0 || call.cancel.cancelled ? undefined : leastBusy(group, call.clientKey, call.process)
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
          client: call.fairnessKey,
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
        // A process that is being started for it is worth waiting for: its start has a deadline of its own.
        // So is its turn to be started, as long as there is room for it: others are started first, which takes a while.
        const isNext = starting >= startsAtOnce && slots.free > 0
        const isComing = begun > 0 || isNext || (connections.size === 0 && restarts.pauseMs(now) > 0)
        if (now >= waiter.deadlineMs && !isComing) waiter.refuse(noProcess(connections, needs.isOnlyOne()))
      }
      for (const group of needs.groups()) {
        const keep = group.maxProcesses > 1 && group.attribution === 'none' ? 1 : 0
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

/** Why no process was to be had in time. */
function noProcess(connections: ReadonlySet<UpstreamConnection>, isOnlyOne: boolean): Refusal {
  const isSilent = connections.size > 0 && [...connections].every(({ liveness }) => !liveness.responds)
  if (isOnlyOne && connections.size === 0) return new Refusal('upstream_unavailable', { message: otherClient })
  if (!isSilent) return new Refusal('overloaded')
  const message =
    'The process of the MCP server works on other calls and does not respond. The call was not sent to it.'
  return new Refusal('upstream_unavailable', { message })
}
