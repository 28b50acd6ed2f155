/** Opens connections to instances of a server: in one era, with its handshake. */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Caller } from '../../protocol/call.ts'
import type { Holder } from '../../base/transfers.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { UpstreamSettings } from '../options.ts'
import { ownInfo } from '../server-era.ts'
import type { LineTransport } from './line-transport.ts'
import type { OpenedWorker, WorkerNeeds } from '../worker.ts'
import { startFailure, type WorkerExit } from '../worker-exit.ts'
import { UpstreamConnection } from './connection.ts'
import { discover, sendInitialize } from './handshake.ts'
import { pinnedDescription } from './pinned-era.ts'

export interface Connector {
  /** Connects to a transport without sending anything. */
  connect(
    transport: LineTransport,
    needs: Omit<WorkerNeeds, 'mustDiscover' | 'caller' | 'failed' | 'connected'>,
    owner?: Caller,
  ): UpstreamConnection
  /** Connects and does the handshake. Throws a `Refusal` if that fails; the transport is then ended. */
  open(transport: LineTransport, needs: WorkerNeeds): Promise<OpenedWorker>
}

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

  const connect: Connector['connect'] = (transport, needs, owner) => {
    const connection: UpstreamConnection = new UpstreamConnection({
      transport,
      owner,
      standing: needs.standing,
      codec: needs.codec,
      announced: needs.announced,
      attribution: needs.attribution,
      hasOneClient: common.hasOneClient,
      clock,
      events,
      callIdleMs: settings.callIdleMs,
      callsInAll: settings.recycleCalls > 0 ? settings.recycleCalls : undefined,
      callTotalMs: settings.callTotalMs,
      unsolicited: (update) => needs.unsolicited(connection, update),
      ended: (exit) => needs.ended(connection, exit),
      unattributed: (method) => needs.unattributed(method),
      notReading: () => needs.notReading(connection),
      recovered: () => needs.recovered(connection),
      invalid: (words) =>
        common.log.warn({ worker: transport.worker, 'err.message': words }, 'worker gave an invalid answer'),
      waiting: common.waiting,
    })
    return connection
  }

  return {
    connect,
    async open(transport, needs) {
      let exit: WorkerExit | undefined
      const opened: WorkerNeeds = {
        ...needs,
        ended: (ended, how) => {
          exit = how
          needs.ended(ended, how)
        },
      }
      const connection = connect(transport, opened, ownerOf(needs))
      needs.connected(connection)
      const { client } = needs.caller
      const announced = rawObject(needs.announced)
      try {
        if (needs.codec.era === 'legacy') {
          const description = pinnedDescription(settings.protocol, client)
          return {
            worker: connection,
            serverDescription: await sendInitialize(
              connection,
              description,
              announced,
              ownInfo,
              settings.startTimeoutMs,
            ),
          }
        }
        return {
          worker: connection,
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
            worker: transport.worker,
            'err.message': String(cause),
            exit: exit?.code ?? exit?.error ?? null,
            stderr: exit?.stderr,
            stdout: exit?.stdout,
          },
          'worker could not be started',
        )
        void connection.close('start_failed')
        throw new Refusal('upstream_unavailable', { cause })
      }
    },
  }
}

/** For whom all is that the worker ever does: a session, or a principal whose sessions and clients may be several. */
function ownerOf({ attribution, caller }: Pick<WorkerNeeds, 'attribution' | 'caller'>): Caller | undefined {
  if (attribution === 'several') return undefined
  if (attribution === 'session') return caller
  return { ...caller, client: { ...caller.client, info: undefined }, session: undefined }
}
