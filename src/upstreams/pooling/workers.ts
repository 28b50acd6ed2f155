/** Starts workers of isolation groups and catalog workers, restores their state, and counts their failures. */
import { type Clock, pause } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { EraName } from '../../protocol/call.ts'
import { mayBeAsked } from '../../protocol/capabilities.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { type CrashLoopGuard, createCrashLoopGuard } from './crash-loop-guard.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import {
  changesAfterRestart,
  type ServerEra,
  type Connector,
  type ConnectionEvents,
  restoreState,
} from '../connection/connector.ts'
import type { CatalogWorker, CatalogWorkerStart } from './catalog-workers.ts'
import type { SingleInstance } from './single-instance.ts'
import { ownCaller, ownDescription } from '../connection/own-requests.ts'
import type { WorkerSlot } from './worker-slots.ts'
import type { RestartBackoff } from './restart-backoff.ts'
import { waitUntilReady } from '../connection/wait-until-ready.ts'
import type { Spares } from './spares.ts'
import { type StartFault, startFailure } from '../connection/start-failure.ts'
import type { ChildExit } from '../stdio/child.ts'
import type { WorkerOwner, IsolationGroup } from './isolation-group.ts'
import { explainStart } from './explain-start.ts'
import { NoRoom } from '../upstream.ts'
import type { NotificationRouter } from './notification-router.ts'

export interface Workers {
  /** Starts a worker of a group in the slot. Throws a `Refusal`; `NoRoom` if only one worker can run and another does. */
  start(group: IsolationGroup, serverEra: ServerEra, slot: WorkerSlot): Promise<UpstreamConnection>
  /** Makes a catalog worker a worker of the group. Throws a `Refusal` if it has ended meanwhile. */
  handOver(group: IsolationGroup, serverEra: ServerEra, catalogWorker: CatalogWorker): Promise<UpstreamConnection>
  /** Starts a catalog worker. Throws as `start` does. */
  startCatalogWorker(what: CatalogWorkerStart): Promise<CatalogWorker>
  eventsOf(codec: UpstreamCodec, owner: WorkerOwner): ConnectionEvents
  /** A spare could not be started, or ended by itself. */
  spareFailed(exit: ChildExit, serverEra: ServerEra): void
  /** Checks whether several workers run at once; called now and then. */
  checkSeveral(): void
  /** The workers being started, for a group or for all. */
  starting(group?: IsolationGroup): UpstreamConnection[]
  readonly crashLoopGuard: CrashLoopGuard
}

export interface WorkersNeeds {
  readonly connector: Connector
  readonly notifications: NotificationRouter
  readonly spares: () => Spares | undefined
  /** A slot for a test start; undefined if there is none. */
  readonly slotForTest: () => WorkerSlot | undefined
  readonly onlyOne: SingleInstance
  /** All workers of groups and catalog workers. */
  readonly running: () => readonly UpstreamConnection[]
  /** Whether a worker is being ended and still runs. */
  readonly isOneEnding: () => boolean
  readonly serverEras: ReadonlyMap<EraName, ServerEra>
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Whether ends of workers are expected: before the start is done, and after the end. */
  readonly quiet: () => boolean
  /** A worker was ended because it sent requests without reading the responses. */
  readonly onStuck: () => void
  /** A slot may have become free. */
  readonly freed: () => void
}

