/** Starts workers of isolation groups and catalog workers, restores their state, and counts their failures. */
import { type Clock, pause } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { EraName } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import type { ServerEra } from '../server-era.ts'
import { NoRoom } from '../upstream.ts'
import type { Worker, WorkerEvents } from '../worker.ts'
import { startFailure, type WorkerExit } from '../worker-exit.ts'
import { activateWorker, tellReplaced } from './activate-worker.ts'
import { profileSource } from './catalog-keys.ts'
import type { CatalogWorker, CatalogWorkerStart } from './catalog-workers.ts'
import { type CrashLoopGuard, createCrashLoopGuard } from './crash-loop-guard.ts'
import { explainStart } from './explain-start.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { IdleChecks } from './idle-checks.ts'
import type { NotificationRouter } from './notification-router.ts'
import { ownCaller, ownDescription } from './own-requests.ts'
import type { RestartBackoff } from './restart-backoff.ts'
import type { SingleInstance } from './single-instance.ts'
import { areSeveralSteady, lastingMs, runningWorkers } from './running-workers.ts'
import type { WorkerSlot, WorkerSlots } from './worker-slots.ts'

export interface WorkerStartsNeeds {
  readonly slots: WorkerSlots
  readonly notifications: NotificationRouter
  readonly onlyOne: SingleInstance
  readonly idleChecks: Pick<IdleChecks, 'isAlive'>
  readonly serverEras: ReadonlyMap<EraName, ServerEra>
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** A slot for a test start; undefined if there is none. */
  readonly slotForTest: () => WorkerSlot | undefined
  /** Whether ends of workers are expected: before the start is done, and after the end. */
  readonly expectsEnds: () => boolean
  /** Starts missing spares. */
  readonly fillSpares: () => void
  /** A worker was ended because it sent requests without reading the responses. */
  readonly endedForNotReading: () => void
  /** A slot may have become free. */
  readonly slotFreed: () => void
  /** An unresponsive worker responds again: waiting calls may use it. */
  readonly recovered: () => void
  /** How the server describes itself to a client that declares nothing; undefined if it was not asked. */
  readonly described: (serverEra: ServerEra, serverDescription: RawObject | undefined) => void
}

/** A worker that ends within this time of its start may be one that cannot run beside another. */
const youngMs = 5000
/** How long a test start beside another worker is watched. */
const watchedMs = 1000

export class WorkerStarts {
  readonly crashLoopGuard: CrashLoopGuard
  readonly #needs: WorkerStartsNeeds

