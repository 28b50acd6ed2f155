/**
 * Where handshakes and lists are learnt: from a keeper for each profile of clients, from the common processes where
 * all share them, and from a unit's own process once that has announced a change of its own.
 */
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Seat } from '../protocol/call.ts'
import { editObject, isObject, type RawObject } from '../protocol/json-text.ts'
import type { Connection } from './connection.ts'
import type { Face } from './face.ts'
import { type Keepers, listPage, ownSpeaker } from './keepers.ts'
import { Profiles } from './profiles.ts'
import { announcedIn, eraIn, isPlain, profileSource, unitKeyIn, unitSource } from './sources.ts'
import type { Unit } from './unit.ts'
import type { Units } from './units.ts'
import type { Learning } from './upstream.ts'
import type { Voices } from './voices.ts'

export interface LearningNeeds {
  readonly units: Units
  readonly keepers: Keepers
  readonly voices: Voices
  readonly clock: Clock
  readonly start: (unit: Unit, face: Face) => Promise<Connection>
}

export function createLearning(needs: LearningNeeds): Learning {
  const { units, keepers } = needs
  const profiles = new Profiles(needs.clock)

  /** The face that a source is of: the only client may have come to be served by another one since it was named. */
  const faceFor = (seat: Seat, source: string): Face => {
    const era = eraIn(source)
    return (era && units.faces.get(era)) ?? units.faceOf(seat)
  }

  return {
    eraOf: (seat, source) => (source === undefined ? units.faceOf(seat) : faceFor(seat, source)).dialect.era,
    sourceOf(seat, list) {
      const face = units.faceOf(seat)
      const unit = units.find(units.keyOf(seat))
      if (unit && list !== undefined && unit.changed.has(list)) return unitSource(unit.key)
      const source = profileSource(face.dialect.era, profiles.keyOf(units.announcedTo(face, seat)))
      keepers.touch(source)
      return source
    },
    isPlain,
    async hello(seat, source) {
      const face = faceFor(seat, source)
      if (face.dialect.era === 'modern') return face.hello
      if (face.mode === 'shared') return withoutTasks(face.hello)
      const keeper = await keepers.get(source, face, announcedIn(source))
      return face.mode === 'session' ? keeper.hello : withoutTasks(keeper.hello)
    },
    async list(seat: Seat, source, method, cursor) {
      const face = faceFor(seat, source)
      const key = unitKeyIn(source)
      const unit = face.mode === 'shared' ? units.of(seat) : key === undefined ? undefined : units.find(key)
      if (unit) {
        const connection = unit.changed.get(method) ?? oneOf(unit) ?? (await needs.start(unit, face))
        return listPage(connection, method, cursor, seat.speaker, unit.announced)
      }
      // It has ended since the source was named, and what it had to say with it.
      if (key !== undefined) throw new Refusal('upstream_closed')
      // The stateless era needs no process for each profile: the request says whom the list is for.
      const announced = announcedIn(source)
      const modern = face.dialect.era === 'modern'
      const keeper = await keepers.get(modern ? profileSource('modern') : source, face, modern ? {} : announced)
      return listPage(keeper.connection, method, cursor, ownSpeaker(face, announced), announced)
    },
    onStale: (stale) => needs.voices.onStale(stale),
  }
}

/** A process of the unit, one that responds if there is any. */
function oneOf({ connections }: Unit): Connection | undefined {
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
