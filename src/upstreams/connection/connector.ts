/**
 * A face: the server as it is spoken with in one era. It knows how a process of that era is opened, told what its
 * predecessor knew, and watched.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder } from '../../base/transfers.ts'
import { version } from '../../base/version.ts'
import type { Caller, Update } from '../../protocol/call.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { isObject, type JsonObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import type { Attribution } from './attribution.ts'
import { UpstreamConnection } from './connection.ts'
import { discover, sendInitialize } from './handshake.ts'
import type { Mode, UpstreamSettings } from '../options.ts'
import { type StartFailure, startFailure } from './start-failure.ts'
import type { Child, ChildExit } from '../stdio/child.ts'
import type { IsolationGroup } from '../pooling/isolation-group.ts'

export interface ServerEra {
  readonly codec: UpstreamCodec
  /** Who shares its processes: clients with sessions. */
  readonly mode: Mode
  /** The same for clients without. */
  readonly statelessMode: Mode
  /** What the server said of itself at the start. */
  readonly serverDescription: RawObject
}

/** Who shares the process that a seat is served by. */
export function modeOf(serverEra: ServerEra, caller: Caller): Mode {
  return caller.client.era === 'modern' ? serverEra.statelessMode : serverEra.mode
}

export interface OpenedConnection {
  readonly connection: UpstreamConnection
  /** What this process says of itself; undefined where it need not be asked. */
  readonly serverDescription: RawObject | undefined
}

/** Where a process reports what happens to it. */
export interface ConnectionEvents {
  readonly codec: UpstreamCodec
  unsolicited(connection: UpstreamConnection, update: Update): boolean
  ended(connection: UpstreamConnection, exit: ChildExit): void
  unattributed(method: string): void
  /** It asks and asks, and does not read the answers. */
  stuck(connection: UpstreamConnection): void
}

export interface OpenNeeds extends ConnectionEvents {
  readonly caller: Caller
  readonly announced: JsonObject
  readonly attribution: Attribution
  /** Whether the process must say hello even where the era does not need it. */
  readonly greet: boolean
  /** Told how it failed, unless we ended it ourselves. */
  failed(failure: StartFailure): void
  /** Told of the connection before a word is said on it. */
  connected(connection: UpstreamConnection): void
}

export interface Connector {
  /** Connects to a child without a word. */
  connect(child: Child, needs: Omit<OpenNeeds, 'greet' | 'caller' | 'failed' | 'connected'>): UpstreamConnection
  /** Speaks first words with a child. Throws a `Refusal` when it cannot be done; the child is then gone. */
  open(child: Child, needs: OpenNeeds): Promise<OpenedConnection>
}

/** What we call ourselves where no client speaks. */
export const ownInfo: JsonObject = { name: 'mcplex', version }

export function createConnector(common: {
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  readonly clock: Clock
  readonly events: EventSink
  readonly log: Log
  /** Counts what calls have got and nobody came for. */
  readonly waiting: Holder
}): Connector {
  const { settings, clock, events } = common

  const connect: Connector['connect'] = (child, needs) => {
    const connection: UpstreamConnection = new UpstreamConnection({
      child,
      codec: needs.codec,
      announced: needs.announced,
      attribution: needs.attribution,
      hasOneClient: common.hasOneClient,
      clock,
      events,
      callIdleMs: settings.callIdleMs,
      callTotalMs: settings.callTotalMs,
      unsolicited: (update) => needs.unsolicited(connection, update),
      ended: (exit) => needs.ended(connection, exit),
      unattributed: (method) => needs.unattributed(method),
      stuck: () => needs.stuck(connection),
      invalid: (words) =>
        common.log.warn({ worker: child.worker, 'err.message': words }, 'worker gave an invalid answer'),
      waiting: common.waiting,
    })
    return connection
  }

  return {
    connect,
    async open(child, needs) {
      let exit: ChildExit | undefined
      const connection = connect(child, {
        ...needs,
        ended: (ended, how) => {
          exit = how
          needs.ended(ended, how)
        },
      })
      needs.connected(connection)
      const { client } = needs.caller
      const announced = rawObject(needs.announced)
      try {
        if (needs.codec.era === 'legacy') {
          return {
            connection,
            serverDescription: await sendInitialize(connection, client, announced, ownInfo, settings.startTimeoutMs),
          }
        }
        return {
          connection,
          serverDescription: needs.greet
            ? await discover(connection, client, announced, settings.startTimeoutMs)
            : undefined,
        }
      } catch (cause) {
        // Ended by ourselves before it was through: nobody has failed.
        if (connection.closed && !exit) throw new Refusal('upstream_closed', { cause })
        needs.failed(startFailure(exit, cause))
        common.log.warn(
          {
            worker: child.worker,
            'err.message': String(cause),
            exit: exit?.code ?? exit?.error ?? null,
            stderr: exit?.stderr,
            stdout: exit?.stdout,
          },
          'worker could not be started',
        )
        void connection.close()
        throw new Refusal('upstream_unavailable', { cause })
      }
    },
  }
}

/** Says again to a new process what the unit's session had said to the one before it. */
export async function restoreState(
  group: IsolationGroup,
  connection: UpstreamConnection,
  timeoutMs: number,
): Promise<void> {
  if (group.codec.era !== 'legacy' || group.logLevel === undefined) return
  await connection.request('logging/setLevel', rawObject({ level: group.logLevel }), timeoutMs).catch(() => undefined)
}

/** The changes that clients of a restarted process are told of: everything it lists may be different now. */
export function changesAfterRestart(serverDescription: RawObject): Update[] {
  const capabilities = serverDescription.value['capabilities']
  return ['tools', 'prompts', 'resources']
    .filter((kind) => isObject(capabilities) && isObject(capabilities[kind]))
    .map((kind) => ({ kind: 'notification', method: `notifications/${kind}/list_changed`, params: undefined }))
}
