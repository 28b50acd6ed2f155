/**
 * Catalog workers belong to no client: they are asked for server descriptions and lists, one worker for each capability
 * profile, since a server may announce different things to different clients. They also show whether the server is
 * alive. Where all clients share one group, its own workers are asked instead.
 *
 * Each takes a slot of the pool and gives it up for any waiting call, even while it is asked. They never use more than a
 * part of the pool, so that a client with a new profile for each session does not slow down other clients. A catalog
 * worker with the same handshake as a group needs is handed over to that group instead of being ended.
 */
import { Broadcast } from '../../base/broadcast.ts'
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { JsonObject, RawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import type { Worker } from '../worker.ts'
import type { ServerEra } from '../server-era.ts'
import { listPage, ownDescription } from './own-requests.ts'
import type { WorkerSlot } from './worker-slots.ts'
import { NoRoom } from '../upstream.ts'

/** Catalog workers that are unused for this long are ended, except the first, for clients without capabilities. */
const idleMs = 5 * 60_000
/** The same for one that asks in the name of a client: the first announces changes for it, too. */
const namedIdleMs = 30_000
/** A catalog worker keeps its slot at least this long before a worker of another profile gets it. */
const leastMs = 30_000
const lookEveryMs = 250

export interface CatalogWorker {
  readonly worker: Worker
  readonly serverDescription: RawObject
  readonly slot: WorkerSlot
}

/** A catalog worker by its source, and the capabilities that are announced to it. */
export interface CatalogWorkerSpec {
  readonly source: string
  readonly serverEra: ServerEra
  readonly announced: JsonObject
  /** The client info of its handshake or requests, if it asks for clients of one name; else that of mcplex. */
  readonly info?: JsonObject | undefined
}

export interface CatalogWorkers {
  add(what: CatalogWorkerSpec, catalogWorker: CatalogWorker): void
  /** The catalog worker of a source: an existing one, or a new one if there is a free slot; else undefined. */
  at(what: CatalogWorkerSpec): Promise<CatalogWorker> | undefined
  /** The same, as soon as there is a slot. Throws `NoRoom` if that takes too long, or what its start throws. */
  get(what: CatalogWorkerSpec): Promise<CatalogWorker>
  /**
   * A page of a list. Throws `NoRoom` if there is no worker to ask and no slot for one.
   * @param shown the capabilities of the clients that the list is for
   */
  list(what: CatalogWorkerSpec, shown: JsonObject, method: string, cursor: string | undefined): Promise<Answer>
  /** A client is shown this source: its catalog worker stays, to announce changes. */
  touch(source: string): void
  /** Whether there is a worker of the source, or one is being started. */
  has(source: string): boolean
  /** Ends one of them for a waiting call, preferably one that is not asked at the moment. False if there is none. */
  endOne(): boolean
  /** Removes and returns a live one that is of use to a group; undefined if none is. */
  handOver(isOfUse: (what: CatalogWorkerSpec) => boolean): CatalogWorker | undefined
  live(): Iterable<Worker>
  /** Has new ones started from now on, instead of those that there are: these are ended elsewhere. */
  replaceAll(): void
  /** A slot may have become free. */
  slotFreed(): void
  sweep(): void
  close(): Promise<void>
}

export interface CatalogWorkersNeeds {
  readonly clock: Clock
  /** The most catalog workers. */
  readonly bound: number
  /** How long to wait for a slot, in milliseconds. */
  readonly waitMs: number
  /** Takes a slot; undefined if all are taken, or needed for calls. */
  readonly takeSlot: () => WorkerSlot | undefined
  /** Ends an idle worker of a client, if there is one that may be ended. */
  readonly endIdleWorker: () => void
  /** Whether ending another worker is of no use: one is about to end, or a call would get the slot. */
  readonly isInVain: () => boolean
  /** Whether a worker for the source may be started now, without a back-off pause. */
  readonly mayStart: (source: string) => boolean
  /** Waits until it may be started. Throws `upstream_unavailable`. */
  readonly untilAllowed: (source: string) => Promise<void>
  /** Starts a worker in the slot. Throws a `Refusal`. */
  readonly open: (what: CatalogWorkerStart) => Promise<CatalogWorker>
}

export interface CatalogWorkerStart extends CatalogWorkerSpec {
  readonly slot: WorkerSlot
  /** Fires when the worker is to be ended. */
  readonly cancel: Cancel
}

interface Entry {
  readonly what: CatalogWorkerSpec
  readonly opening: Promise<CatalogWorker>
  readonly cancel: Cancel
  readonly startedMs: number
  catalogWorker: CatalogWorker | undefined
  usedMs: number
  /** Requests in flight to it. */
  asked: number
}

const longestIdleMs = ({ info }: CatalogWorkerSpec): number => (info === undefined ? idleMs : namedIdleMs)

export function createCatalogWorkers(needs: CatalogWorkersNeeds): CatalogWorkers {
  const { clock } = needs
  const entries = new Map<string, Entry>()
  /** Waits for a slot, by source. */
  const waiting = new Map<string, Promise<CatalogWorker>>()
  /** Notified when a slot may have become free. */
  const freedSlots = new Broadcast()
  let first: string | undefined
  let closed = false

  const slotFreed = (): void => {
    freedSlots.notify()
  }
  const alive = (source: string): Entry | undefined => {
    const entry = entries.get(source)
    const { worker } = entry?.catalogWorker ?? {}
    return worker?.closed || worker?.state === 'retiring' ? undefined : entry
  }
  const end = (source: string, entry: Entry): void => {
    entries.delete(source)
    entry.cancel.cancel('its slot is needed')
  }
  const count = (): number => {
    let found = 0
    for (const source of entries.keys()) if (alive(source)) found++
    return found
  }

  /** The least recently used one: of all, or of those that are not asked at the moment. */
  const oldest = (mayWork: boolean): [string, Entry] | undefined => {
    let found: [string, Entry] | undefined
    for (const [source, entry] of entries) {
      if (!alive(source) || (!mayWork && (!entry.catalogWorker || entry.asked > 0))) continue
      if (!found || entry.usedMs < found[1].usedMs) found = [source, entry]
    }
    return found
  }

  const open = (what: CatalogWorkerSpec, slot: WorkerSlot): Entry => {
    const { source } = what
    const cancel = new Cancel()
    const now = clock.now()
    const opening = needs.open({ ...what, slot, cancel })
    const entry: Entry = { what, opening, cancel, startedMs: now, catalogWorker: undefined, usedMs: now, asked: 0 }
    entries.set(source, entry)
    opening.then(
      (catalogWorker) => (entry.catalogWorker = catalogWorker),
      () => entries.get(source) === entry && entries.delete(source),
    )
    return entry
  }

  const find = (what: CatalogWorkerSpec): Entry | undefined => {
    const known = alive(what.source)
    if (known) {
      known.usedMs = clock.now()
      return known
    }
    if (closed || !needs.mayStart(what.source)) return undefined
    const slot = count() < needs.bound ? needs.takeSlot() : undefined
    return slot && open(what, slot)
  }

  /** Ends another catalog worker or an idle worker of a client, so that a slot becomes free. */
  const freeSlot = (): void => {
    if (needs.isInVain()) return
    const other = oldest(false)
    if (other) end(...other)
    else needs.endIdleWorker()
  }

  const wait = async (what: CatalogWorkerSpec): Promise<CatalogWorker> => {
    const untilMs = clock.now() + needs.waitMs
    for (;;) {
      if (!alive(what.source)) await needs.untilAllowed(what.source)
      const entry = find(what)
      try {
        if (entry) return await entry.opening
      } catch (error) {
        if (!entry?.cancel.cancelled && !(error instanceof NoRoom)) throw error
      }
      if (closed || clock.now() >= untilMs) throw new NoRoom()
      if (!entry) freeSlot()
      await freedSlots.next(clock, lookEveryMs)
    }
  }

  return {
    add(what, catalogWorker) {
      const { source } = what
      first ??= source
      const now = clock.now()
      const cancel = new Cancel()
      cancel.onCancel(() => void catalogWorker.worker.close(closed ? 'stopped' : 'not_needed'))
      const opening = Promise.resolve(catalogWorker)
      entries.set(source, { what, opening, cancel, startedMs: now, catalogWorker, usedMs: now, asked: 0 })
    },
    at: (what) => find(what)?.opening,
    async get(what) {
      const catalogWorker = find(what)?.catalogWorker
      if (catalogWorker) return catalogWorker
      const { source } = what
      let waits = waiting.get(source)
      if (!waits) {
        waits = wait(what).finally(() => waiting.delete(source))
        waiting.set(source, waits)
      }
      return waits
    },
    async list(what, shown, method, cursor) {
      const entry = find(what)
      if (!entry) {
        // Ends a worker that has had its slot for long enough, so that the next request finds one.
        const other = needs.isInVain() || !needs.mayStart(what.source) ? undefined : oldest(false)
        if (other && clock.now() - other[1].startedMs >= leastMs) end(...other)
        throw new NoRoom()
      }
      entry.asked++
      try {
        const { worker } = await entry.opening
        // It was replaced meanwhile: another one can be asked later.
        if (worker.closed || worker.state === 'retiring') throw new NoRoom()
        worker.reserve()
        const page = listPage(worker, method, cursor, ownDescription(what.serverEra, shown, what.info), shown)
        return await page.finally(() => worker.unreserve())
      } catch (error) {
        throw entry.cancel.cancelled ? new NoRoom(error) : error
      } finally {
        entry.asked--
      }
    },
    touch(source) {
      const known = entries.get(source)
      if (known) known.usedMs = clock.now()
    },
    has: (source) => alive(source) !== undefined,
    endOne() {
      const other = oldest(false) ?? oldest(true)
      if (other) end(...other)
      return other !== undefined
    },
    handOver(isOfUse) {
      for (const [source, { what, catalogWorker, asked }] of entries) {
        // With a list in flight it works for other clients, too: one of them could then end or stall it.
        if (!catalogWorker || asked > 0 || !alive(source) || !isOfUse(what)) continue
        entries.delete(source)
        return catalogWorker
      }
      return undefined
    },
    *live() {
      for (const { catalogWorker } of entries.values())
        if (catalogWorker && !catalogWorker.worker.closed) yield catalogWorker.worker
    },
    replaceAll: () => entries.clear(),
    slotFreed,
    sweep() {
      const now = clock.now()
      for (const [source, entry] of entries) {
        if (!alive(source)) entries.delete(source)
        else if (entry.catalogWorker && source !== first && now - entry.usedMs >= longestIdleMs(entry.what))
          end(source, entry)
      }
    },
    async close() {
      closed = true
      const all = [...entries]
      slotFreed()
      await Promise.all(
        all.map(async ([source, entry]) => {
          end(source, entry)
          await entry.opening.then(
            ({ worker }) => worker.close('stopped'),
            () => {},
          )
        }),
      )
    },
  }
}