  constructor(needs: WorkerStartsNeeds) {
    this.#needs = needs
    this.crashLoopGuard = createCrashLoopGuard({
      clock: needs.clock,
      onlyOne: needs.onlyOne,
      isOneRunning: () => this.#isOneRunning(),
      areSeveralRunning: () => runningWorkers(this.#needs.slots) > 1,
      testStart: (serverEra) => this.#testStart(serverEra),
    })
  }

  /** The workers whose start is in progress and that have been sent something, for a group or for all. */
  starting(group?: IsolationGroup): Worker[] {
    const { slots } = this.#needs
    return [...slots.in('starting'), ...slots.in('restoring')].flatMap(({ worker, owner }) =>
      worker && (group === undefined || owner.group === group) ? [worker] : [],
    )
  }

  /** Starts a worker of a group in the slot. Throws a `Refusal`; `NoRoom` if only one worker can run and another does. */
  async start(group: IsolationGroup, serverEra: ServerEra, slot: WorkerSlot): Promise<Worker> {
    try {
      await this.crashLoopGuard.untilAllowed(group.restarts)
      if (group.ended) throw new Refusal('upstream_closed')
    } catch (error) {
      slot.release()
      throw error
    }
    slot.owner.group = group
    let isOpen = false
    const wasBeside = this.#isOneRunning()
    const opened = slot.open({
      ...this.eventsOf(serverEra.codec, slot),
      caller: group.caller,
      announced: group.announced,
      attribution: group.attribution,
      // The handshake, and not a call, should find out that it cannot run beside another. One that takes the place of
      // another may describe itself in another way.
      mustDiscover: group.attribution === 'several' || (this.#needs.onlyOne.isUndecided && wasBeside),
      // In groups of several principals the handshake is neutral.
      failed: (failure) => {
        const isNeutral = group.attribution === 'several'
        isOpen = this.crashLoopGuard.startFailed(group.restarts, failure, { isNeutral, wasBeside, serverEra })
      },
      connected: () => this.#noteOpening(slot),
    })
    const { worker, serverDescription } = await opened.catch(async (error: unknown) => {
      throw isOpen ? await this.#explained(group.restarts, error) : error
    })
    if (serverEra.codec.era === 'legacy') this.crashLoopGuard.started()
    if (group.attribution === 'several') this.#needs.described(serverEra, serverDescription)
    return this.#activate(group, serverEra, slot, worker)
  }

  /** A worker of the group has taken the place of others. */
  replaced(group: IsolationGroup, worker: Worker): void {
    const serverEra = this.#needs.serverEras.get(group.codec.era)
    if (serverEra) tellReplaced(group, serverEra, worker, this.#needs)
  }

  /** Makes a catalog worker a worker of the group. Throws a `Refusal` if it has ended meanwhile. */
  async handOver(group: IsolationGroup, serverEra: ServerEra, { worker, slot }: CatalogWorker): Promise<Worker> {
    const { owner } = slot
    if (!(await this.#needs.idleChecks.isAlive(worker, group))) throw new NoRoom()
    slot.assign('serve')
    if (owner.source !== undefined) this.#needs.notifications.unwatched(owner.source, true)
    owner.group = group
    owner.source = undefined
    worker.attributor.attribution = group.attribution
    return this.#activate(group, serverEra, slot, worker)
  }

  /** Starts a catalog worker. Throws as `start` does. */
  async startCatalogWorker(what: CatalogWorkerStart): Promise<CatalogWorker> {
    const { source, serverEra, announced, info, slot, cancel } = what
    const restarts = this.crashLoopGuard.ofSource(source)
    slot.owner.source = source
    const wasBeside = this.#isOneRunning()
    let isOpen = false
    const opened = slot.open({
      ...this.eventsOf(serverEra.codec, slot),
      caller: { ...ownCaller(serverEra), client: ownDescription(serverEra, announced, info) },
      announced,
      attribution: 'several',
      mustDiscover: true,
      failed: (failure) => {
        const isNeutral = info === undefined && Object.keys(announced).length === 0
        isOpen = this.crashLoopGuard.startFailed(restarts, failure, { isNeutral, wasBeside, serverEra })
      },
      connected: (worker) => {
        this.#noteOpening(slot)
        cancel.onCancel(() => void worker.close(this.#needs.expectsEnds() ? 'stopped' : 'not_needed'))
      },
    })
    const { worker, serverDescription } = await opened.catch(async (error: unknown) => {
      throw isOpen ? await this.#explained(restarts, error) : error
    })
    if (!worker.closed) slot.move('idle')
    this.crashLoopGuard.started()
    if (source === profileSource(serverEra.codec.era)) this.#needs.described(serverEra, serverDescription)
    return { worker, slot, serverDescription: serverDescription ?? serverEra.serverDescription }
  }

  /** What the worker in a slot does when something happens to it. */
  eventsOf(codec: UpstreamCodec, slot: WorkerSlot): WorkerEvents {
    const { notifications, log, clock } = this.#needs
    const { owner } = slot
    return {
      codec,
      unsolicited: (worker, update) => notifications.route(owner, worker, update),
      ended: (worker, exit) => this.#ended(slot, worker, exit),
      notReading: (worker) => {
        log.warn(
          { worker: worker.number, reason: 'answers_unread' },
          'worker asks without reading the answers and is ended',
        )
        this.#needs.endedForNotReading()
        if (owner.group) owner.group.hasLostState = true
        this.#restartsOf(slot)?.failed(clock.now(), 'ended')
        worker.kill('answers_unread')
      },
      recovered: (worker) => {
        log.info({ worker: worker.number }, 'worker responds again')
        this.#needs.recovered()
      },
      unattributed: (method) => {
        this.#needs.events.emit('unattributedServerRequest', { method })
        const { group } = owner
        if (!group || group.hasWarnedOfUnattributed || group.attribution === 'session') return
        group.hasWarnedOfUnattributed = true
        log.warn(
          { method },
          'shared worker sent an input request that could be for any of several clients; it was refused; use --mode session',
        )
      },
    }
  }

  /** A spare could not be started, or ended by itself. */
  spareFailed(exit: WorkerExit, serverEra: ServerEra): void {
    if (this.#needs.expectsEnds()) return
    this.#needs.log.warn({ exit: exit.code ?? exit.error ?? exit.signal }, 'spare worker has ended')
    this.crashLoopGuard.startFailed(undefined, startFailure(exit), { isNeutral: false, wasBeside: false, serverEra })
  }

  /** Checks whether several workers run at once; called now and then. */
  checkSeveral(): void {
    const { onlyOne, clock, slots } = this.#needs
    if ((onlyOne.isKnown || onlyOne.isUndecided) && areSeveralSteady(slots, clock.now())) onlyOne.ranBeside()
    if (!onlyOne.isDisproved && areSeveralSteady(slots, clock.now(), lastingMs)) onlyOne.ranBeside(true)
  }

  #isOneRunning(): boolean {
    return runningWorkers(this.#needs.slots) > 0 || this.#needs.slots.in('ending').size > 0
  }

  #noteOpening(slot: WorkerSlot): void {
    slot.openedMs = this.#needs.clock.now()
  }

  #restartsOf({ owner: { group, source } }: WorkerSlot): RestartBackoff | undefined {
    return group?.restarts ?? (source === undefined ? undefined : this.crashLoopGuard.ofSource(source))
  }

  #explained(own: RestartBackoff, error: unknown): Promise<unknown> {
    const { clock, onlyOne } = this.#needs
    return explainStart(own, error, { clock, onlyOne, checked: () => this.crashLoopGuard.checked() })
  }

  #ended(slot: WorkerSlot, worker: Worker, { expected, reason, code, signal }: WorkerExit): void {
    const { notifications, clock, log, onlyOne, serverEras, expectsEnds, slotFreed } = this.#needs
    const { group, source } = slot.owner
    // Changes of its lists would not be noticed any more.
    // One that takes its place may be of another version of the server.
    if (!group && source !== undefined) notifications.unwatched(source, expected && !slot.isReplaced)
    if (group) {
      group.workers.delete(worker)
      notifications.unwatchedOf(group, worker)
    }
    if (!expected && !expectsEnds()) {
      // What a retiring worker remembers was lost when it got no further call.
      if (group && slot.previous !== 'retiring') group.hasLostState = true
      // An end before the handshake is a failed start, which is counted where the worker is opened.
      const hasHandshake = slot.previous !== 'starting'
      if (hasHandshake) this.#restartsOf(slot)?.failed(clock.now(), 'ended')
      // That it took too much memory was logged where it was found.
      if (reason !== 'memory_limit')
        log.warn({ worker: worker.number, reason, exit: code, signal }, 'worker ended unexpectedly')
      const serverEra = serverEras.get(worker.codec.era)
      const isYoung = clock.now() - slot.openedMs < youngMs
      if (serverEra && hasHandshake && isYoung && onlyOne.isUndecided && this.#isOneRunning())
        this.crashLoopGuard.check(serverEra)
    }
    slotFreed()
  }

  /** A test start: opens a worker with a neutral handshake, which no client uses, and ends it. */
  async #testStart(serverEra: ServerEra): Promise<void> {
    const { clock, onlyOne } = this.#needs
    const slot = this.#needs.expectsEnds() ? undefined : this.#needs.slotForTest()
    if (!slot) throw new NoRoom()
    const events = this.eventsOf(serverEra.codec, slot)
    let exit: WorkerExit | undefined
    const start = { isNeutral: true, wasBeside: this.#isOneRunning(), serverEra }
    const { worker } = await slot.open({
      ...events,
      caller: ownCaller(serverEra),
      announced: {},
      attribution: 'several',
      mustDiscover: true,
      failed: (failure) => this.crashLoopGuard.startFailed(undefined, failure, start),
      connected: () => this.#noteOpening(slot),
      ended(one, how) {
        exit = how
        events.ended(one, how)
      },
    })
    if (this.#isOneRunning() && (onlyOne.isUndecided || onlyOne.isKnown)) {
      await pause(clock, watchedMs)
      if (exit?.expected === false) {
        this.crashLoopGuard.startFailed(undefined, startFailure(exit), start)
        throw new Refusal('upstream_unavailable')
      }
      if (onlyOne.isKnown && !worker.closed && runningWorkers(this.#needs.slots) > 0) onlyOne.ranBeside()
    }
    this.crashLoopGuard.started()
    await worker.close('not_needed')
  }

  /** Makes a worker that has answered its handshake a worker of the group. */
  async #activate(group: IsolationGroup, serverEra: ServerEra, slot: WorkerSlot, worker: Worker): Promise<Worker> {
    await activateWorker(group, serverEra, slot, worker, this.#needs)
    this.#needs.fillSpares()
    return worker
  }
}
