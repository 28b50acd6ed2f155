/** The start of a stdio upstream: which eras it speaks, each with the process that proved it, and who shares what. */
import type { Clock } from '../../base/clock.ts'
import { maskCommand } from '../../base/mask-command.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { createModernUpstreamCodec } from '../../protocol/modern-client.ts'
import { modernVersion, newestLegacy } from '../../protocol/revisions.ts'
import type { EraName } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { type ServerEra, type Connector, ownInfo, type ConnectionEvents } from '../connection/connector.ts'
import type { UpstreamSettings } from '../options.ts'
import { type Found, detectEras } from '../connection/era-detection.ts'
import { type IsolationModes, isolationModesOf, statelessMode } from '../pooling/isolation-modes.ts'
import { profileSource } from '../pooling/catalog-keys.ts'
import type { WorkerSlots } from '../pooling/worker-slots.ts'
import type { ChildExit } from './child.ts'
import type { WorkerOwner } from '../pooling/isolation-group.ts'
import { UpstreamStartError } from '../upstream.ts'

export interface StartNeeds {
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  /** Told at once what a server says of itself in the stateless era. */
  readonly discovered: (serverDescription: RawObject) => void
  readonly clock: Clock
  readonly opener: Connector
  readonly slots: WorkerSlots
  readonly eventsOf: (codec: UpstreamCodec, owner: WorkerOwner) => ConnectionEvents
}

export interface Started {
  /** All that the server speaks, stateless first. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes
  /** The eras that are used, in the same order. */
  readonly faces: readonly StartedEra[]
  /** Whether one process could only be started when another had ended: then the server is used in one era alone. */
  readonly isOnlyOne: boolean
}

export interface StartedEra {
  readonly serverEra: ServerEra
  readonly connection: UpstreamConnection
  /** To be set when the process is put to use. */
  readonly owner: WorkerOwner
}

/** How long the end of a server that did not start is waited for. */
const lastWordsMs = 3000

/** Finds out what the server speaks. Throws `UpstreamStartError`. */
export async function startServer(needs: StartNeeds): Promise<Started> {
  const { settings } = needs
  const modernCodec = createModernUpstreamCodec()
  const owners = new Map<UpstreamConnection, WorkerOwner>()
  let exit: ChildExit | undefined
  const lateMs = needs.clock.now() + settings.startTimeoutMs

  const found = await detectEras({
    clock: needs.clock,
    startTimeoutMs: settings.startTimeoutMs,
    clientDescriptionOf: (era) => ({
      era,
      version: era === 'legacy' ? newestLegacy : modernVersion,
      capabilities: {},
      info: ownInfo,
    }),
    discovered: needs.discovered,
    isHasty: needs.hasOneClient,
    hasRoom: () => needs.slots.free > 0,
    connect(era) {
      const slot = needs.slots.take('catalogue')
      if (!slot) throw startError(settings, exit, false, undefined)
      const codec = era === 'legacy' ? legacyUpstreamCodec : modernCodec
      const owner: WorkerOwner = { group: undefined, source: profileSource(codec.era) }
      const events = needs.eventsOf(codec, owner)
      const connection = needs.opener.connect(slot.start(), {
        ...events,
        announced: {},
        attribution: 'none',
        ended(ended, how) {
          exit = how
          events.ended(ended, how)
        },
      })
      owners.set(connection, owner)
      return connection
    },
  })

  const eras = (['modern', 'legacy'] as const).filter((era) => found[era] !== undefined)
  if (eras.length === 0) {
    const late = needs.clock.now() >= lateMs
    // Its words come with its end, which it has been asked for.
    await new Promise<void>((resolve) => {
      const timer = needs.clock.after(lastWordsMs, resolve)
      void Promise.all([...owners.keys()].map((connection) => connection.close())).then(() => {
        timer.stop()
        resolve()
      })
    })
    throw startError(settings, exit, late, found.words)
  }
  const sharing = isolationModesOf(settings, eras, needs.hasOneClient)
  const faces: StartedEra[] = []
  const add = (codec: UpstreamCodec, { connection, serverDescription }: Found): void => {
    const owner = owners.get(connection)
    if (!owner) return
    // It may have been connected in the other era.
    owner.source = profileSource(codec.era)
    const face = {
      codec: codec,
      mode: sharing.sessions,
      statelessMode: statelessMode(sharing),
      serverDescription: serverDescription,
    }
    faces.push({ serverEra: face, connection, owner })
  }
  const { isOnlyOne = false } = found
  if (found.modern && found.legacy && (isOnlyOne || sharing.stateless === 'refuse'))
    void found.modern.connection.close()
  else if (found.modern) add(modernCodec, found.modern)
  if (found.legacy) add(legacyUpstreamCodec, found.legacy)
  return { eras, sharing, faces, isOnlyOne }
}

/** @param words what the server said to `initialize` that is no hello */
function startError(
  settings: UpstreamSettings,
  exit: ChildExit | undefined,
  late: boolean,
  words: string | undefined,
): UpstreamStartError {
  const command = maskCommand([settings.command, ...settings.args]).join(' ')
  const { stderr = '', stdout = '' } = exit ?? {}
  if (exit?.error !== undefined)
    return new UpstreamStartError('the command could not be started', { command, exit: exit.error, stderr, stdout })
  if (exit && !exit.expected) {
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`
    const what = words === undefined ? 'ended before it answered' : `ended: ${words}`
    return new UpstreamStartError(`the command ${what}`, { command, exit: how, stderr, stdout })
  }
  const isLate = late && words === undefined
  const what = isLate
    ? `the command did not answer initialize within ${settings.startTimeoutMs / 1000} s`
    : 'the command answered, but not as an MCP server does on its standard output'
  const whole = words === undefined ? what : `${what}: ${words}`
  return new UpstreamStartError(whole, { command, late: isLate, stderr, stdout })
}
