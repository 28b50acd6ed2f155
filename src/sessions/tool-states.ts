/**
 * What in-process servers keep for a session: one record for each area (the name of an upstream), changed by
 * compare-and-set, of a bounded size, and gone when the session ends.
 */
import type { Records } from '../backplane/backplane.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import type { LiveSession } from './live-session.ts'

/** The stored state with the version that a change of it must name; version 0: nothing is stored. */
export interface StoredState {
  readonly values: JsonObject
  readonly version: number
  /** The most that the values may take as JSON, in bytes. */
  readonly maxBytes: number
}

/** What the states of a session use of it. */
export type StateHolder = Pick<LiveSession, 'key' | 'memory' | 'stateAreas' | 'ended'>

export interface ToolStates {
  /** Throws `session_not_found` if the session has ended. */
  read(principal: Principal, session: string, area: string): Promise<StoredState>
  /**
   * Stores the state if it still has this version; else it is a `conflict`. With `no_memory` nothing is stored: the share of
   * the session is used up. Throws `session_not_found` if the session has ended, and an `Error` in words for the author of
   * the server if the state is too large.
   */
  replace(
    principal: Principal,
    session: string,
    area: string,
    values: JsonObject,
    version: number,
  ): Promise<'stored' | 'conflict' | 'no_memory'>
  /** The session has ended: its states go with it. Never rejects. */
  end(liveSession: StateHolder): Promise<void>
}

export function createToolStates(needs: {
  readonly records: Records
  /** The session, if it is served here and has not ended. */
  readonly served: (principal: Principal, session: string) => StateHolder | undefined
  /** The most that a state takes as JSON, in bytes. */
  readonly stateBytes: number
  /** The longest life of a session, in milliseconds. */
  readonly maxSessionMs: number
}): ToolStates {
  const { records, stateBytes } = needs
  // No session lives longer, so the state need not be renewed.
  const ttlMs = needs.maxSessionMs + 60_000
  const served = (principal: Principal, session: string): StateHolder => {
    const liveSession = needs.served(principal, session)
    if (!liveSession) throw new Refusal('session_not_found')
    return liveSession
  }

  return {
    async read(principal, session, area) {
      const stored = await records.read(keyOf(served(principal, session), area))
      const values = stored?.value['values']
      return { values: isObject(values) ? values : {}, version: stored?.version ?? 0, maxBytes: stateBytes }
    },
    async replace(principal, session, area, values, version) {
      const liveSession = served(principal, session)
      const key = keyOf(liveSession, area)
      const bytes = Buffer.byteLength(JSON.stringify(values))
      if (bytes > stateBytes)
        throw new Error(
          `the state of the session would take ${bytes} bytes; ${stateBytes} are allowed (sessions.stateBytes)`,
        )
      const { memory } = liveSession
      const areas = (liveSession.stateAreas ??= new Map())
      // Others may store theirs meanwhile, so what this one takes is its own until it is stored.
      const taken = Math.max(0, bytes - (areas.get(area) ?? 0))
      if (taken > 0 && memory.take(taken) !== 'reserved') return 'no_memory'
      const stored =
        version === 0 ? records.create(key, { values }, ttlMs) : records.replace(key, { values }, version, ttlMs)
      const isStored = await stored.catch((error: unknown) => {
        memory.release(taken)
        throw error
      })
      const counted = taken + (isStored ? (areas.get(area) ?? 0) - bytes : 0)
      if (counted >= 0) memory.release(counted)
      else memory.add(-counted)
      if (isStored) areas.set(area, bytes)
      // It has ended meanwhile, perhaps before this write.
      if (liveSession.ended) {
        await records.remove(key)
        throw new Refusal('session_not_found')
      }
      return isStored ? 'stored' : 'conflict'
    },
    async end(liveSession) {
      const areas = [...(liveSession.stateAreas?.keys() ?? [])]
      await Promise.allSettled(areas.map((area) => records.remove(keyOf(liveSession, area))))
    },
  }
}

function keyOf({ key }: StateHolder, area: string): string {
  return `${key}/state/${area}`
}
