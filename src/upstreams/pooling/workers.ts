/**
 * Processes of units, and keepers: started when they may be, told what their predecessors knew, and their deaths
 * counted against the next start.
 */
import { type Clock, pause } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { EraName } from '../../protocol/call.ts'
import { mayBeAsked } from '../../protocol/capabilities.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { type CrashLoopGuard, createCrashLoopGuard } from './crash-loop-guard.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { changesAfterRestart, type ServerEra, type Connector, type ConnectionEvents, restoreState } from '../connection/connector.ts'
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
import { NoRoom } from '../upstream.ts'
import type { NotificationRouter } from './notification-router.ts'

export interface Workers {
  /** Starts a process for a unit in the place and adds it. Throws a `Refusal`; `NoRoom` if only one can run, and does. */
  start(unit: IsolationGroup, face: ServerEra, place: WorkerSlot): Promise<UpstreamConnection>
  /** Makes a process that was started to learn one of the unit. Throws a `Refusal` if it has ended meanwhile. */
  handOver(unit: IsolationGroup, face: ServerEra, keeper: CatalogWorker): Promise<UpstreamConnection>
  /** Starts a process that belongs to no client. Throws as `start` does. */
  startKeeper(what: Opening): Promise<CatalogWorker>
  eventsOf(dialect: UpstreamCodec, owner: WorkerOwner): ConnectionEvents
  /** A process started ahead could not be started, or ended by itself. */
  spareFailed(exit: ChildExit, face: ServerEra): void
  /** Looks whether several processes run side by side by now; called now and then. */
  look(): void
  /** The processes that are being started, for a unit or for anybody. */
  starting(unit?: IsolationGroup): UpstreamConnection[]
  /** Who has to wait when processes cannot be started. */
  readonly blame: CrashLoopGuard
}

