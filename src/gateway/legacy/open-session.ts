/** The handshake that opens a session. [2025-11-25 lifecycle] */
import type { Lease } from '../../base/lease.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { ClientDescription, Principal } from '../../protocol/call.ts'
import { jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { initializeResult } from '../../protocol/legacy-server.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import type { SessionOutput } from '../../sessions/session-output.ts'
import type { Sessions } from '../../sessions/sessions.ts'

/** What opens sessions. */
export interface OpenSessionNeeds {
  readonly catalog: Pick<Catalog, 'serverDescription'>
  readonly sessions: Pick<Sessions, 'open'>
  /** The name of the endpoint, to which its sessions belong. */
  readonly endpoint: string
}

/** An admitted `initialize`, with the place of its client. */
export interface AdmittedInitialize {
  readonly id: RpcId | undefined
  readonly client: ClientDescription
  readonly principal: Principal
  readonly place: Lease
}

/** Answers `initialize` over streamable HTTP; the place passes to the session. Throws a `Refusal`. */
export async function initialize(
  { id, client, principal, place }: AdmittedInitialize,
  needs: OpenSessionNeeds,
): Promise<Outbound> {
  const { liveSession, body } = await openSession(id, client, principal, place, needs)
  return { status: 200, headers: { ...jsonHeaders, 'Mcp-Session-Id': liveSession.session.id }, body }
}

/**
 * Opens a session for a client, and returns it with the text to answer `initialize` with. `lease` passes to the
 * session.
 * @param output the stream of a client of HTTP+SSE
 */
export async function openSession(
  id: RpcId | undefined,
  client: ClientDescription,
  principal: Principal,
  lease: Lease,
  needs: OpenSessionNeeds,
  output?: SessionOutput,
): Promise<{ readonly liveSession: LiveSession; readonly body: string }> {
  const serverDescription = await needs.catalog.serverDescription({ principal, client, session: '' })
  const liveSession = await needs.sessions.open(principal, client, lease, { endpoint: needs.endpoint, output })
  return { liveSession, body: responseText(id, initializeResult(serverDescription, client)) }
}
