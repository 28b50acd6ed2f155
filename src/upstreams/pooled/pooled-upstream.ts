/**
 * A server as an upstream for any number of clients: finds the isolation group of each caller, gets it a worker and runs
 * the call there. It composes what `pooling/` has with instances that a program starts, whatever kind of server that is.
 */
import type { Timer } from '../../base/clock.ts'
import type { WorkerEnd } from '../../base/events.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Call, Caller, Filter, Reply } from '../../protocol/call.ts'
import type { HealthCheck } from '../../protocol/health.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { type Connector, createConnector } from '../connection/connector.ts'
import { countCallMemory } from '../pooling/call-memory.ts'
import { callOnWorker } from '../pooling/call-on-worker.ts'
import { createCatalogSource } from '../pooling/catalog-source.ts'
import type { CatalogWorkers } from '../pooling/catalog-workers.ts'
import { isShared } from '../pooling/isolation-group.ts'
import { IdleChecks } from '../pooling/idle-checks.ts'
import { endGroupOfSession, endGroupsOfTenant } from './end-groups.ts'
import { createIsolationGroups, type IsolationGroups } from '../pooling/isolation-groups.ts'
import { createNotificationRouter, type NotificationRouter } from '../pooling/notification-router.ts'
import { createOwnWorkerLists } from '../pooling/own-worker-lists.ts'
import type { Pool } from '../pooling/pool.ts'
import { poolCounts } from '../pooling/pool-counts.ts'
import type { Recycling } from '../pooling/recycling.ts'
import { createSingleInstance, type SingleInstance } from '../pooling/single-instance.ts'
import type { Spares } from '../pooling/spares.ts'
import { createUnresponsiveWorkers, type UnresponsiveWorkers } from '../pooling/unresponsive-workers.ts'
import { createUpstreamHealth } from '../pooling/upstream-health.ts'
import { type WorkerSlot, WorkerSlots } from '../pooling/worker-slots.ts'
import { WorkerStarts } from '../pooling/worker-starts.ts'
import type {
  CatalogSource,
  SingleUpstream,
  Subscriber,
  Subscription,
  UpstreamFacts,
  WorkerFacts,
} from '../upstream.ts'
import type { Worker } from '../worker.ts'
import type { Purpose } from '../worker-states.ts'
import { assignFirst } from './assign-first.ts'
import { catalogWorkersOf } from './catalog-workers-of.ts'
import { ConnectedInstance } from './connected-instance.ts'
import type { PooledUpstreamNeeds } from './pooled-upstream-needs.ts'
import type { ServerProgram } from './server-program.ts'
import { poolOf } from './pool-of.ts'
import { recyclingOf } from './recycling-of.ts'
import { sparesOf } from './spares-of.ts'
import { factsOf, startServer } from './startup.ts'
import { workerFacts } from './worker-facts.ts'

const sweepMs = 500

export class PooledUpstream implements SingleUpstream {
  readonly call: (call: Call) => Reply
  readonly health: () => Promise<HealthCheck>
  readonly catalog: CatalogSource
  readonly slots: WorkerSlots<ConnectedInstance>
  readonly groups: IsolationGroups
  readonly pool: Pool
  readonly catalogWorkers: CatalogWorkers
  readonly #needs: PooledUpstreamNeeds
  readonly #program: ServerProgram
  readonly #onlyOne: SingleInstance
  readonly notifications: NotificationRouter
  readonly #transfers: Transfers
  readonly #connector: Connector
  readonly #starts: WorkerStarts
  readonly #watch: UnresponsiveWorkers
  readonly #recycling: Recycling
  readonly #idleChecks: IdleChecks
  readonly #sweeper: Timer
  readonly #leaveTenants: (() => void) | undefined
  readonly #ends = new Set<Promise<void>>()
  #spares: Spares | undefined
  #endedForNotReading = 0
  #started: Promise<UpstreamFacts> | undefined
  #closing: Promise<void> | undefined
  #closed = false

