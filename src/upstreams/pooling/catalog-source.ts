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
  readonly units: IsolationGroups
  readonly keepers: CatalogWorkers
  readonly voices: NotificationRouter
  readonly clock: Clock
  readonly pool: Pick<Pool, 'wait' | 'released'>
}

export function createCatalogSource(needs: CatalogSourceNeeds): CatalogSource {
  const { units, keepers, pool } = needs
  const profiles = new ProfileKeys(needs.clock)

  /** The face that a source is of: the only client may have come to be served by another one since it was named. */
  const faceFor = (seat: Caller, source: string): ServerEra => {
    const era = eraIn(source)
    return (era && units.faces.get(era)) ?? units.faceOf(seat)
  }

  /** A process of the unit that can be asked, as soon as there is one. */
  const processOf = async (unit: IsolationGroup, seat: Caller): Promise<UpstreamConnection> => {
    const there = unit.exclusive ? undefined : oneOf(unit)
    if (there) return there
    // It waits in line as a call of that client does.
    const client = seat.session ?? seat.principal.subject
    const connection = await pool.wait(unit, { fairnessKey: client, clientKey: seat.session ?? '', cancel: new Cancel() })
    connection.unreserve()
    pool.released()
    return connection
  }

  const learnt = (seat: Caller, source: string): Learnt => {
    const face = faceFor(seat, source)
    // The stateless era needs no process for each profile: the request says whom the list is for.
    if (face.codec.era === 'modern') return { source: profileSource('modern'), face, announced: {} }
    return { source, face, announced: announcedIn(source) }
  }

  return {
    eraOf: (seat, source) => (source === undefined ? units.faceOf(seat) : faceFor(seat, source)).codec.era,
    sourceOf(seat, list) {
      const face = units.faceOf(seat)
      const unit = units.find(units.keyOf(seat))
      if (unit && list !== undefined && unit.changed.has(list)) return unitSource(unit.key)
      const source = profileSource(face.codec.era, profiles.keyOf(units.announcedTo(face, seat)))
      keepers.touch(face.codec.era === 'modern' ? profileSource('modern') : source)
      return source
    },
    isUsual,
    isPlain,
    plainHello: (seat) => units.faceOf(seat).serverDescription,
    async hello(seat, source, mayWait) {
      const face = faceFor(seat, source)
      if (face.codec.era === 'modern') return face.serverDescription
      if (face.mode === 'shared') return withoutTasks(face.serverDescription)
      const what = learnt(seat, source)
      const keeper = await (mayWait ? keepers.get(what) : keepers.at(what))
      if (!keeper) throw new NoRoom()
      return face.mode === 'session' ? keeper.hello : withoutTasks(keeper.hello)
    },
    async list(seat: Caller, source, method, cursor) {
      const face = faceFor(seat, source)
      const key = unitKeyIn(source)
      const unit = face.mode === 'shared' ? units.of(seat) : key === undefined ? undefined : units.find(key)
      if (unit) {
        const connection = unit.changed.get(method) ?? (await processOf(unit, seat))
        // What is asked must not be taken for idle.
        connection.reserve()
        const over = face.codec.era === 'legacy' ? connection.workFor(seat.session) : undefined
        return await listPage(connection, method, cursor, seat.client, unit.announced).finally(() => {
          connection.unreserve()
          over?.()
          // What it says late of this list could be taken for the next call's.
          if (unit.endsAfter === 'every call' && connection.callsInFlight === 0) void connection.close()
          pool.released()
        })
      }
      // It has ended since the source was named, and what it had to say with it.
      if (key !== undefined) throw new Refusal('upstream_closed')
      return keepers.list(learnt(seat, source), announcedIn(source), method, cursor)
    },
    async own(seat, list) {
      const unit = units.of(seat)
      const connection = await processOf(unit, seat)
      unit.changed.set(list, connection)
      return unitSource(unit.key)
    },
    onStale: (stale) => needs.voices.onStale(stale),
  }
}

/** A process of the unit, one that responds if there is any. */
function oneOf({ connections }: IsolationGroup): UpstreamConnection | undefined {
  for (const connection of connections) if (connection.liveness.responds) return connection
  return connections.values().next().value
}

/** Tasks of one connection are listed to all who share it, so they are offered to nobody there. */
function withoutTasks(hello: RawObject): RawObject {
  const capabilities = hello.value['capabilities']
  if (!isObject(capabilities) || !('tasks' in capabilities)) return hello
  const { tasks: _, ...rest } = capabilities
  return editObject(hello, { capabilities: rest })
}
