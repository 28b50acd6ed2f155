/** Opens connections to workers in one era of the server, and restores the state of a worker that is replaced. */
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
  /** Which clients with sessions share a worker. */
  readonly mode: Mode
  /** Which clients without sessions share a worker. */
  readonly statelessMode: Mode
  /** The server description from the start. */
  readonly serverDescription: RawObject
}

/** Which callers share a worker with this one. */
export function modeOf(serverEra: ServerEra, caller: Caller): Mode {
  return caller.client.era === 'modern' ? serverEra.statelessMode : serverEra.mode
}

export interface OpenedConnection {
  readonly connection: UpstreamConnection
  /** The server description by this worker; undefined if it was not asked for. */
  readonly serverDescription: RawObject | undefined
}

/** What happens on a connection. */
export interface ConnectionEvents {
  readonly codec: UpstreamCodec
  unsolicited(connection: UpstreamConnection, update: Update): boolean
  ended(connection: UpstreamConnection, exit: ChildExit): void
  unattributed(method: string): void
  /** The worker keeps sending requests and does not read the responses. */
  stuck(connection: UpstreamConnection): void
}

export interface OpenNeeds extends ConnectionEvents {
  readonly caller: Caller
  readonly announced: JsonObject
  readonly attribution: Attribution
  /** Whether a stateless server must answer `server/discover` first, although its era needs no handshake. */
  readonly mustDiscover: boolean
  /** The start failed, and not because we ended the worker. */
  failed(failure: StartFailure): void
  /** Called with the connection before anything is sent. */
  connected(connection: UpstreamConnection): void
}

export interface Connector {
  /** Connects to a child without sending anything. */
  connect(child: Child, needs: Omit<OpenNeeds, 'mustDiscover' | 'caller' | 'failed' | 'connected'>): UpstreamConnection
  /** Connects and does the handshake. Throws a `Refusal` if that fails; the child is then ended. */
  open(child: Child, needs: OpenNeeds): Promise<OpenedConnection>
}

/** The client info that we send in requests of our own. */
export const ownInfo: JsonObject = { name: 'mcplex', version }

export function createConnector(common: {
  readonly settings: UpstreamSettings
  /** Whether all calls are of one client. */
  readonly hasOneClient: boolean
  readonly clock: Clock
  readonly events: EventSink
  readonly log: Log
  /** Counts updates and results that callers have not taken yet. */
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
          serverDescription: needs.mustDiscover
            ? await discover(connection, client, announced, settings.startTimeoutMs)
            : undefined,
        }
      } catch (cause) {
        // We ended the worker before its handshake was done: this is no failure of the server.
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

/** Sends a new worker the log level that the session of its group had set at the previous one. */
export async function restoreState(
  group: IsolationGroup,
  connection: UpstreamConnection,
  timeoutMs: number,
): Promise<void> {
  if (group.codec.era !== 'legacy' || group.logLevel === undefined) return
  await connection.request('logging/setLevel', rawObject({ level: group.logLevel }), timeoutMs).catch(() => undefined)
}

/** The notifications for clients whose worker was replaced: all its lists may be different now. */
export function changesAfterRestart(serverDescription: RawObject): Update[] {
  const capabilities = serverDescription.value['capabilities']
  return ['tools', 'prompts', 'resources']
    .filter((kind) => isObject(capabilities) && isObject(capabilities[kind]))
    .map((kind) => ({ kind: 'notification', method: `notifications/${kind}/list_changed`, params: undefined }))
}
