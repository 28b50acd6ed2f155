/** Workers of isolation groups, and catalog workers: started, told what those before them knew; their deaths counted. */
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
import type { CatalogWorker, Opening } from './catalog-workers.ts'
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
  /** Starts a process for a unit in the place and adds it. Throws a `Refusal`; `NoRoom` if only one can run, and does. */
  start(group: IsolationGroup, serverEra: ServerEra, slot: WorkerSlot): Promise<UpstreamConnection>
  /** Makes a process that was started to learn one of the unit. Throws a `Refusal` if it has ended meanwhile. */
  handOver(group: IsolationGroup, serverEra: ServerEra, catalogWorker: CatalogWorker): Promise<UpstreamConnection>
  /** Starts a process that belongs to no client. Throws as `start` does. */
  startCatalogWorker(what: Opening): Promise<CatalogWorker>
  eventsOf(codec: UpstreamCodec, owner: WorkerOwner): ConnectionEvents
  /** A process started ahead could not be started, or ended by itself. */
  spareFailed(exit: ChildExit, serverEra: ServerEra): void
  /** Looks whether several processes run side by side by now; called now and then. */
  look(): void
  /** The processes that are being started, for a unit or for anybody. */
  starting(group?: IsolationGroup): UpstreamConnection[]
  /** Who has to wait when processes cannot be started. */
  readonly crashLoopGuard: CrashLoopGuard
}

export interface WorkersNeeds {
  readonly opener: Connector
  readonly notifications: NotificationRouter
  readonly spares: () => Spares | undefined
  /** A place for a process that is to show whether the program starts; undefined if there is none. */
  readonly placeToCheck: () => WorkerSlot | undefined
  readonly onlyOne: SingleInstance
  /** All processes that serve or teach. */
  readonly running: () => readonly UpstreamConnection[]
  /** Whether one that ran before is about to end. */
  readonly isOneEnding: () => boolean
  readonly serverEras: ReadonlyMap<EraName, ServerEra>
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Whether deaths are to be expected: before the start is through, and after the end. */
  readonly quiet: () => boolean
  /** A process was ended because it asked without reading the answers. */
  readonly onStuck: () => void
  /** A place for a process has become free. */
  readonly freed: () => void
}