export interface WorkersNeeds {
  readonly opener: Connector
  readonly voices: NotificationRouter
  readonly spares: () => Spares | undefined
  /** A place for a process that is to show whether the program starts; undefined if there is none. */
  readonly placeToCheck: () => WorkerSlot | undefined
  readonly onlyOne: SingleInstance
  /** All processes that serve or teach. */
  readonly running: () => readonly UpstreamConnection[]
  /** Whether one that ran before is about to end. */
  readonly isOneEnding: () => boolean
  readonly faces: ReadonlyMap<EraName, ServerEra>
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
/** How long a start that has failed waits to be explained: a program that hangs would hold its caller up as long again. */
const explainMs = 10_000

export function createWorkers(needs: WorkersNeeds): Workers {
  const { opener, voices, clock, log, onlyOne } = needs
  const bornMs = new WeakMap<UpstreamConnection, number>()
  const isOneRunning = (): boolean => needs.running().length > 0 || needs.isOneEnding()
  const opening = new Map<UpstreamConnection, { readonly unit: IsolationGroup | undefined; isGreeted: boolean }>()
  const blame = createCrashLoopGuard({
    clock,
    onlyOne,
    isOneRunning,
    areSeveralRunning: () => needs.running().length > 1,
    prove: (face) => prove(face),
  })

  const begun =
    (unit: IsolationGroup | undefined) =>
    (connection: UpstreamConnection): void => {
      bornMs.set(connection, clock.now())
      opening.set(connection, { unit, isGreeted: false })
    }

  const ended = (owner: WorkerOwner, connection: UpstreamConnection, expected: boolean): void => {
    const { unit, source } = owner
    const isGreeted = opening.get(connection)?.isGreeted !== false
    opening.delete(connection)
    // Nobody is left who would hear that its lists change.
    if (!unit && source !== undefined) voices.unwatched(source)
    if (unit) {
      unit.connections.delete(connection)
      voices.unwatchedOf(unit, connection)
    }
    if (!expected && !needs.quiet()) {
      if (unit) unit.lost = true
      // One that ends before it has said hello could not be started: whoever opens it counts that.
      const own = unit?.restarts ?? (source === undefined ? undefined : blame.ofSource(source))
      if (isGreeted) own?.failed(clock.now())
      log.warn({ upstream_pid: connection.pid }, 'upstream process ended unexpectedly')
      const face = needs.faces.get(connection.dialect.era)
      const isYoung = clock.now() - (bornMs.get(connection) ?? 0) < youngMs
      if (face && isGreeted && isYoung && onlyOne.isOpen && isOneRunning()) blame.check(face)
    }
    needs.freed()
  }

  const eventsOf = (dialect: UpstreamCodec, owner: WorkerOwner): ConnectionEvents => ({
    dialect,
    unsolicited: (connection, update) => voices.route(owner, connection, update),
    ended: (connection, exit) => ended(owner, connection, exit.expected),
    stuck: (connection) => stuck(owner, connection),
    unattributed(method) {
      needs.events.emit('askUnattributed', { method })
      const { unit } = owner
      if (!unit || unit.isWarnedOf || unit.attribution === 'own') return
      unit.isWarnedOf = true
      log.warn(
        { method },
        'shared server asked a question that could be of several clients, and was refused; use --mode session',
      )
    },
  })

  const stuck = ({ unit, source }: WorkerOwner, connection: UpstreamConnection): void => {
    log.warn(
      { upstream_pid: connection.pid, reason: 'answers_unread' },
      'upstream process asks without reading the answers and is ended',
    )
    needs.onStuck()
    if (unit) unit.lost = true
    const own = unit?.restarts ?? (source === undefined ? undefined : blame.ofSource(source))
    own?.failed(clock.now())
    connection.kill()
  }

  /** Opens a process that no client has said a word to, and that nobody else will. */
  const prove = async (face: ServerEra): Promise<void> => {
    const place = needs.quiet() ? undefined : needs.placeToCheck()
    // Nothing is proven then.
    if (!place) throw new NoRoom()
    const events = eventsOf(face.codec, { unit: undefined, source: undefined })
    let exit: ChildExit | undefined
    const { connection } = await opener.open(place.start(), {
      ...events,
      seat: ownCaller(face),
      announced: {},
      attribution: 'none',
      greet: true,
      failed: (failure) => blame.startFailed(undefined, failure, true, face),
      connected: begun(undefined),
      ended(one, how) {
        exit = how
        events.ended(one, how)
      },
    })
    if (isOneRunning() && (onlyOne.isOpen || onlyOne.isKnown)) {
      await pause(clock, watchedMs)
      if (exit?.expected === false) {
        blame.startFailed(undefined, startFailure(exit), true, face)
        throw new Refusal('upstream_unavailable')
      }
      if (onlyOne.isKnown && !connection.closed && needs.running().length > 0) onlyOne.ranBeside()
    }
    blame.started()
    await connection.close()
  }

  /** What a start has failed with, once it is known whether that is since another process runs. */
  const explained = async (own: RestartBackoff, fault: StartFault | undefined, error: unknown): Promise<unknown> => {
    if (fault !== 'ended' || !isOneRunning()) return error
    await Promise.race([blame.checked(), pause(clock, explainMs)])
    if (!onlyOne.isKnown) return error
    own.forgive()
    return new NoRoom(error)
  }

  /** Tells a process of a unit what the one before it knew, and puts it to use. */
  const put = async (unit: IsolationGroup, face: ServerEra, connection: UpstreamConnection): Promise<UpstreamConnection> => {
    await restoreState(unit, connection, pingMs)
    if (face.codec.era === 'legacy' && unit.attribution === 'own' && mayBeAsked(unit.announced))
      await waitUntilReady(connection, clock)
    opening.delete(connection)
    unit.connections.add(connection)
    const told = voices.subscriptionsOf(unit).sync(connection)
    // A process for one call does not keep it waiting for what others subscribed to.
    if (unit.endsAfter !== 'every call') await told
    if (unit.ended || connection.closed) {
      unit.connections.delete(connection)
      void connection.close()
      throw new Refusal('upstream_closed')
    }
    if (unit.lost) {
      unit.lost = false
      const reason = 'upstream_restarted'
      log.info(
        { upstream_pid: connection.pid, reason },
        'a process was replaced; what the one before it remembered is lost',
      )
      for (const update of changesAfterRestart(face.serverDescription)) voices.deliver(unit, update)
    }
    needs.spares()?.fill()
    return connection
  }

  return {
    blame,
    eventsOf,
    spareFailed(exit, face) {
      if (needs.quiet()) return
      log.warn({ exit: exit.code ?? exit.error ?? exit.signal }, 'upstream process started ahead has ended')
      blame.startFailed(undefined, startFailure(exit), false, face)
    },
    starting: (of) => [...opening].filter(([, { unit }]) => of === undefined || of === unit).map(([one]) => one),
    async start(unit, face, place) {
      try {
        await blame.untilAllowed(unit.restarts)
        if (unit.ended) throw new Refusal('upstream_closed')
      } catch (error) {
        place.release()
        throw error
      }
      let fault: StartFault | undefined
      const opened = opener.open(place.start(), {
        ...eventsOf(face.codec, { unit, source: undefined }),
        seat: unit.seat,
        announced: unit.announced,
        attribution: unit.attribution,
        // Its call must not be what finds out that it cannot run beside another.
        greet: onlyOne.isOpen && isOneRunning(),
        // Where callers have a unit in common it is opened with words of our own.
        failed(failure) {
          fault = failure.fault
          blame.startFailed(unit.restarts, failure, unit.attribution === 'none', face)
        },
        connected: begun(unit),
      })
      const { connection } = await opened.catch(async (error: unknown) => {
        throw await explained(unit.restarts, fault, error)
      })
      const open = opening.get(connection)
      if (open) open.isGreeted = true
      if (face.codec.era === 'legacy') blame.started()
      return put(unit, face, connection)
    },
    async handOver(unit, face, { connection, owner }) {
      opening.set(connection, { unit, isGreeted: true })
      if (owner.source !== undefined) voices.unwatched(owner.source)
      Object.assign(owner, { unit, source: undefined })
      connection.attributor.rule = unit.attribution
      return put(unit, face, connection)
    },
    look() {
      if (!onlyOne.isKnown && !onlyOne.isOpen) return
      const untilMs = clock.now() - steadyMs
      const isSteady = (one: UpstreamConnection): boolean => (bornMs.get(one) ?? 0) <= untilMs
      if (needs.running().filter(isSteady).length > 1) onlyOne.ranBeside()
    },
    async startKeeper({ source, face, announced, place, cancel }) {
      const restarts = blame.ofSource(source)
      const owner: WorkerOwner = { unit: undefined, source }
      let fault: StartFault | undefined
      const started = opener.open(place.start(), {
        ...eventsOf(face.codec, owner),
        seat: { ...ownCaller(face), client: ownDescription(face, announced) },
        announced,
        attribution: 'none',
        greet: true,
        failed(failure) {
          fault = failure.fault
          blame.startFailed(restarts, failure, Object.keys(announced).length === 0, face)
        },
        connected(connection) {
          begun(undefined)(connection)
          cancel.onCancel(() => void connection.close())
        },
      })
      const { connection, hello } = await started.catch(async (error: unknown) => {
        throw await explained(restarts, fault, error)
      })
      opening.delete(connection)
      blame.started()
      return { connection, hello: hello ?? face.serverDescription, owner }
    },
  }
}
