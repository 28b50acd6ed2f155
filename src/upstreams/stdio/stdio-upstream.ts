/**
 * A stdio command as an upstream for any number of clients: finds the unit of each caller, gets it a process, and
 * runs the call on it. What it is made of: `units` tells callers apart, `pool` decides who waits, `processes` starts
 * and replaces, `voices` carries what is said outside of calls, `keepers` and `learning` know what is announced.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import { createLease, type Lease } from '../../base/lease.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import { type Call, forget, type Outcome, type Reply } from '../../protocol/call.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { endWithCall } from '../pooling/end-with-call.ts'
import { createConnector } from '../connection/connector.ts'
import { countCallMemory } from '../pooling/call-memory.ts'
import { createCatalogWorkers } from '../pooling/catalog-workers.ts'
import { ownCaller } from '../connection/own-requests.ts'
import { isGreetedFor } from '../pooling/hand-over.ts'
import { createCatalogSource } from '../pooling/catalog-source.ts'
import { answerWithoutWorker } from '../pooling/local-outcomes.ts'
import { createSingleInstance } from '../pooling/single-instance.ts'
import type { UpstreamSettings } from '../options.ts'
import { createWorkerSlots, type WorkerSlot, type Purpose } from '../pooling/worker-slots.ts'
import { createPool } from '../pooling/pool.ts'
import { createWorkers } from '../pooling/workers.ts'
import { createSpares, type Spares } from '../pooling/spares.ts'
import { startServer } from './startup.ts'
import { profileSource } from '../pooling/catalog-keys.ts'
import type { DirectStart } from './direct-start.ts'
import { isCommon, processOf, type IsolationGroup } from '../pooling/isolation-group.ts'
import { hasOtherLevel, setLogLevel } from '../pooling/group-log-level.ts'
import { createIsolationGroups } from '../pooling/isolation-groups.ts'
import type { Upstream, UpstreamFacts } from '../upstream.ts'
import { createUpstreamHealth } from '../pooling/upstream-health.ts'
import { createNotificationRouter } from '../pooling/notification-router.ts'
import { createUnresponsiveWorkers } from '../pooling/unresponsive-workers.ts'

const sweepMs = 500
/** Processes that learn, at most; they have a third of the pool if that is less. */
const maxKeepers = 16

export interface StdioUpstreamNeeds {
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  readonly queue: number
  readonly queueWaitMs: number
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** What calls and processes keep counts there. */
  readonly memory: MemoryBudget
  /** Starts the server's program. */
  readonly starter: DirectStart
  /** Ends up to so many calls that hold a process and only wait for their clients, if they may be ended. */
  readonly makeRoom: (wanted: number) => void
}

