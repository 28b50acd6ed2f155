/**
 * A stdio command as an upstream for any number of clients: finds the isolation group of each caller, gets it a worker
 * and runs the call there. Its parts: `groups` keeps callers apart, `pool` assigns workers to calls, `workers` starts and
 * replaces them, `notifications` routes messages outside of calls, `catalogWorkers` answer for lists.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import { type Call, forget, type Outcome, type Reply } from '../../protocol/call.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { holdWorker } from '../pooling/hold-worker.ts'
import { endWithCall } from '../pooling/end-with-call.ts'
import { createConnector } from '../connection/connector.ts'
import { countCallMemory } from '../pooling/call-memory.ts'
import { createCatalogWorkers } from '../pooling/catalog-workers.ts'
import { ownCaller } from '../connection/own-requests.ts'
import { hasSameHandshake } from '../pooling/hand-over.ts'
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
import { isCommon, workerOf } from '../pooling/isolation-group.ts'
import { hasOtherLevel, setLogLevel } from '../pooling/group-log-level.ts'
import { createIsolationGroups } from '../pooling/isolation-groups.ts'
import type { Upstream, UpstreamFacts } from '../upstream.ts'
import { createUpstreamHealth } from '../pooling/upstream-health.ts'
import { createNotificationRouter } from '../pooling/notification-router.ts'
import { createUnresponsiveWorkers } from '../pooling/unresponsive-workers.ts'

const sweepMs = 500
/** The most catalog workers; a third of the pool if that is less. */
const maxCatalogWorkers = 16

export interface StdioUpstreamNeeds {
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  readonly queue: number
  readonly queueWaitMs: number
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Counts what calls and workers keep. */
  readonly memory: MemoryBudget
  /** Starts the server's program. */
  readonly directStart: DirectStart
  /** Ends up to `wanted` calls that hold a worker and only wait for their clients, if they may be ended. */
  readonly makeRoom: (wanted: number) => void
}

