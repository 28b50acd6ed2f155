/** The start of a pooled upstream: which eras it speaks, a worker for each, and the isolation modes. */
import type { Clock } from '../../base/clock.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { createModernUpstreamCodec } from '../../protocol/modern-client.ts'
import { modernVersion, newestLegacy } from '../../protocol/revisions.ts'
import type { EraName } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { Connector } from '../connection/connector.ts'
import type { UpstreamSettings } from '../options.ts'
import { type Found, detectEras } from '../connection/era-detection.ts'
import { eraOfProtocol, pinnedDescription } from '../connection/pinned-era.ts'
import { type IsolationModes, isolationModesOf, statelessMode } from '../pooling/isolation-modes.ts'
import { profileSource } from '../pooling/catalog-keys.ts'
import type { WorkerSlot, WorkerSlots } from '../pooling/worker-slots.ts'
import { ownInfo, type ServerEra } from '../server-era.ts'
import { type UpstreamFacts, UpstreamStartError } from '../upstream.ts'
import type { Worker, WorkerEvents } from '../worker.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { ConnectedInstance } from './connected-instance.ts'
import type { ServerProgram } from './server-program.ts'

export interface StartNeeds {
  /** Whether the upstream was closed, so that nothing may be started any more. */
  readonly isClosed: () => boolean
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  /** Called at once with the answer to `server/discover`. */
  readonly discovered: (serverDescription: RawObject) => void
  readonly clock: Clock
  readonly connector: Connector
  readonly program: ServerProgram
  readonly slots: WorkerSlots<ConnectedInstance>
  readonly eventsOf: (codec: UpstreamCodec, slot: WorkerSlot) => WorkerEvents
}

export interface Started {
  /** All eras of the server, stateless first. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes
  /** The eras in use, in the same order. */
  readonly used: readonly StartedEra[]
  /** Whether one process could only be started after the end of another: the server is then used in one era only. */
  readonly isOnlyOne: boolean
}

export interface StartedEra {
  readonly serverEra: ServerEra
  readonly worker: Worker
  readonly slot: WorkerSlot
}

/** How long to wait for the end of a server that did not start, whose stderr is part of the error. */
const endMs = 3000

/**
 * Finds out which eras the server speaks. Throws `UpstreamStartError`, also if the upstream was closed before or meanwhile.
 */
export async function startServer(needs: StartNeeds): Promise<Started> {
  const started = needs.isClosed()
    ? undefined
    : await detectServer(needs).catch((error: unknown) => {
        if (!needs.isClosed()) throw error
      })
  if (!started || needs.isClosed()) throw new UpstreamStartError('the server was ended before it had started')
  return started
}

async function detectServer(needs: StartNeeds): Promise<Started> {
  const { settings, program } = needs
  const modernCodec = createModernUpstreamCodec()
  const slots = new Map<UpstreamConnection, WorkerSlot>()
  let exit: WorkerExit | undefined
  const lateMs = needs.clock.now() + settings.startTimeoutMs

  await program.load?.().catch((error: unknown) => {
    throw program.startError({ exit: undefined, late: false, words: undefined, error })
  })
  const found = await detectEras({
    clock: needs.clock,
    startTimeoutMs: settings.startTimeoutMs,
    pinned: program.onlyEra ?? eraOfProtocol(settings.protocol),
    clientDescriptionOf(era) {
      const version = era === 'legacy' ? newestLegacy : modernVersion
      const description = { era, version, capabilities: {}, info: ownInfo }
      return era === 'legacy' ? pinnedDescription(settings.protocol, description) : description
    },
    discovered: needs.discovered,
    stopsEarly: needs.hasOneClient,
    hasRoom: () => needs.slots.free > 0,
    connect(era) {
      const slot = needs.slots.take('catalog')
      if (!slot) throw program.startError({ exit, late: false, words: undefined })
      const codec = era === 'legacy' ? legacyUpstreamCodec : modernCodec
      slot.owner.source = profileSource(codec.era)
      const events = needs.eventsOf(codec, slot)
      const connection = needs.connector.connect(slot.start().transport, {
        ...events,
        standing: slot,
        announced: {},
        attribution: 'several',
        ended(ended, how) {
          exit = how
          events.ended(ended, how)
        },
      })
      slot.adopt(connection)
      slots.set(connection, slot)
      return connection
    },
  })

  const eras = (['modern', 'legacy'] as const).filter((era) => found[era] !== undefined)
  if (eras.length === 0) {
    const late = needs.clock.now() >= lateMs
    // What it said on stderr comes with its exit.
    await new Promise<void>((resolve) => {
      const timer = needs.clock.after(endMs, resolve)
      void Promise.all([...slots.keys()].map((connection) => connection.close('start_failed'))).then(() => {
        timer.stop()
        resolve()
      })
    })
    throw program.startError({ exit, late, words: found.words })
  }
  const sharing = isolationModesOf(settings, eras, needs.hasOneClient)
  const used: StartedEra[] = []
  const add = (codec: UpstreamCodec, { connection, serverDescription }: Found): void => {
    const slot = slots.get(connection)
    if (!slot) return
    // The connection may have been opened in the other era.
    slot.owner.source = profileSource(codec.era)
    const serverEra = {
      codec,
      mode: sharing.sessions,
      statelessMode: statelessMode(sharing),
      serverDescription,
    }
    used.push({ serverEra, worker: connection, slot })
  }
  const { isOnlyOne = false } = found
  if (found.modern && found.legacy && (isOnlyOne || sharing.stateless === 'refuse'))
    void found.modern.connection.close('not_needed')
  else if (found.modern) add(modernCodec, found.modern)
  if (found.legacy) add(legacyUpstreamCodec, found.legacy)
  return { eras, sharing, used, isOnlyOne }
}

/** What the gateway is told of the start. */
export function factsOf({ eras, sharing, used }: Started): UpstreamFacts {
  const serverEras = used.map(({ serverEra: { codec, mode, serverDescription } }) => {
    return { era: codec.era, mode, serverDescription }
  })
  const rounds = used.find(({ serverEra: { codec } }) => codec.era === 'modern')
  return { eras, sharing, serverEras, instance: rounds?.worker.id?.split('.')[0] }
}
