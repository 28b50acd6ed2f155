/**
 * Which workers are asked for server descriptions and lists: a catalog worker for each capability profile, and for each
 * name of clients among those that are kept apart; the shared workers in mode `shared`; and the own worker of a group
 * that lists something else, or for which no catalog worker can be started.
 */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Caller, principalKey } from '../../protocol/call.ts'
import { editObject, isObject, type RawObject } from '../../protocol/json-text.ts'
import type { Worker } from '../worker.ts'
import { modeOf, ownInfo, type ServerEra } from '../server-era.ts'
import type { CatalogWorkers, CatalogWorkerSpec } from './catalog-workers.ts'
import { listPage } from './own-requests.ts'
import type { Pool } from './pool.ts'
import { ProfileKeys } from './profile-keys.ts'
import {
  announcedIn,
  eraIn,
  follows,
  infoIn,
  isEmptyProfile,
  isWithoutExtensions,
  profileSource,
  groupKeyIn,
  groupSource,
  withoutName,
} from './catalog-keys.ts'
import { ClientNames } from './client-names.ts'
import { type IsolationGroup, isCommon } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'
import { type CatalogSource, type ListPages, NoRoom, type OwnListSource } from '../upstream.ts'
import type { NotificationRouter } from './notification-router.ts'

/** Changes that catalog workers announce are passed on together, in milliseconds. */
const announceMs = 500

export interface CatalogSourceNeeds {
  readonly groups: IsolationGroups
  readonly catalogWorkers: CatalogWorkers
  readonly notifications: NotificationRouter
  readonly ownLists: OwnListSource
  readonly clock: Clock
  readonly pool: Pick<Pool, 'wait' | 'callEnded'>
  /**
   * What is known of the lists of the server: a caller gets those of a worker of its own group, where it shares that with
   * no other; or all callers get the same.
   */
  readonly lists?: 'own' | 'common' | undefined
}

/** A worker that gives a list, reserved for that. */
interface Giver {
  readonly worker: Worker
  readonly end: () => void
}

