/** The handshake that opens a session. [2025-11-25 lifecycle] */
import type { Lease } from '../../base/lease.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ClientDescription, Principal } from '../../protocol/call.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { type RequestMessage, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { initializeResult, readInitialize } from '../../protocol/legacy-server.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import type { SessionOutput } from '../../sessions/session-output.ts'
import type { GatewayServices } from '../services.ts'

/**
 * Answers `initialize` over streamable HTTP. Throws `overloaded` if no admission lease for another client becomes free
 * in time, `already_initialized`, `draining`.
 */
export async function initialize(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  // Clients that lost their session may still send its id: only the id of a session that exists is an error.
  const id = header(inbound, 'mcp-session-id')
  if (id !== undefined && (await services.sessions.find(principal, id))) throw new Refusal('already_initialized')
  if (services.drain.draining) throw new Refusal('draining')
  const client = readInitialize(message.params)
  const lease = services.admission.take() ?? (await services.admission.wait(inbound.connection, inbound.closed))
  try {
    const { liveSession, body } = await openSession(message.id, client, principal, lease, services)
    return { status: 200, headers: { ...jsonHeaders, 'Mcp-Session-Id': liveSession.session.id }, body }
  } catch (error) {
    lease.release()
    throw error
  }
}

/**
 * Opens a session for a client, and returns it with the text to answer `initialize` with. `lease` passes to the
 * session.
 * @param output the stream of a client of HTTP+SSE
 */
export async function openSession(
  id: RpcId,
  client: ClientDescription,
  principal: Principal,
  lease: Lease,
  services: GatewayServices,
  output?: SessionOutput,
): Promise<{ readonly liveSession: LiveSession; readonly body: string }> {
  const serverDescription = await services.catalog.serverDescription({ principal, client, session: '' })
  const liveSession = await services.sessions.open(principal, client, lease, output)
  return { liveSession, body: responseText(id, initializeResult(serverDescription, client)) }
}
