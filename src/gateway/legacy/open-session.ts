/** The handshake that opens a session. [2025-11-25 lifecycle] */
import type { Lease } from '../../base/lease.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ClientDescription, Principal } from '../../protocol/call.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { type RequestMessage, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { initializeResult, readInitialize } from '../../protocol/legacy-server.ts'
import type { LiveSession } from '../../sessions/sessions.ts'
import type { GatewayServices } from '../services.ts'
import { callerOf } from './notifications.ts'

/** Opens a session. Throws `overloaded` when there is no place for another client in time. */
export async function initialize(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  // Clients that lost their session send its id along; it opens nothing, so a session that is over is no obstacle.
  const id = header(inbound, 'mcp-session-id')
  if (id !== undefined && (await services.sessions.find(principal, id))) throw new Refusal('already_initialized')
  if (services.inflight.draining) throw new Refusal('draining')
  const client = readInitialize(message.params)
  const place = services.admission.take() ?? (await services.admission.wait(inbound.connection, inbound.closed))
  try {
    const { liveSession, body } = await openSession(message.id, client, principal, place, services)
    return { status: 200, headers: { ...jsonHeaders, 'Mcp-Session-Id': liveSession.session.id }, body }
  } catch (error) {
    place.release()
    throw error
  }
}

/** A session for whoever speaks, and the text to answer `initialize` with. */
export async function openSession(
  id: RpcId,
  client: ClientDescription,
  principal: Principal,
  place: Lease,
  services: GatewayServices,
): Promise<{ readonly liveSession: LiveSession; readonly body: string }> {
  const serverDescription = await services.catalog.serverDescription({ principal, client: client, session: '' })
  const liveSession = await services.sessions.open(principal, client, place)
  liveSession.onEnd.push(() => {
    services.upstream.endSession(callerOf(liveSession))
    services.streams.forget(liveSession)
  })
  return { liveSession, body: responseText(id, initializeResult(serverDescription, client)) }
}
