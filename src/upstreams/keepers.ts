/**
 * Processes that belong to no client: what the server says of itself and what it lists is learnt from them, one for
 * each capability profile, since a server may announce other things to other clients. They also answer whether the
 * server is alive. Where all clients share one unit, its own processes are asked instead.
 */
import type { Clock } from '../base/clock.ts'
import type { Seat, Speaker } from '../protocol/call.ts'
import { type JsonObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import { type Answer, withMeta } from '../protocol/jsonrpc.ts'
import { envelope } from '../protocol/modern-client.ts'
import { modernVersion, newestLegacy } from '../protocol/revisions.ts'
import type { Connection } from './connection.ts'
import { type Face, ownInfo } from './face.ts'

/** Keepers that stay when nobody asks them; the first, of clients without capabilities, always does. */
const idleMs = 5 * 60_000
const listTimeoutMs = 30_000

export interface Keeper {
  readonly connection: Connection
  readonly hello: RawObject
}

export interface Keepers {
  add(source: string, keeper: Keeper): void
  /** The keeper of a source; starts one if there is none alive. Throws a `Refusal`. */
  get(source: string, face: Face, announced: JsonObject): Promise<Keeper>
  /** Somebody is shown what this source says: its keeper stays, to hear of changes. */
  touch(source: string): void
  live(): Iterable<Connection>
  sweep(): void
  close(): Promise<void>
}

export function createKeepers(needs: {
  readonly clock: Clock
  readonly open: (source: string, face: Face, speaker: Speaker, announced: JsonObject) => Promise<Keeper>
}): Keepers {
  const keepers = new Map<string, { opening: Promise<Keeper>; keeper: Keeper | undefined; usedMs: number }>()
  let first: string | undefined

  return {
    add(source, keeper) {
      first ??= source
      keepers.set(source, { opening: Promise.resolve(keeper), keeper, usedMs: needs.clock.now() })
    },
    async get(source, face, announced) {
      const known = keepers.get(source)
      if (known && !known.keeper?.connection.closed) {
        known.usedMs = needs.clock.now()
        return known.opening
      }
      const opening = needs.open(source, face, ownSpeaker(face, announced), announced)
      const entry: { opening: Promise<Keeper>; keeper: Keeper | undefined; usedMs: number } = {
        opening,
        keeper: undefined,
        usedMs: needs.clock.now(),
      }
      keepers.set(source, entry)
      try {
        entry.keeper = await opening
        return entry.keeper
      } catch (error) {
        if (keepers.get(source) === entry) keepers.delete(source)
        throw error
      }
    },
    touch(source) {
      const known = keepers.get(source)
      if (known) known.usedMs = needs.clock.now()
    },
    *live() {
      for (const { keeper } of keepers.values()) if (keeper && !keeper.connection.closed) yield keeper.connection
    },
    sweep() {
      const now = needs.clock.now()
      for (const [source, { keeper, usedMs }] of keepers) {
        if (!keeper || source === first) continue
        if (now - usedMs < idleMs && !keeper.connection.closed) continue
        keepers.delete(source)
        void keeper.connection.close()
      }
    },
    async close() {
      const all = [...keepers.values()]
      keepers.clear()
      await Promise.all(
        all.map(
          ({ keeper, opening }) =>
            keeper?.connection.close() ??
            opening.then(
              (late) => late.connection.close(),
              () => {},
            ),
        ),
      )
    },
  }
}

/** Who speaks when no client does. */
export function ownSpeaker(face: Face, announced: JsonObject): Speaker {
  const { era } = face.dialect
  return { era, version: era === 'legacy' ? newestLegacy : modernVersion, capabilities: announced, info: ownInfo }
}

/** One page of a list, asked of a process outside of any client's call. */
export function listPage(
  connection: Connection,
  method: string,
  cursor: string | undefined,
  speaker: Speaker,
  announced: JsonObject,
): Promise<Answer> {
  const params = cursor === undefined ? undefined : rawObject({ cursor })
  const asked = connection.dialect.era === 'legacy' ? params : withMeta(params, envelope(speaker, rawObject(announced)))
  return connection.request(method, asked, listTimeoutMs)
}

/** Asks a process for a sign of life. */
export async function answers(connection: Connection, speaker: Speaker, timeoutMs: number): Promise<boolean> {
  const legacy = connection.dialect.era === 'legacy'
  const asked = legacy ? undefined : withMeta(undefined, envelope(speaker, rawObject({})))
  try {
    await connection.request(legacy ? 'ping' : 'server/discover', asked, timeoutMs)
    return true
  } catch {
    return false
  }
}

/** A seat for the gateway itself, where a face needs one. */
export function ownSeat(face: Face): Seat {
  return { principal: { tenant: '', subject: '' }, speaker: ownSpeaker(face, {}), session: undefined }
}
