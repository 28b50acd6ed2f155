/**
 * Processes that belong to no client: what the server says of itself and what it lists is learnt from them, one for
 * each capability profile, since a server may announce other things to other clients. They also answer whether the
 * server is alive. Where all clients share one unit, its own processes are asked instead.
 *
 * Each takes a place of the pool, and gives it up for any call that waits, whatever it is at. They never have more than
 * a part of the pool, so that a client with a new profile for each session does not slow down the calls of others. One
 * that clients can be truthfully served by becomes theirs, instead of being ended for another.
 */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { JsonObject, RawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { ServerEra } from '../connection/connector.ts'
import { listPage, ownDescription } from '../connection/own-requests.ts'
import type { WorkerSlot } from './worker-slots.ts'
import type { WorkerOwner } from './isolation-group.ts'
import { NoRoom } from '../upstream.ts'

/** Keepers that stay when nobody asks them; the first, of clients without capabilities, always does. */
const idleMs = 5 * 60_000
/** One stays at least so long before that of another profile takes its turn. */
const turnMs = 30_000
const lookEveryMs = 250

export interface CatalogWorker {
  readonly connection: UpstreamConnection
  readonly serverDescription: RawObject
  /** To be set when it is handed over. */
  readonly owner: WorkerOwner
}

/** What is learnt, and how: from a process that is told of these capabilities. */
export interface Learnt {
  readonly source: string
  readonly serverEra: ServerEra
  readonly announced: JsonObject
}

export interface CatalogWorkers {
  add(what: Learnt, catalogWorker: CatalogWorker): void
  /** The keeper of a source: the one that is there, or a new one if there is room at once; else undefined. */
  at(what: Learnt): Promise<CatalogWorker> | undefined
  /** The same, as soon as there is room. Throws `NoRoom` if that takes too long, or what its start throws. */
  get(what: Learnt): Promise<CatalogWorker>
  /**
   * A page of a list. Throws `NoRoom` if there is none for a process that could be asked.
   * @param shown the capabilities of those whom the list is for
   */
  list(what: Learnt, shown: JsonObject, method: string, cursor: string | undefined): Promise<Answer>
  /** Somebody is shown what this source says: its keeper stays, to hear of changes. */
  touch(source: string): void
  /** Ends one for a call that waits: one that is at nothing, if there is one. False if there is none at all. */
  evictIdle(): boolean
  /** Gives one up, alive, if any is of use; undefined if none is. */
  handOver(isOfUse: (what: Learnt) => boolean): CatalogWorker | undefined
  live(): Iterable<UpstreamConnection>
  /** A place may be free. */
  freed(): void
  sweep(): void
  close(): Promise<void>
}

export interface CatalogWorkersNeeds {
  readonly clock: Clock
  /** Keepers at most. */
  readonly bound: number
  /** How long is waited for room, in milliseconds. */
  readonly waitMs: number
  /** A place; undefined if all are taken, or wanted for calls. */
  readonly slot: () => WorkerSlot | undefined
  /** Ends an idle process of a client, if that may be. */
  readonly endIdle: () => void
  /** Whether it makes no sense to end another process: one is about to end, or its place would be a call's. */
  readonly isInVain: () => boolean
  /** Whether a process for the source may be started without a pause. */
  readonly mayStart: (source: string) => boolean
  /** Waits until it may be. Throws `upstream_unavailable`. */
  readonly untilAllowed: (source: string) => Promise<void>
  /** Starts a process in the place. Throws a `Refusal`. */
  readonly open: (what: Opening) => Promise<CatalogWorker>
}

export interface Opening extends Learnt {
  readonly slot: WorkerSlot
  /** Fires if the process is to end. */
  readonly cancel: Cancel
}

interface Entry {
  readonly what: Learnt
  readonly opening: Promise<CatalogWorker>
  readonly cancel: Cancel
  readonly startedMs: number
  catalogWorker: CatalogWorker | undefined
  usedMs: number
  /** Requests that it is asked at the moment. */
  asked: number
}

export function createCatalogWorkers(needs: CatalogWorkersNeeds): CatalogWorkers {
  const { clock } = needs
  const entries = new Map<string, Entry>()
  /** Those that wait for room, by source. */
  const waiting = new Map<string, Promise<CatalogWorker>>()
  let news: Array<() => void> = []
  let first: string | undefined
  let closed = false

  const freed = (): void => {
    const told = news
    news = []
    for (const tell of told) tell()
  }
  const alive = (source: string): Entry | undefined => {
    const entry = entries.get(source)
    return entry?.catalogWorker?.connection.closed ? undefined : entry
  }
  const end = (source: string, entry: Entry): void => {
    entries.delete(source)
    entry.cancel.cancel('its place is needed')
  }
  const count = (): number => {
    let alives = 0
    for (const source of entries.keys()) if (alive(source)) alives++
    return alives
  }

  /** The one that was not used for longest: of those that are at nothing, or of all of them. */
  const oldest = (mayWork: boolean): [string, Entry] | undefined => {
    let found: [string, Entry] | undefined
    for (const [source, entry] of entries) {
      if (!alive(source) || (!mayWork && (!entry.catalogWorker || entry.asked > 0))) continue
      if (!found || entry.usedMs < found[1].usedMs) found = [source, entry]
    }
    return found
  }

  const open = (what: Learnt, slot: WorkerSlot): Entry => {
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

  const find = (what: Learnt): Entry | undefined => {
    const known = alive(what.source)
    if (known) {
      known.usedMs = clock.now()
      return known
    }
    if (closed || !needs.mayStart(what.source)) return undefined
    const slot = count() < needs.bound ? needs.slot() : undefined
    return slot && open(what, slot)
  }

  /** Ends another one, or an idle process of a client, so that there will be room. */
  const makeRoom = (): void => {
    if (needs.isInVain()) return
    const other = oldest(false)
    if (other) end(...other)
    else needs.endIdle()
  }

  const wait = async (what: Learnt): Promise<CatalogWorker> => {
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
      if (!entry) makeRoom()
      await new Promise<void>((resolve) => {
        const timer = clock.after(lookEveryMs, resolve)
        news.push(() => {
          timer.stop()
          resolve()
        })
      })
    }
  }

  return {
    add(what, catalogWorker) {
      const { source } = what
      first ??= source
      const now = clock.now()
      const cancel = new Cancel()
      cancel.onCancel(() => void catalogWorker.connection.close())
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
        // Others had their turn: there will be room for the next who asks.
        const other = needs.isInVain() || !needs.mayStart(what.source) ? undefined : oldest(false)
        if (other && clock.now() - other[1].startedMs >= turnMs) end(...other)
        throw new NoRoom()
      }
      entry.asked++
      try {
        const { connection } = await entry.opening
        return await listPage(connection, method, cursor, ownDescription(what.serverEra, shown), shown)
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
    evictIdle() {
      const other = oldest(false) ?? oldest(true)
      if (other) end(...other)
      return other !== undefined
    },
    handOver(isOfUse) {
      for (const [source, { what, catalogWorker }] of entries) {
        if (!catalogWorker || !alive(source) || !isOfUse(what)) continue
        entries.delete(source)
        return catalogWorker
      }
      return undefined
    },
    *live() {
      for (const { catalogWorker } of entries.values())
        if (catalogWorker && !catalogWorker.connection.closed) yield catalogWorker.connection
    },
    freed,
    sweep() {
      const now = clock.now()
      for (const [source, entry] of entries) {
        if (!alive(source)) entries.delete(source)
        else if (entry.catalogWorker && source !== first && now - entry.usedMs >= idleMs) end(source, entry)
      }
    },
    async close() {
      closed = true
      const all = [...entries]
      freed()
      await Promise.all(
        all.map(async ([source, entry]) => {
          end(source, entry)
          await entry.opening.then(
            ({ connection }) => connection.close(),
            () => {},
          )
        }),
      )
    },
  }
}