export function createStdioUpstream(needs: StdioUpstreamNeeds): Upstream {
  const { settings, clock, log, events, directStart, memory } = needs
  const onlyOne = createSingleInstance({
    clock,
    log,
    changed: (isKnown) => (isKnown ? spares?.clear() : freed()),
  })
  const slots = createWorkerSlots(
    () => (onlyOne.isKnown ? 1 : settings.pool),
    (purpose) => directStart.start(purpose),
  )
  const groups = createIsolationGroups(settings.pool, needs.hasOneClient)
  const notifications = createNotificationRouter(clock, (key) => groups.find(key))
  const transfers = new Transfers(memory, clock, Infinity, () => {})
  const waiting = holderOf(transfers, memory.account())
  const connector = createConnector({ settings, hasOneClient: needs.hasOneClient, clock, events, log, waiting })
  let stuck = 0
  let spares: Spares | undefined
  let closed = false

  const freed = (): void => void (closed || [pool, catalogWorkers].forEach((one) => one.freed()))
  const workers = createWorkers({
    connector,
    notifications,
    spares: () => spares,
    slotForTest: () => (onlyOne.isTryDue() ? slots.take('check', settings.pool) : slotFor('check')),
    onlyOne,
    running: () => [...catalogWorkers.live(), ...serving()],
    isOneEnding: () => slots.ending > 0,
    serverEras: groups.serverEras,
    clock,
    log,
    events,
    quiet: () => closed || groups.serverEras.size === 0,
    onStuck: () => void stuck++,
    freed,
  })
  const pool = createPool({
    settings,
    queue: needs.queue,
    queueWaitMs: needs.queueWaitMs,
    clock,
    groups: () => groups.all(),
    slots,
    slot: () => spares?.take('serve') ?? slots.take('serve'),
    start: (group, slot) => workers.start(group, groups.serverEraOf(group.caller), slot),
    handOver(group) {
      const catalogWorker = catalogWorkers.handOver((what) => hasSameHandshake(group, what))
      if (catalogWorker) slots.move(catalogWorker.connection.id, 'serve')
      return catalogWorker && workers.handOver(group, groups.serverEraOf(group.caller), catalogWorker)
    },
    isOnlyOne: () => onlyOne.isKnown,
    evictIdle: () => catalogWorkers.evictIdle(),
    makeRoom: needs.makeRoom,
  })
  const { pingAfterMs } = settings
  const watch = createUnresponsiveWorkers({ clock, log, pingAfterMs, recovered: () => closed || pool.freed() })
  /** Waiting calls go first, so there is no slot while the pool is short of them. */
  const slotFor = (purpose: Purpose): WorkerSlot | undefined =>
    pool.isShort ? undefined : (slots.take(purpose) ?? spares?.take(purpose))
  const catalogWorkers = createCatalogWorkers({
    clock,
    bound: Math.max(1, Math.min(maxCatalogWorkers, Math.floor(settings.pool / 3))),
    waitMs: needs.queueWaitMs,
    slot: () => slotFor('catalog'),
    endIdle: () => void pool.endIdle(),
    isInVain: () => pool.isShort || slots.ending > 0,
    mayStart: (source) => workers.crashLoopGuard.mayStart(workers.crashLoopGuard.ofSource(source)),
    untilAllowed: (source) => workers.crashLoopGuard.untilAllowed(workers.crashLoopGuard.ofSource(source)),
    open: (what) => workers.startCatalogWorker(what),
  })
  const catalogSource = createCatalogSource({ groups, catalogWorkers, notifications, clock, pool })

  /** A worker was assigned to a call that is over. */
  const leave = (connection: UpstreamConnection): void => {
    connection.unreserve()
    pool.released()
  }

  async function* run(call: Call): Reply {
    const group = groups.of(call)
    const local = answerWithoutWorker(group, call)
    if (local) return local
    let connection = call.hold?.lease ? workerOf(group, call.worker) : pool.take(group, call)
    let queueMs = 0
    if (!connection) {
      const sinceMs = clock.now()
      const given = pool.wait(group, call)
      const canBeAsked = group.attribution === 'session' && call.session !== undefined
      connection = canBeAsked ? yield* group.waitingCalls.until(given, leave) : await given
      connection.unreserve()
      queueMs = clock.now() - sinceMs
    }
    if (hasOtherLevel(group, call)) await setLogLevel(group, call, connection)
    if (call.cancel.cancelled) throw new Refusal('cancelled')
    const pending = connection.begin(call, group.exclusive || group.attribution === 'session')
    if (call.hold) call.hold.lease ??= holdWorker(group, connection, call, () => pool.released())
    if (call.method === 'resources/subscribe') {
      // A subscription lasts: later messages about it are for this client, too.
      connection.workFor(call.clientKey)
      notifications.subscriptionsOf(group).noteSubscribe(connection, call.params?.value['uri'])
    }
    const stopListening = call.cancel.onCancel(() => pending.fail(new Refusal('cancelled')))
    let outcome: Outcome | undefined
    try {
      for (;;) {
        const update = pending.take()
        if (update) {
          yield update
          forget(update)
        } else if ((outcome = pending.outcome())) return queueMs > 0 ? { ...outcome, queueMs } : outcome
        else await pending.changed()
      }
    } finally {
      stopListening()
      connection.finish(pending, outcome ? undefined : (call.cancel.reason ?? 'ended by the gateway'))
      endWithCall(group, connection, call, outcome)
      pool.released()
    }
  }

  const sweeper = clock.every(sweepMs, () => {
    const now = clock.now()
    for (const group of groups.all()) {
      for (const connection of group.connections) {
        watch.sweep(connection, group)
      }
      const empty = group.connections.size === 0 && group.starting === 0 && group.waiting === 0
      if (empty && group.restarts.pauseMs(now) === 0 && !notifications.hasSubscribers(group.key)) groups.remove(group)
    }
    pool.sweep()
    catalogWorkers.sweep()
    spares?.fill()
    const serverEra = groups.serverEras.values().next().value
    if (serverEra) workers.crashLoopGuard.retry(serverEra)
    workers.checkSeveral()
    if (serverEra && pool.isShort && onlyOne.isTryDue()) workers.crashLoopGuard.check(serverEra)
  })

  /** Workers that are ending: `close` waits for them. */
  const ending = new Set<Promise<void>>()
  const end = (connection: UpstreamConnection): void => {
    const ended = connection.close().finally(() => ending.delete(ended))
    ending.add(ended)
  }
  const serving = (): UpstreamConnection[] => [...groups.all()].flatMap((group) => [...group.connections])

  return {
    call: countCallMemory(memory, run),
    catalog: catalogSource,
    async start(discovered): Promise<UpstreamFacts> {
      const { hasOneClient } = needs
      const { eventsOf } = workers
      const of = { settings, hasOneClient, discovered, clock, connector, slots, eventsOf }
      const { eras, sharing, used, isOnlyOne } = await startServer(of)
      for (const { serverEra, owner, connection } of used) {
        groups.serverEras.set(serverEra.codec.era, serverEra)
        if (connection.closed) continue
        const source = profileSource(serverEra.codec.era)
        if (serverEra.mode !== 'shared')
          catalogWorkers.add(
            { source, serverEra, announced: {} },
            { connection, serverDescription: serverEra.serverDescription, owner },
          )
        else {
          owner.group = groups.of(ownCaller(serverEra))
          owner.group.connections.add(connection)
          slots.move(connection.id, 'serve')
          void notifications.subscriptionsOf(owner.group).sync(connection)
        }
      }
      await directStart.answered(used[0]?.connection.id)
      const spared = used.find(({ serverEra: { codec, mode } }) => codec.era === 'legacy' && !isCommon(mode))?.serverEra
      spares = createSpares({
        wanted: spared ? settings.spares : 0,
        clock,
        slots,
        slot: () => (pool.isShort ? undefined : slots.take('spare')),
        mayStart: () => workers.crashLoopGuard.fault === undefined && !onlyOne.isKnown,
        failed: (exit) => spared && workers.spareFailed(exit, spared),
      })
      if (isOnlyOne) onlyOne.found('it ended by itself before it answered')
      spares.fill()
      const served = used.map(({ serverEra: { codec, mode, serverDescription } }) => ({
        era: codec.era,
        mode,
        serverDescription,
      }))
      return { eras, sharing, serverEras: served }
    },
    subscribe: (caller, filter, subscriber) =>
      notifications.subscribe(groups.keyOf(caller), caller.session, filter, subscriber),
    notify(caller, method, params) {
      const group = groups.find(groups.keyOf(caller))
      if (group?.attribution === 'session') for (const connection of group.connections) connection.pass(method, params)
      if (group?.attribution !== 'session' || group.connections.size === 0)
        events.emit('dropped', { what: 'client_notification', count: 1 })
    },
    endSession(caller) {
      // The only client may have state of requests without a session; its worker ends when it is idle.
      if (needs.hasOneClient) return
      const group = groups.find(groups.keyOf(caller))
      if (group?.attribution !== 'session') return
      group.ended = true
      groups.remove(group)
      notifications.forget(group.key)
      for (const connection of [...group.connections, ...workers.starting(group)]) end(connection)
    },
    counts: () => ({
      workers: slots.taken,
      servingWorkers: slots.of('serve'),
      catalogWorkers: slots.of('catalog') + slots.of('check'),
      spareWorkers: slots.of('spare'),
      waitingCalls: pool.waiting,
      workersEndedForNotReading: stuck,
    }),
    health: createUpstreamHealth({
      clock,
      groups,
      catalogWorkers,
      fault: () => workers.crashLoopGuard.fault,
      onlyOne: () => onlyOne.detail,
    }),
    async close() {
      closed = true
      sweeper.stop()
      transfers.close()
      pool.close()
      const all = [...serving(), ...workers.starting()]
      for (const group of groups.all()) group.ended = true
      groups.clear()
      for (const connection of all) end(connection)
      await Promise.all([...ending, catalogWorkers.close(), spares?.close()])
    },
  }
}
