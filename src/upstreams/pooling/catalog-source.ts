/**
 * Where handshakes and lists are learnt: from a keeper for each profile of clients, from the common processes where
 * all share them, and from a unit's own process once that has announced a change of its own, or where there is no room
 * for a keeper.
 */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Caller } from '../../protocol/call.ts'
import { editObject, isObject, type RawObject } from '../../protocol/json-text.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { ServerEra } from '../connection/connector.ts'
import type { CatalogWorkers, Learnt } from './catalog-workers.ts'
import { listPage } from '../connection/own-requests.ts'
import type { Pool } from './pool.ts'
import { ProfileKeys } from './profile-keys.ts'
import { announcedIn, eraIn, isPlain, isUsual, profileSource, unitKeyIn, unitSource } from './catalog-keys.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'
import { type CatalogSource, NoRoom } from '../upstream.ts'
import type { NotificationRouter } from './notification-router.ts'

export interface CatalogSourceNeeds {
  readonly groups: IsolationGroups
  readonly catalogWorkers: CatalogWorkers
  readonly notifications: NotificationRouter
  readonly clock: Clock
  readonly pool: Pick<Pool, 'wait' | 'released'>
}

export function createCatalogSource(needs: CatalogSourceNeeds): CatalogSource {
  const { groups, catalogWorkers, pool } = needs
  const profiles = new ProfileKeys(needs.clock)

  /** The face that a source is of: the only client may have come to be served by another one since it was named. */
  const faceFor = (caller: Caller, source: string): ServerEra => {
    const era = eraIn(source)
    return (era && groups.serverEras.get(era)) ?? groups.serverEraOf(caller)
  }

  /** A process of the unit that can be asked, as soon as there is one. */
  const processOf = async (group: IsolationGroup, caller: Caller): Promise<UpstreamConnection> => {
    const there = group.exclusive ? undefined : oneOf(group)
    if (there) return there
    // It waits in line as a call of that client does.
    const client = caller.session ?? caller.principal.subject
    const connection = await pool.wait(group, {
      fairnessKey: client,
      clientKey: caller.session ?? '',
      cancel: new Cancel(),
    })
    connection.unreserve()
    pool.released()
    return connection
  }

  const learnt = (caller: Caller, source: string): Learnt => {
    const serverEra = faceFor(caller, source)
    // The stateless era needs no process for each profile: the request says whom the list is for.
    if (serverEra.codec.era === 'modern') return { source: profileSource('modern'), serverEra, announced: {} }
    return { source, serverEra, announced: announcedIn(source) }
  }

  return {
    eraOf: (caller, source) => (source === undefined ? groups.serverEraOf(caller) : faceFor(caller, source)).codec.era,
    sourceOf(caller, list) {
      const serverEra = groups.serverEraOf(caller)
      const group = groups.find(groups.keyOf(caller))
      if (group && list !== undefined && group.changed.has(list)) return unitSource(group.key)
      const source = profileSource(serverEra.codec.era, profiles.keyOf(groups.announcedTo(serverEra, caller)))
      catalogWorkers.touch(serverEra.codec.era === 'modern' ? profileSource('modern') : source)
      return source
    },
    isUsual,
    isPlain,
    plainDescription: (caller) => groups.serverEraOf(caller).serverDescription,
    async serverDescription(caller, source, mayWait) {
      const serverEra = faceFor(caller, source)
      if (serverEra.codec.era === 'modern') return serverEra.serverDescription
      if (serverEra.mode === 'shared') return withoutTasks(serverEra.serverDescription)
      const what = learnt(caller, source)
      const catalogWorker = await (mayWait ? catalogWorkers.get(what) : catalogWorkers.at(what))
      if (!catalogWorker) throw new NoRoom()
      return serverEra.mode === 'session'
        ? catalogWorker.serverDescription
        : withoutTasks(catalogWorker.serverDescription)
    },
    async list(caller: Caller, source, method, cursor) {
      const serverEra = faceFor(caller, source)
      const key = unitKeyIn(source)
      const group = serverEra.mode === 'shared' ? groups.of(caller) : key === undefined ? undefined : groups.find(key)
      if (group) {
        const connection = group.changed.get(method) ?? (await processOf(group, caller))
        // What is asked must not be taken for idle.
        connection.reserve()
        const over = serverEra.codec.era === 'legacy' ? connection.workFor(caller.session) : undefined
        return await listPage(connection, method, cursor, caller.client, group.announced).finally(() => {
          connection.unreserve()
          over?.()
          // What it says late of this list could be taken for the next call's.
          if (group.endsAfter === 'every call' && connection.callsInFlight === 0) void connection.close()
          pool.released()
        })
      }
      // It has ended since the source was named, and what it had to say with it.
      if (key !== undefined) throw new Refusal('upstream_closed')
      return catalogWorkers.list(learnt(caller, source), announcedIn(source), method, cursor)
    },
    async own(caller, list) {
      const group = groups.of(caller)
      const connection = await processOf(group, caller)
      group.changed.set(list, connection)
      return unitSource(group.key)
    },
    onStale: (stale) => needs.notifications.onStale(stale),
  }
}

/** A process of the unit, one that responds if there is any. */
function oneOf({ connections }: IsolationGroup): UpstreamConnection | undefined {
  for (const connection of connections) if (connection.liveness.responds) return connection
  return connections.values().next().value
}

/** Tasks of one connection are listed to all who share it, so they are offered to nobody there. */
function withoutTasks(serverDescription: RawObject): RawObject {
  const capabilities = serverDescription.value['capabilities']
  if (!isObject(capabilities) || !('tasks' in capabilities)) return serverDescription
  const { tasks: _, ...rest } = capabilities
  return editObject(serverDescription, { capabilities: rest })
}