  constructor(needs: PooledUpstreamNeeds, program: ServerProgram) {
    const { settings, clock, log, events, memory, hasOneClient } = needs
    this.#needs = needs
    this.#program = program
    this.#onlyOne = createSingleInstance({
      clock,
      log,
      changed: (isKnown) => (isKnown ? this.#spares?.clear() : this.#slotFreed()),
      isShared: () => [...this.groups.serverEras.values()].every(({ mode }) => mode === 'shared'),
    })
    this.#transfers = new Transfers(memory, clock, Infinity, () => {})
    const waiting = holderOf(this.#transfers, memory.account())
    this.#connector = createConnector({ settings, hasOneClient, clock, events, log, waiting })
    this.slots = new WorkerSlots(
      () => (this.#onlyOne.isKnown ? 1 : settings.pool),
      (purpose) => new ConnectedInstance(this.#program.start(purpose), this.#connector, clock.now()),
    )
    this.groups = createIsolationGroups(() => settings.pool, hasOneClient)
    this.notifications = createNotificationRouter(clock, (key) => this.groups.find(key))
    this.#idleChecks = new IdleChecks({ clock, log, checked: () => this.#slotFreed() })
    this.#starts = this.#createStarts()
    this.#watch = createUnresponsiveWorkers({ clock, log, pingAfterMs: settings.pingAfterMs })
    this.catalogWorkers = catalogWorkersOf(needs, this.#starts, this, () => this.#slotFor('catalog'))
    this.pool = poolOf(needs, program, this, {
      starts: this.#starts,
      onlyOne: this.#onlyOne,
      idleChecks: this.#idleChecks,
      spare: () => this.#spares?.take('serve'),
    })
    this.#leaveTenants = needs.tenantWorkers?.join(this.pool)
    const { groups, pool, catalogWorkers, slots, notifications } = this
    const ownLists = createOwnWorkerLists(groups, program.lists === 'common')
    const clearSpares = (): void => this.#spares?.clear()
    const parts = recyclingOf(needs, program, this, this.#starts, this.#onlyOne, clearSpares)
    this.#recycling = parts.recycling
    const common = { groups, pool, notifications, ownLists, replacements: parts.replacements, clock }
    this.catalog = createCatalogSource({ ...common, catalogWorkers, lists: program.lists })
    this.call = countCallMemory(memory, (call) => callOnWorker(call, common))
    this.health = createUpstreamHealth({
      clock,
      groups,
      catalogWorkers,
      unresponsive: () => slots.in('unresponsive').size,
      fault: () => (this.#closed ? 'the server was ended' : this.#starts.crashLoopGuard.fault),
      detail: () => this.#onlyOne.detail ?? this.#program.complaint,
    })
    this.#sweeper = clock.every(sweepMs, () => this.#sweep())
  }

  start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts> {
    return (this.#started ??= this.#start(discovered))
  }

  async #start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts> {
    const { settings, hasOneClient, clock } = this.#needs
    const started = await startServer({
      isClosed: () => this.#closed,
      settings,
      hasOneClient,
      discovered,
      clock,
      connector: this.#connector,
      program: this.#program,
      slots: this.slots,
      eventsOf: (codec, slot) => this.#starts.eventsOf(codec, slot),
    })
    const { used } = started
    for (const { serverEra, slot, worker } of used) {
      this.groups.serverEras.set(serverEra.codec.era, serverEra)
      if (!worker.closed) assignFirst(serverEra, slot, worker, this)
    }
    await this.#program.answered(used[0]?.worker.id)
    this.#spares = sparesOf(
      used.map(({ serverEra }) => serverEra),
      this.#needs,
      this.#program,
      this,
      this.#starts,
      this.#onlyOne,
    )
    if (started.isOnlyOne) this.#onlyOne.found('it ended by itself before it answered')
    this.#spares.fill()
    return factsOf(started)
  }

  subscribe(caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription> {
    return this.notifications.subscribe(this.groups.keyOf(caller), caller, filter, subscriber)
  }

  notify(caller: Caller, method: string, params: RawObject | undefined): void {
    const group = this.groups.find(this.groups.keyOf(caller))
    const workers = group?.attribution === 'session' ? group.workers : undefined
    for (const worker of workers ?? []) worker.pass(method, params)
    if (!workers?.size) this.#needs.events.emit('dropped', { what: 'client_notification', count: 1 })
  }

  endSession(caller: Caller): void {
    // The only client may have state of requests without a session; its worker ends when it is idle.
    if (this.#needs.hasOneClient || this.groups.serverEras.size === 0) return
    endGroupOfSession(caller, this, this.#starts, this.#end)
  }

  endTenant(tenant: string): number {
    return this.#needs.hasOneClient ? 0 : endGroupsOfTenant(tenant, this, this.#starts, this.#end)
  }

  counts(): Readonly<Record<string, number>> {
    return {
      ...poolCounts(this.slots, this.pool, this.#needs.settings.pool, this.groups.all(), this.#needs.clock.now()),
      workersEndedForNotReading: this.#endedForNotReading,
      ...this.#program.counts?.(),
    }
  }

  recycle(): Promise<void> {
    this.#needs.log.info({ workers: this.slots.taken }, 'workers are replaced')
    return this.#closed ? Promise.resolve() : this.#recycling.recycle()
  }

  workers(): readonly WorkerFacts[] {
    return workerFacts(this.slots, this.#needs.clock.now())
  }

  close({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close()
    if (force) void this.#program.close(true)
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#sweeper.stop()
    this.#leaveTenants?.()
    this.#transfers.close()
    this.#recycling.close()
    this.pool.close()
    const serving = [...this.groups.all()].flatMap(({ workers }) => [...workers])
    this.groups.clear()
    for (const worker of [...serving, ...this.#starts.starting()]) this.#end(worker, 'stopped')
    // The program as well: while the start is under way, no other part knows all of its processes.
    await Promise.all([...this.#ends, this.catalogWorkers.close(), this.#spares?.close(), this.#program.close(false)])
  }

  #sweep(): void {
    const { groups, pool, catalogWorkers, slots } = this
    for (const group of groups.all()) for (const worker of group.workers) this.#watch.sweep(worker, group)
    groups.removeEmpty(this.#needs.clock.now(), ({ key }) => !this.notifications.hasSubscribers(key))
    pool.sweep()
    catalogWorkers.sweep()
    this.#recycling.sweep()
    this.#spares?.fill()
    const { crashLoopGuard } = this.#starts
    const serverEra = groups.serverEras.values().next().value
    const { poolMin } = this.#needs.settings
    for (const group of poolMin > 0 ? groups.all() : [])
      if (isShared(group) && crashLoopGuard.mayStart(group.restarts)) pool.keep(group, poolMin)
    if (serverEra) this.#idleChecks.learn(slots.in('idle'), serverEra)
    if (serverEra) crashLoopGuard.retry(serverEra)
    this.#starts.checkSeveral()
    if (serverEra && pool.lacksSlots && this.#onlyOne.isTryDue()) crashLoopGuard.check(serverEra)
  }

  /** A slot may have become free. */
  #slotFreed(): void {
    if (this.#closed) return
    this.pool.slotFreed()
    this.catalogWorkers.slotFreed()
  }

  readonly #end = (worker: Worker, reason: WorkerEnd): void => {
    const ended = worker.close(reason).finally(() => this.#ends.delete(ended))
    this.#ends.add(ended)
  }

  /** A slot for something else than a call. Waiting calls go first, so there is none while the pool lacks slots. */
  #slotFor(purpose: Purpose): WorkerSlot | undefined {
    return this.pool.lacksSlots ? undefined : (this.slots.take(purpose) ?? this.#spares?.take(purpose))
  }

  #createStarts(): WorkerStarts {
    const { clock, log, events, settings } = this.#needs
    return new WorkerStarts({
      slots: this.slots,
      notifications: this.notifications,
      onlyOne: this.#onlyOne,
      idleChecks: this.#idleChecks,
      serverEras: this.groups.serverEras,
      clock,
      log,
      events,
      slotForTest: () => (this.#onlyOne.isTryDue() ? this.slots.take('check', settings.pool) : this.#slotFor('check')),
      expectsEnds: () => this.#closed || this.groups.serverEras.size === 0,
      fillSpares: () => this.#spares?.fill(),
      endedForNotReading: () => void this.#endedForNotReading++,
      slotFreed: () => this.#slotFreed(),
      recovered: () => this.#closed || this.pool.slotFreed(),
      described: ({ codec: { era } }, serverDescription) => {
        if (this.groups.describe(era, serverDescription)) this.notifications.describedAnew(era)
      },
    })
  }
}
