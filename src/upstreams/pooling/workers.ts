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
import type { Dialect } from '../../protocol/upstream-codec.ts'
import { type Blame, createBlame } from './crash-loop-guard.ts'
import type { Connection } from '../connection/connection.ts'
import { changesAfterRestart, type Face, type Opener, type ProcessEvents, replay } from '../connection/connector.ts'
import type { Keeper, Opening } from './catalog-workers.ts'
import type { OnlyOne } from './single-instance.ts'
import { ownSeat, ownSpeaker } from '../connection/own-requests.ts'
import type { Place } from './worker-slots.ts'
import type { Restarts } from './restart-backoff.ts'
import { settled } from '../connection/wait-until-ready.ts'
import type { Spares } from './spares.ts'
import { type StartFault, startFailure } from '../connection/start-failure.ts'
import type { ChildExit } from '../stdio/child.ts'
import type { Owner, Unit } from './isolation-group.ts'
import { NoRoom } from '../upstream.ts'
import type { Voices } from './notification-router.ts'

export interface Processes {
  /** Starts a process for a unit in the place and adds it. Throws a `Refusal`; `NoRoom` if only one can run, and does. */
  start(unit: Unit, face: Face, place: Place): Promise<Connection>
  /** Makes a process that was started to learn one of the unit. Throws a `Refusal` if it has ended meanwhile. */
  handOver(unit: Unit, face: Face, keeper: Keeper): Promise<Connection>
  /** Starts a process that belongs to no client. Throws as `start` does. */
  startKeeper(what: Opening): Promise<Keeper>
  eventsOf(dialect: Dialect, owner: Owner): ProcessEvents
  /** A process started ahead could not be started, or ended by itself. */
  spareFailed(exit: ChildExit, face: Face): void
  /** Looks whether several processes run side by side by now; called now and then. */
  look(): void
  /** The processes that are being started, for a unit or for anybody. */
  starting(unit?: Unit): Connection[]
  /** Who has to wait when processes cannot be started. */
  readonly blame: Blame
}

export interface ProcessNeeds {
  readonly opener: Opener
  readonly voices: Voices
  readonly spares: () => Spares | undefined
  /** A place for a process that is to show whether the program starts; undefined if there is none. */
  readonly placeToCheck: () => Place | undefined
  readonly onlyOne: OnlyOne
  /** All processes that serve or teach. */
  readonly running: () => readonly Connection[]
  /** Whether one that ran before is about to end. */
  readonly isOneEnding: () => boolean
  readonly faces: ReadonlyMap<EraName, Face>
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

export function createProcesses(needs: ProcessNeeds): Processes {
  const { opener, voices, clock, log, onlyOne } = needs
  const bornMs = new WeakMap<Connection, number>()
  const isOneRunning = (): boolean => needs.running().length > 0 || needs.isOneEnding()
  const opening = new Map<Connection, { readonly unit: Unit | undefined; isGreeted: boolean }>()
  const blame = createBlame({
    clock,
    onlyOne,
    isOneRunning,
    areSeveralRunning: () => needs.running().length > 1,
    prove: (face) => prove(face),
  })

  const begun =
    (unit: Unit | undefined) =>
    (connection: Connection): void => {
      bornMs.set(connection, clock.now())
      opening.set(connection, { unit, isGreeted: false })
    }

  const ended = (owner: Owner, connection: Connection, expected: boolean): void => {
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

  const eventsOf = (dialect: Dialect, owner: Owner): ProcessEvents => ({
    dialect,
    unsolicited: (connection, update) => voices.said(owner, connection, update),
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

  const stuck = ({ unit, source }: Owner, connection: Connection): void => {
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
  const prove = async (face: Face): Promise<void> => {
    const place = needs.quiet() ? undefined : needs.placeToCheck()
    // Nothing is proven then.
    if (!place) throw new NoRoom()
    const events = eventsOf(face.dialect, { unit: undefined, source: undefined })
    let exit: ChildExit | undefined
    const { connection } = await opener.open(place.start(), {
      ...events,
      seat: ownSeat(face),
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
  const explained = async (own: Restarts, fault: StartFault | undefined, error: unknown): Promise<unknown> => {
    if (fault !== 'ended' || !isOneRunning()) return error
    await Promise.race([blame.checked(), pause(clock, explainMs)])
    if (!onlyOne.isKnown) return error
    own.forgive()
    return new NoRoom(error)
  }

  /** Tells a process of a unit what the one before it knew, and puts it to use. */
  const put = async (unit: Unit, face: Face, connection: Connection): Promise<Connection> => {
    await replay(unit, connection, pingMs)
    if (face.dialect.era === 'legacy' && unit.attribution === 'own' && mayBeAsked(unit.announced))
      await settled(connection, clock)
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
      for (const update of changesAfterRestart(face.hello)) voices.deliver(unit, update)
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
        ...eventsOf(face.dialect, { unit, source: undefined }),
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
      if (face.dialect.era === 'legacy') blame.started()
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
      const isSteady = (one: Connection): boolean => (bornMs.get(one) ?? 0) <= untilMs
      if (needs.running().filter(isSteady).length > 1) onlyOne.ranBeside()
    },
    async startKeeper({ source, face, announced, place, cancel }) {
      const restarts = blame.ofSource(source)
      const owner: Owner = { unit: undefined, source }
      let fault: StartFault | undefined
      const started = opener.open(place.start(), {
        ...eventsOf(face.dialect, owner),
        seat: { ...ownSeat(face), speaker: ownSpeaker(face, announced) },
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
      return { connection, hello: hello ?? face.hello, owner }
    },
  }
}