export function createCatalogSource(needs: CatalogSourceNeeds): CatalogSource {
  const { groups, catalogWorkers, pool, notifications } = needs
  const profiles = new ProfileKeys(needs.clock)
  const names = new ClientNames(needs.clock)

  /** The key of the client's name, if the server may list something for it alone: not where clients of any name share a worker. */
  const nameFor = (serverEra: ServerEra, caller: Caller): string | undefined => {
    const isTold = serverEra.codec.era === 'modern' || !isCommon(modeOf(serverEra, caller))
    return isTold && needs.lists !== 'common' ? names.keyOf(caller.client) : undefined
  }

  const profileSourceOf = (serverEra: ServerEra, caller: Caller, name?: string): string =>
    profileSource(serverEra.codec.era, profiles.keyOf(groups.announcedTo(serverEra, caller)), name)

  const commonSourceOf = (caller: Caller): string => {
    const serverEra = groups.serverEraOf(caller)
    return profileSourceOf(serverEra, caller, nameFor(serverEra, caller))
  }

  /** Whether all lists of the caller come from the caller's own group, known before it has a worker. */
  const hasOwnLists = (caller: Caller): boolean => {
    // Without a session in the era that has them, it is the gateway itself that asks.
    const isOfGateway = caller.session === undefined && caller.client.era === 'legacy'
    return needs.lists === 'own' && !isOfGateway && !isCommon(modeOf(groups.serverEraOf(caller), caller))
  }

  const sourceOf = (caller: Caller, list: string | undefined): string => {
    if (list !== undefined && hasOwnLists(caller)) return groupSource(groups.of(caller).key)
    const group = list === undefined ? undefined : groups.find(groups.keyOf(caller))
    if (group && list !== undefined && group.ownLists.get(list)?.isShown) return groupSource(group.key)
    const serverEra = groups.serverEraOf(caller)
    const source = profileSourceOf(serverEra, caller, list === undefined ? undefined : nameFor(serverEra, caller))
    catalogWorkers.touch(serverEra.codec.era === 'modern' ? profileSource('modern') : withoutName(source))
    return source
  }

  /** Announcements of catalog workers that are about to be passed on, by source and list. */
  const announcing = new Set<string>()
  notifications.onCatalogChange((source, list) => {
    const change = `${list} ${source}`
    if (announcing.has(change)) return
    announcing.add(change)
    needs.clock.after(announceMs, () => {
      announcing.delete(change)
      notifications.tellChangeToAll(list, (caller) => follows(sourceOf(caller, list), source))
    })
  })

  /** The era of a source. With only one client, the era that serves it may have changed since the source was chosen. */
  const serverEraFor = (caller: Caller, source: string): ServerEra => {
    const era = eraIn(source)
    return (era && groups.serverEras.get(era)) ?? groups.serverEraOf(caller)
  }

  /** A worker of the group, as soon as there is one, with a place reserved. */
  const freeWorker = async (group: IsolationGroup, caller: Caller): Promise<Worker> => {
    const there = group.exclusive ? undefined : oneOf(group)
    if (there) {
      there.reserve()
      return there
    }
    // This waits in line like a call of that client.
    const client = caller.session ?? JSON.stringify(principalKey(caller.principal))
    const of = { principal: caller.principal, fairnessKey: client, clientKey: caller.session ?? '' }
    return pool.wait(group, { ...of, cancel: new Cancel() })
  }

  /** The workers that give lists page by page. */
  const givers = new WeakMap<ListPages, Giver>()

  /** A worker of the group that gives a list, until it ends. @param own the list, if it comes from the group's own worker */
  const giverFor = async (group: IsolationGroup, caller: Caller, own: string | undefined): Promise<Giver> => {
    const known = own === undefined ? undefined : group.ownLists.get(own)?.worker
    // A worker that answers a list must not count as idle.
    const isOwn = known !== undefined && !known.closed && known.state !== 'retiring'
    if (isOwn) known.reserve()
    const worker = isOwn ? known : await freeWorker(group, caller)
    group.listsInFlight++
    const over = worker.codec.era === 'legacy' ? worker.workFor(caller.session) : undefined
    return {
      worker,
      end() {
        group.listsInFlight--
        worker.unreserve()
        over?.()
        // A late message about this list could be attributed to the next call.
        if (group.endsAfter === 'every call' && worker.callsInFlight === 0) void worker.close('client_gone')
        pool.callEnded()
      },
    }
  }

  const specFor = (caller: Caller, source: string): CatalogWorkerSpec => {
    const serverEra = serverEraFor(caller, source)
    // Stateless servers need no worker for each profile: the request itself names the client.
    const info = infoIn(source)
    if (serverEra.codec.era === 'modern') return { source: profileSource('modern'), serverEra, announced: {}, info }
    return { source, serverEra, announced: announcedIn(source), info }
  }

  return {
    eraOf: (caller, source) =>
      (source === undefined ? groups.serverEraOf(caller) : serverEraFor(caller, source)).codec.era,
    sourceOf,
    commonSourceOf,
    withoutName,
    follows,
    announce(source, list) {
      const key = groupKeyIn(source)
      const group = key === undefined ? undefined : groups.find(key)
      if (group) notifications.tellChange(group, [list])
      else notifications.tellChangeToAll(list, (caller) => sourceOf(caller, list) === source)
    },
    announceToAll(list) {
      for (const group of groups.all()) {
        if (group.attribution !== 'session' || group.workers.size === 0) continue
        const own = group.ownLists.get(list)
        if (own) group.ownLists.set(list, { ...own, callsEnded: -1 })
        notifications.tellChange(group, [list])
      }
      notifications.tellChangeToAll(list, () => true)
    },
    ownLists: needs.ownLists,
    // A group whose own worker lists something else has that for itself.
    isForAll: (source) => needs.lists === 'common' && groupKeyIn(source) === undefined,
    isWithoutExtensions,
    isEmptyProfile,
    startDescription: (caller) => groups.serverEraOf(caller).serverDescription,
    async serverDescription(caller, source, mayWait) {
      const serverEra = serverEraFor(caller, source)
      if (serverEra.codec.era === 'modern') {
        // Its worker may be of another version of the server than the one of the start.
        const asked =
          serverEra.mode === 'shared'
            ? undefined
            : await catalogWorkers.at(specFor(caller, source))?.catch(() => undefined)
        return asked?.serverDescription ?? serverEra.serverDescription
      }
      if (serverEra.mode === 'shared') return withoutTasks(serverEra.serverDescription)
      // The description is the same for clients of any name: a worker that will be asked for lists can tell it, too.
      const what = specFor(caller, catalogWorkers.has(source) ? source : commonSourceOf(caller))
      const catalogWorker = await (mayWait ? catalogWorkers.get(what) : catalogWorkers.at(what))
      if (!catalogWorker) throw new NoRoom()
      return serverEra.mode === 'session'
        ? catalogWorker.serverDescription
        : withoutTasks(catalogWorker.serverDescription)
    },
    async list(caller: Caller, source, method, cursor, pages) {
      const serverEra = serverEraFor(caller, source)
      const key = groupKeyIn(source)
      const group = serverEra.mode === 'shared' ? groups.of(caller) : key === undefined ? undefined : groups.find(key)
      if (group) {
        const before = pages && givers.get(pages)
        const giver =
          before && !before.worker.closed
            ? before
            : await giverFor(group, caller, key === undefined ? undefined : method)
        if (pages && giver !== before) {
          pages.end()
          givers.set(pages, giver)
          pages.onEnd(giver.end)
        }
        const client = key === undefined ? { ...caller.client, info: infoIn(source) ?? ownInfo } : caller.client
        return await listPage(giver.worker, method, cursor, client, group.announced).finally(() => {
          if (!pages) giver.end()
        })
      }
      // The group has ended since the source was chosen, and its lists with it.
      if (key !== undefined) throw new Refusal('upstream_closed')
      return catalogWorkers.list(specFor(caller, source), announcedIn(source), method, cursor)
    },
    async own(caller, list) {
      const group = groups.of(caller)
      const worker = await freeWorker(group, caller)
      worker.unreserve()
      pool.callEnded()
      group.ownLists.set(list, { worker, callsEnded: group.callsEnded, isShown: true })
      return groupSource(group.key)
    },
    onStale: (stale) => notifications.onStale(stale),
  }
}

/** A worker of the group that is not ending, preferably one that responds. */
function oneOf({ workers }: IsolationGroup): Worker | undefined {
  let silent: Worker | undefined
  for (const worker of workers) {
    if (worker.closed || worker.state === 'retiring') continue
    if (worker.state !== 'unresponsive') return worker
    silent = worker
  }
  return silent
}

/** A server lists tasks to every client of a worker, so they are not offered where clients share one. */
function withoutTasks(serverDescription: RawObject): RawObject {
  const capabilities = serverDescription.value['capabilities']
  if (!isObject(capabilities) || !('tasks' in capabilities)) return serverDescription
  const { tasks: _, ...rest } = capabilities
  return editObject(serverDescription, { capabilities: rest })
}
