/** All units of an upstream, and which one a seat belongs to. */
import { cpus } from 'node:os'
import { Refusal } from '../../base/refusal.ts'
import type { EraName, Seat } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { type Face, modeOf } from '../connection/connector.ts'
import { ownSeat } from '../connection/own-requests.ts'
import { createUnit, isCommon, mayAsk, type Unit, unitKey } from './isolation-group.ts'

export interface Units {
  readonly faces: Map<EraName, Face>
  /** The face that a seat is served by: of its own era if the server has it. The only client keeps to one. Throws `upstream_unavailable`. */
  faceOf(seat: Seat): Face
  /** What the processes of a seat's unit are told of its clients. */
  announcedTo(face: Face, seat: Seat): RawObject
  keyOf(seat: Seat): string
  /** The seat's unit; made if there is none. */
  of(seat: Seat): Unit
  find(key: string): Unit | undefined
  all(): IterableIterator<Unit>
  remove(unit: Unit): void
  clear(): void
}

/** The key of the unit of the only client. */
const onlyClient = 'client'

/** @param hasOneClient whether all callers are one client, whose requests of either era belong together */
export function createUnits(pool: number, hasOneClient: boolean): Units {
  const faces = new Map<EraName, Face>()
  const units = new Map<string, Unit>()
  const cores = cpus().length

  const faceOf = (seat: Seat): Face => {
    // Its first call has decided which era of the server the only client is served by.
    const settled = hasOneClient ? units.get(onlyClient)?.dialect.era : undefined
    const face = faces.get(settled ?? seat.speaker.era) ?? faces.values().next().value
    if (!face) throw new Refusal('upstream_unavailable')
    return face
  }
  const announcedTo = (face: Face, seat: Seat): RawObject =>
    face.dialect.announced(seat.speaker, mayAsk(modeOf(face, seat)))
  const keyAt = (face: Face, seat: Seat): string => {
    const mode = modeOf(face, seat)
    if (hasOneClient && mode === 'session') return onlyClient
    // All of them, but no session.
    if (mode === 'shared' && face.mode !== mode) return `${face.dialect.era}/stateless`
    return unitKey(seat, face.dialect.era, mode, () => announcedTo(face, seat).text)
  }

  return {
    faces,
    faceOf,
    announcedTo,
    keyOf: (seat) => keyAt(faceOf(seat), seat),
    of(seat) {
      const face = faceOf(seat)
      const key = keyAt(face, seat)
      const known = units.get(key)
      if (known) return known
      const mode = modeOf(face, seat)
      const common = isCommon(mode)
      const { principal, speaker, session } = common ? { ...ownSeat(face), principal: seat.principal } : seat
      const of: Seat = { principal, speaker, session: common ? undefined : session }
      const own = mode === 'session' && (hasOneClient || session !== undefined)
      const unit = createUnit(key, face.dialect, mode, of, own, announcedTo(face, of).value, {
        pool,
        cores,
        hasOneClient,
      })
      units.set(key, unit)
      return unit
    },
    find: (key) => units.get(key),
    all: () => units.values(),
    remove: (unit) => void units.delete(unit.key),
    clear: () => units.clear(),
  }
}