export function createStdioUpstream(needs: StdioUpstreamNeeds): Upstream {
  const { settings, clock, log, events, starter, memory } = needs
  const onlyOne = createSingleInstance({
    clock,
    log,
    changed: (isKnown) => (isKnown ? spares?.clear() : freed()),
  })
  const places = createWorkerSlots(
    () => (onlyOne.isKnown ? 1 : settings.pool),
    (purpose) => starter.start(purpose),
  )
  const units = createIsolationGroups(settings.pool, needs.hasOneClient)
  const voices = createNotificationRouter(clock, (key) => units.find(key))
  const transfers = new Transfers(memory, clock, Infinity, () => {})
  const waiting = holderOf(transfers, memory.account())
  const opener = createConnector({ settings, hasOneClient: needs.hasOneClient, clock, events, log, waiting })
  let stuck = 0
  let spares: Spares | undefined
  let closed = false

  const freed = (): void => void (closed || [pool, keepers].forEach((one) => one.freed()))
  const processes = createWorkers({
    opener,
    voices,
    spares: () => spares,
    placeToCheck: () => (onlyOne.isTryDue() ? places.take('check', settings.pool) : placeFor('check')),
    onlyOne,
    running: () => [...keepers.live(), ...serving()],
    isOneEnding: () => places.ending > 0,
    faces: units.faces,
    clock,
    log,
    events,
    quiet: () => closed || units.faces.size === 0,
    onStuck: () => void stuck++,
    freed,
  })
  const pool = createPool({
    settings,
    queue: needs.queue,
    queueWaitMs: needs.queueWaitMs,
    clock,
    units: () => units.all(),
    places,
    place: () => spares?.take('serve') ?? places.take('serve'),
    start: (unit, place) => processes.start(unit, units.faceOf(unit.seat), place),
    handOver(unit) {
      const keeper = keepers.handOver((what) => isGreetedFor(unit, what))
      if (keeper) places.move(keeper.connection.pid, 'serve')
      return keeper && processes.handOver(unit, units.faceOf(unit.seat), keeper)
    },
    isOnlyOne: () => onlyOne.isKnown,
    giveWay: () => keepers.giveWay(),
    makeRoom: needs.makeRoom,
  })
  const { pingAfterMs } = settings
  const watch = createUnresponsiveWorkers({ clock, log, pingAfterMs, recovered: () => closed || pool.freed() })
  /** Calls go first, and what was started ahead is theirs if it can be. */
  const placeFor = (purpose: Purpose): WorkerSlot | undefined =>
    pool.isShort ? undefined : (places.take(purpose) ?? spares?.take(purpose))
  const keepers = createCatalogWorkers({
    clock,
    bound: Math.max(1, Math.min(maxKeepers, Math.floor(settings.pool / 3))),
    waitMs: needs.queueWaitMs,
    place: () => placeFor('catalogue'),
    endIdle: () => void pool.endIdle(),
    isInVain: () => pool.isShort || places.ending > 0,
    mayStart: (source) => processes.blame.mayStart(processes.blame.ofSource(source)),
    untilAllowed: (source) => processes.blame.untilAllowed(processes.blame.ofSource(source)),
    open: (what) => processes.startKeeper(what),
  })
  const learning = createCatalogSource({ units, keepers, voices, clock, pool })

  /** A process was given to a call that is over. */
  const leave = (connection: UpstreamConnection): void => {
    connection.unreserve()
    pool.released()
  }

  async function* run(call: Call): Reply {
    const unit = units.of(call)
    const local = answerWithoutWorker(unit, call)
    if (local) return local
    let connection = call.hold?.lease ? processOf(unit, call.process) : pool.take(unit, call)
    let queueMs = 0
    if (!connection) {
      const sinceMs = clock.now()
      const given = pool.wait(unit, call)
      const canBeAsked = unit.attribution === 'own' && call.session !== undefined
      connection = canBeAsked ? yield* unit.waitingCalls.until(given, leave) : await given
      connection.unreserve()
      queueMs = clock.now() - sinceMs
    }
    if (hasOtherLevel(unit, call)) await setLogLevel(unit, call, connection)
    if (call.cancel.cancelled) throw new Refusal('cancelled')
    const exchange = connection.begin(call, unit.exclusive || unit.attribution === 'own')
    if (call.hold) call.hold.lease ??= holdOf(unit, connection, call)
    if (call.method === 'resources/subscribe') {
      // It lasts: what the process says of it later is this client's as well.
      connection.workFor(call.clientKey)
      voices.subscriptionsOf(unit).noteSubscribe(connection, call.params?.value['uri'])
    }
    const stopListening = call.cancel.onCancel(() => exchange.fail(new Refusal('cancelled')))
    let outcome: Outcome | undefined
    try {
      for (;;) {
        const update = exchange.take()
        if (update) {
          yield update
          forget(update)
        } else if ((outcome = exchange.outcome())) return queueMs > 0 ? { ...outcome, queueMs } : outcome
        else await exchange.changed()
      }
    } finally {
      stopListening()
      connection.finish(exchange, outcome ? undefined : (call.cancel.reason ?? 'ended by the gateway'))
      endWithCall(unit, connection, call, outcome)
      pool.released()
    }
  }

  /** Keeps a process from others until it is released. */
  const holdOf = (unit: IsolationGroup, connection: UpstreamConnection, call: Call): Lease => {
    connection.reserve()
    const over = connection.workFor(call.clientKey)
    return createLease(() => {
      connection.unreserve()
      over()
      endWithCall(unit, connection, call, undefined)
      pool.released()
    })
  }

  const sweeper = clock.every(sweepMs, () => {
    const now = clock.now()
    for (const unit of units.all()) {
      for (const connection of unit.connections) {
        watch.sweep(connection, unit)
      }
      const empty = unit.connections.size === 0 && unit.starting === 0 && unit.waiting === 0
      if (empty && unit.restarts.pauseMs(now) === 0 && !voices.hasListeners(unit.key)) units.remove(unit)
    }
    pool.sweep()
    keepers.sweep()
    spares?.fill()
    const face = units.faces.values().next().value
    if (face) processes.blame.retry(face)
    processes.look()
    if (face && pool.isShort && onlyOne.isTryDue()) processes.blame.check(face)
  })

  /** Processes on their way out: the end of the upstream waits for them. */
  const ending = new Set<Promise<void>>()
  const end = (connection: UpstreamConnection): void => {
    const ended = connection.close().finally(() => ending.delete(ended))
    ending.add(ended)
  }
  const serving = (): UpstreamConnection[] => [...units.all()].flatMap((unit) => [...unit.connections])

  return {
    call: countCallMemory(memory, run),
    learning,
    async start(discovered): Promise<UpstreamFacts> {
      const { hasOneClient } = needs
      const { eventsOf } = processes
      const of = { settings, hasOneClient, discovered, clock, opener, places, eventsOf }
      const { eras, sharing, faces, isOnlyOne } = await startServer(of)
      for (const { face, owner, connection } of faces) {
        units.faces.set(face.codec.era, face)
        if (connection.closed) continue
        const source = profileSource(face.codec.era)
        if (face.mode !== 'shared')
          keepers.add({ source, face, announced: {} }, { connection, hello: face.serverDescription, owner })
        else {
          owner.unit = units.of(ownCaller(face))
          owner.unit.connections.add(connection)
          places.move(connection.pid, 'serve')
          void voices.subscriptionsOf(owner.unit).sync(connection)
        }
      }
      await starter.answered(faces[0]?.connection.pid)
      const spared = faces.find(({ face }) => face.codec.era === 'legacy' && !isCommon(face.mode))?.face
      spares = createSpares({
        wanted: spared ? settings.spares : 0,
        clock,
        places,
        place: () => (pool.isShort ? undefined : places.take('spare')),
        mayStart: () => processes.blame.fault === undefined && !onlyOne.isKnown,
        failed: (exit) => spared && processes.spareFailed(exit, spared),
      })
      if (isOnlyOne) onlyOne.found('it ended by itself before it answered')
      spares.fill()
      const served = faces.map(({ face }) => ({ era: face.codec.era, mode: face.mode, serverDescription: face.serverDescription }))
      return { eras, sharing, faces: served }
    },
    listen: (seat, filter, hearing) => voices.listen(units.keyOf(seat), seat.session, filter, hearing),
    tell(seat, method, params) {
      const unit = units.find(units.keyOf(seat))
      if (unit?.attribution === 'own') for (const connection of unit.connections) connection.pass(method, params)
      if (unit?.attribution !== 'own' || unit.connections.size === 0)
        events.emit('dropped', { what: 'client_notification', count: 1 })
    },
    endSession(seat) {
      // What its only client has said without a session lives on; its process ends like one that is idle.
      if (needs.hasOneClient) return
      const unit = units.find(units.keyOf(seat))
      if (unit?.attribution !== 'own') return
      unit.ended = true
      units.remove(unit)
      voices.forget(unit.key)
      for (const connection of [...unit.connections, ...processes.starting(unit)]) end(connection)
    },
    counts: () => ({
      processes: places.taken,
      servingProcesses: places.of('serve'),
      learningProcesses: places.of('catalogue') + places.of('check'),
      spareProcesses: places.of('spare'),
      waitingCalls: pool.waiting,
      stuckProcesses: stuck,
    }),
    check: createUpstreamHealth({
      clock,
      units,
      keepers,
      fault: () => processes.blame.fault,
      onlyOne: () => onlyOne.detail,
    }),
    async close() {
      closed = true
      sweeper.stop()
      transfers.close()
      pool.close()
      const all = [...serving(), ...processes.starting()]
      for (const unit of units.all()) unit.ended = true
      units.clear()
      for (const connection of all) end(connection)
      await Promise.all([...ending, keepers.close(), spares?.close()])
    },
  }
}