const pingMs = 5000
/** A worker that ends within this time of its start may be one that cannot run beside another. */
const youngMs = 5000
/** Two workers that have run for this long can run at once. */
const steadyMs = 2000
/** How long a test start beside another worker is watched. */
const watchedMs = 1000
export function createWorkers(needs: WorkersNeeds): Workers {
  const { connector, notifications, clock, log, onlyOne } = needs
  const startedMs = new WeakMap<UpstreamConnection, number>()
  const isOneRunning = (): boolean => needs.running().length > 0 || needs.isOneEnding()
  const opening = new Map<UpstreamConnection, { readonly group: IsolationGroup | undefined; hasHandshake: boolean }>()
  const crashLoopGuard = createCrashLoopGuard({
    clock,
    onlyOne,
    isOneRunning,
    areSeveralRunning: () => needs.running().length > 1,
    testStart: (serverEra) => testStart(serverEra),
  })

  const noteOpening =
    (group: IsolationGroup | undefined) =>
    (connection: UpstreamConnection): void => {
      startedMs.set(connection, clock.now())
      opening.set(connection, { group, hasHandshake: false })
    }

  const restartsOf = ({ group, source }: WorkerOwner): RestartBackoff | undefined =>
    group?.restarts ?? (source === undefined ? undefined : crashLoopGuard.ofSource(source))

  const ended = (owner: WorkerOwner, connection: UpstreamConnection, expected: boolean): void => {
    const { group, source } = owner
    const hasHandshake = opening.get(connection)?.hasHandshake !== false
    opening.delete(connection)
    // Changes of its lists would not be noticed any more.
    if (!group && source !== undefined) notifications.unwatched(source)
    if (group) {
      group.connections.delete(connection)
      notifications.unwatchedOf(group, connection)
    }
    if (!expected && !needs.quiet()) {
      if (group) group.lost = true
      // An end before the handshake is a failed start, which is counted where the worker is opened.
      if (hasHandshake) restartsOf(owner)?.failed(clock.now())
      log.warn({ worker: connection.worker }, 'worker ended unexpectedly')
      const serverEra = needs.serverEras.get(connection.codec.era)
      const isYoung = clock.now() - (startedMs.get(connection) ?? 0) < youngMs
      if (serverEra && hasHandshake && isYoung && onlyOne.isOpen && isOneRunning()) crashLoopGuard.check(serverEra)
    }
    needs.freed()
  }

  const eventsOf = (codec: UpstreamCodec, owner: WorkerOwner): ConnectionEvents => ({
    codec,
    unsolicited: (connection, update) => notifications.route(owner, connection, update),
    ended: (connection, exit) => ended(owner, connection, exit.expected),
    stuck(connection) {
      log.warn(
        { worker: connection.worker, reason: 'answers_unread' },
        'worker asks without reading the answers and is ended',
      )
      needs.onStuck()
      if (owner.group) owner.group.lost = true
      restartsOf(owner)?.failed(clock.now())
      connection.kill()
    },
    unattributed(method) {
      needs.events.emit('unattributedServerRequest', { method })
      const { group } = owner
      if (!group || group.isWarnedOf || group.attribution === 'session') return
      group.isWarnedOf = true
      log.warn(
        { method },
        'shared worker sent an input request that could be for any of several clients; it was refused; use --mode session',
      )
    },
  })

  /** A test start: opens a worker with a neutral handshake, which no client uses, and ends it. */
  const testStart = async (serverEra: ServerEra): Promise<void> => {
    const slot = needs.quiet() ? undefined : needs.slotForTest()
    if (!slot) throw new NoRoom()
    const events = eventsOf(serverEra.codec, { group: undefined, source: undefined })
    let exit: ChildExit | undefined
    const { connection } = await connector.open(slot.start(), {
      ...events,
      caller: ownCaller(serverEra),
      announced: {},
      attribution: 'several',
      mustDiscover: true,
      failed: (failure) => crashLoopGuard.startFailed(undefined, failure, true, serverEra),
      connected: noteOpening(undefined),
      ended(one, how) {
        exit = how
        events.ended(one, how)
      },
    })
    if (isOneRunning() && (onlyOne.isOpen || onlyOne.isKnown)) {
      await pause(clock, watchedMs)
      if (exit?.expected === false) {
        crashLoopGuard.startFailed(undefined, startFailure(exit), true, serverEra)
        throw new Refusal('upstream_unavailable')
      }
      if (onlyOne.isKnown && !connection.closed && needs.running().length > 0) onlyOne.ranBeside()
    }
    crashLoopGuard.started()
    await connection.close()
  }

  const explained = (own: RestartBackoff, fault: StartFault | undefined, error: unknown): Promise<unknown> =>
    explainStart(own, fault, error, { clock, onlyOne, isOneRunning, checked: () => crashLoopGuard.checked() })

  /** Restores the state of a group at a new worker and adds the worker to the group. */
  const activate = async (
    group: IsolationGroup,
    serverEra: ServerEra,
    connection: UpstreamConnection,
  ): Promise<UpstreamConnection> => {
    await restoreState(group, connection, pingMs)
    if (serverEra.codec.era === 'legacy' && group.attribution === 'session' && mayBeAsked(group.announced))
      await waitUntilReady(connection, clock)
    opening.delete(connection)
    group.connections.add(connection)
    const told = notifications.subscriptionsOf(group).sync(connection)
    // A worker for one call need not wait until subscriptions of others are confirmed.
    if (group.endsAfter !== 'every call') await told
    if (group.ended || connection.closed) {
      group.connections.delete(connection)
      void connection.close()
      throw new Refusal('upstream_closed')
    }
    if (group.lost) {
      group.lost = false
      const reason = 'upstream_restarted'
      log.info({ worker: connection.worker, reason }, 'worker is replaced; what the one before it remembered is lost')
      for (const update of changesAfterRestart(serverEra.serverDescription)) notifications.deliver(group, update)
    }
    needs.spares()?.fill()
    return connection
  }

  return {
    crashLoopGuard,
    eventsOf,
    spareFailed(exit, serverEra) {
      if (needs.quiet()) return
      log.warn({ exit: exit.code ?? exit.error ?? exit.signal }, 'spare worker has ended')
      crashLoopGuard.startFailed(undefined, startFailure(exit), false, serverEra)
    },
    starting: (of) => [...opening].filter(([, { group }]) => of === undefined || of === group).map(([one]) => one),
    async start(group, serverEra, slot) {
      try {
        await crashLoopGuard.untilAllowed(group.restarts)
        if (group.ended) throw new Refusal('upstream_closed')
      } catch (error) {
        slot.release()
        throw error
      }
      let fault: StartFault | undefined
      const opened = connector.open(slot.start(), {
        ...eventsOf(serverEra.codec, { group, source: undefined }),
        caller: group.caller,
        announced: group.announced,
        attribution: group.attribution,
        // The handshake, and not a call, should find out that it cannot run beside another.
        mustDiscover: onlyOne.isOpen && isOneRunning(),
        // In groups of several principals the handshake is neutral.
        failed(failure) {
          fault = failure.fault
          crashLoopGuard.startFailed(group.restarts, failure, group.attribution === 'several', serverEra)
        },
        connected: noteOpening(group),
      })
      const { connection } = await opened.catch(async (error: unknown) => {
        throw await explained(group.restarts, fault, error)
      })
      const open = opening.get(connection)
      if (open) open.hasHandshake = true
      if (serverEra.codec.era === 'legacy') crashLoopGuard.started()
      return activate(group, serverEra, connection)
    },
    async handOver(group, serverEra, { connection, owner }) {
      opening.set(connection, { group, hasHandshake: true })
      if (owner.source !== undefined) notifications.unwatched(owner.source)
      Object.assign(owner, { group, source: undefined })
      connection.attributor.attribution = group.attribution
      return activate(group, serverEra, connection)
    },
    checkSeveral() {
      if (!onlyOne.isKnown && !onlyOne.isOpen) return
      const untilMs = clock.now() - steadyMs
      const isSteady = (one: UpstreamConnection): boolean => (startedMs.get(one) ?? 0) <= untilMs
      if (needs.running().filter(isSteady).length > 1) onlyOne.ranBeside()
    },
    async startCatalogWorker({ source, serverEra, announced, slot, cancel }) {
      const restarts = crashLoopGuard.ofSource(source)
      const owner: WorkerOwner = { group: undefined, source }
      let fault: StartFault | undefined
      const started = connector.open(slot.start(), {
        ...eventsOf(serverEra.codec, owner),
        caller: { ...ownCaller(serverEra), client: ownDescription(serverEra, announced) },
        announced,
        attribution: 'several',
        mustDiscover: true,
        failed(failure) {
          fault = failure.fault
          crashLoopGuard.startFailed(restarts, failure, Object.keys(announced).length === 0, serverEra)
        },
        connected(connection) {
          noteOpening(undefined)(connection)
          cancel.onCancel(() => void connection.close())
        },
      })
      const { connection, serverDescription } = await started.catch(async (error: unknown) => {
        throw await explained(restarts, fault, error)
      })
      opening.delete(connection)
      crashLoopGuard.started()
      return { connection, serverDescription: serverDescription ?? serverEra.serverDescription, owner }
    },
  }
}
