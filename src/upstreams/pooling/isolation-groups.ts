/** All units of an upstream, and which one a seat belongs to. */
import { cpus } from 'node:os'
import { Refusal } from '../../base/refusal.ts'
import type { EraName, Caller } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { type ServerEra, modeOf } from '../connection/connector.ts'
import { ownCaller } from '../connection/own-requests.ts'
import { createIsolationGroup, isCommon, mayAsk, type IsolationGroup, isolationGroupKey } from './isolation-group.ts'

export interface IsolationGroups {
  readonly faces: Map<EraName, ServerEra>
  /** The face that a seat is served by: of its own era if the server has it. The only client keeps to one. Throws `upstream_unavailable`. */
  faceOf(seat: Caller): ServerEra
  /** What the processes of a seat's unit are told of its clients. */
  announcedTo(face: ServerEra, seat: Caller): RawObject
  keyOf(seat: Caller): string
  /** The seat's unit; made if there is none. */
  of(seat: Caller): IsolationGroup
  find(key: string): IsolationGroup | undefined
  all(): IterableIterator<IsolationGroup>
  remove(unit: IsolationGroup): void
  clear(): void
}

/** The key of the unit of the only client. */
const onlyClient = 'client'

/** @param hasOneClient whether all callers are one client, whose requests of either era belong together */
export function createIsolationGroups(pool: number, hasOneClient: boolean): IsolationGroups {
  const faces = new Map<EraName, ServerEra>()
  const units = new Map<string, IsolationGroup>()
  const cores = cpus().length

  const faceOf = (seat: Caller): ServerEra => {
    // Its first call has decided which era of the server the only client is served by.
    const settled = hasOneClient ? units.get(onlyClient)?.dialect.era : undefined
    const face = faces.get(settled ?? seat.client.era) ?? faces.values().next().value
    if (!face) throw new Refusal('upstream_unavailable')
    return face
  }
  const announcedTo = (face: ServerEra, seat: Caller): RawObject =>
    face.codec.announced(seat.client, mayAsk(modeOf(face, seat)))
  const keyAt = (face: ServerEra, seat: Caller): string => {
    const mode = modeOf(face, seat)
    if (hasOneClient && mode === 'session') return onlyClient
    // All of them, but no session.
    if (mode === 'shared' && face.mode !== mode) return `${face.codec.era}/stateless`
    return isolationGroupKey(seat, face.codec.era, mode, () => announcedTo(face, seat).text)
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
      const { principal, client: speaker, session } = common ? { ...ownCaller(face), principal: seat.principal } : seat
      const of: Caller = { principal, client: speaker, session: common ? undefined : session }
      const own = mode === 'session' && (hasOneClient || session !== undefined)
      const unit = createIsolationGroup(key, face.codec, mode, of, own, announcedTo(face, of).value, {
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