const pingMs = 5000
/** A process that ends within this time of its start may have found that it cannot run beside another. */
const youngMs = 5000
/** Two that were started so long ago do run side by side. */
const steadyMs = 2000
/** How long one is watched that is started to show whether it can run beside another. */
const watchedMs = 1000
export function createWorkers(needs: WorkersNeeds): Workers {
  const { opener, notifications, clock, log, onlyOne } = needs
  const bornMs = new WeakMap<UpstreamConnection, number>()
  const isOneRunning = (): boolean => needs.running().length > 0 || needs.isOneEnding()
  const opening = new Map<UpstreamConnection, { readonly group: IsolationGroup | undefined; isGreeted: boolean }>()
  const crashLoopGuard = createCrashLoopGuard({
    clock,
    onlyOne,
    isOneRunning,
    areSeveralRunning: () => needs.running().length > 1,
    prove: (serverEra) => prove(serverEra),
  })

  const begun =
    (group: IsolationGroup | undefined) =>
    (connection: UpstreamConnection): void => {
      bornMs.set(connection, clock.now())
      opening.set(connection, { group, isGreeted: false })
    }

  const restartsOf = ({ group, source }: WorkerOwner): RestartBackoff | undefined =>
    group?.restarts ?? (source === undefined ? undefined : crashLoopGuard.ofSource(source))

  const ended = (owner: WorkerOwner, connection: UpstreamConnection, expected: boolean): void => {
    const { group, source } = owner
    const isGreeted = opening.get(connection)?.isGreeted !== false
    opening.delete(connection)
    // Nobody is left who would hear that its lists change.
    if (!group && source !== undefined) notifications.unwatched(source)
    if (group) {
      group.connections.delete(connection)
      notifications.unwatchedOf(group, connection)
    }
    if (!expected && !needs.quiet()) {
      if (group) group.lost = true
      // One that ends before it has said hello could not be started: whoever opens it counts that.
      if (isGreeted) restartsOf(owner)?.failed(clock.now())
      log.warn({ worker: connection.worker }, 'worker ended unexpectedly')
      const serverEra = needs.serverEras.get(connection.codec.era)
      const isYoung = clock.now() - (bornMs.get(connection) ?? 0) < youngMs
      if (serverEra && isGreeted && isYoung && onlyOne.isOpen && isOneRunning()) crashLoopGuard.check(serverEra)
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
      if (!group || group.isWarnedOf || group.attribution === 'own') return
      group.isWarnedOf = true
      log.warn(
        { method },
        'shared worker sent an input request that could be for any of several clients; it was refused; use --mode session',
      )
    },
  })

  /** Opens a process that no client has said a word to, and that nobody else will. */
  const prove = async (serverEra: ServerEra): Promise<void> => {
    const slot = needs.quiet() ? undefined : needs.placeToCheck()
    // Nothing is proven then.
    if (!slot) throw new NoRoom()
    const events = eventsOf(serverEra.codec, { group: undefined, source: undefined })
    let exit: ChildExit | undefined
    const { connection } = await opener.open(slot.start(), {
      ...events,
      caller: ownCaller(serverEra),
      announced: {},
      attribution: 'none',
      greet: true,
      failed: (failure) => crashLoopGuard.startFailed(undefined, failure, true, serverEra),
      connected: begun(undefined),
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

  /** Tells a process of a unit what the one before it knew, and puts it to use. */
  const put = async (
    group: IsolationGroup,
    serverEra: ServerEra,
    connection: UpstreamConnection,
  ): Promise<UpstreamConnection> => {
    await restoreState(group, connection, pingMs)
    if (serverEra.codec.era === 'legacy' && group.attribution === 'own' && mayBeAsked(group.announced))
      await waitUntilReady(connection, clock)
    opening.delete(connection)
    group.connections.add(connection)
    const told = notifications.subscriptionsOf(group).sync(connection)
    // A process for one call does not keep it waiting for what others subscribed to.
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
      const opened = opener.open(slot.start(), {
        ...eventsOf(serverEra.codec, { group, source: undefined }),
        caller: group.caller,
        announced: group.announced,
        attribution: group.attribution,
        // Its call must not be what finds out that it cannot run beside another.
        greet: onlyOne.isOpen && isOneRunning(),
        // Where callers have a unit in common it is opened with words of our own.
        failed(failure) {
          fault = failure.fault
          crashLoopGuard.startFailed(group.restarts, failure, group.attribution === 'none', serverEra)
        },
        connected: begun(group),
      })
      const { connection } = await opened.catch(async (error: unknown) => {
        throw await explained(group.restarts, fault, error)
      })
      const open = opening.get(connection)
      if (open) open.isGreeted = true
      if (serverEra.codec.era === 'legacy') crashLoopGuard.started()
      return put(group, serverEra, connection)
    },
    async handOver(group, serverEra, { connection, owner }) {
      opening.set(connection, { group, isGreeted: true })
      if (owner.source !== undefined) notifications.unwatched(owner.source)
      Object.assign(owner, { group, source: undefined })
      connection.attributor.rule = group.attribution
      return put(group, serverEra, connection)
    },
    look() {
      if (!onlyOne.isKnown && !onlyOne.isOpen) return
      const untilMs = clock.now() - steadyMs
      const isSteady = (one: UpstreamConnection): boolean => (bornMs.get(one) ?? 0) <= untilMs
      if (needs.running().filter(isSteady).length > 1) onlyOne.ranBeside()
    },
    async startCatalogWorker({ source, serverEra, announced, slot, cancel }) {
      const restarts = crashLoopGuard.ofSource(source)
      const owner: WorkerOwner = { group: undefined, source }
      let fault: StartFault | undefined
      const started = opener.open(slot.start(), {
        ...eventsOf(serverEra.codec, owner),
        caller: { ...ownCaller(serverEra), client: ownDescription(serverEra, announced) },
        announced,
        attribution: 'none',
        greet: true,
        failed(failure) {
          fault = failure.fault
          crashLoopGuard.startFailed(restarts, failure, Object.keys(announced).length === 0, serverEra)
        },
        connected(connection) {
          begun(undefined)(connection)
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
