/**
 * The wire format of the transport HTTP+SSE of revision 2024-11-05: a stream at one path whose first event gives the address
 * to POST to, with the session id in it. It carries the messages of sessions. [2024-11-05 transports]
 */
import type { ClientDescription } from './call.ts'
import { messagesPath } from './endpoint-path.ts'

/** The revision that has this transport. */
const firstVersion = '2024-11-05'

/**
 * The first event of a stream. The address is relative to that of the stream, so it is right behind proxies and mounts that
 * add a prefix to the path. Clients that reconnect by themselves send the event id back, so it is the name of the stream that
 * they had before; it gives no access.
 * @param name of the stream
 * @param endpoint the name of its endpoint, which is the last part of both paths; empty if it has none
 */
export function endpointEvent(id: string, name: string, endpoint = ''): string {
  const path = endpoint === '' ? messagesPath.slice(1) : `..${messagesPath}/${endpoint}`
  return `event: endpoint\nid: ${name}\ndata: ${path}?sessionId=${id}\n\n`
}

/** The session id in the query of a POST; undefined if there is none, or more than one, because a proxy may have read another of them. */
export function sessionIdIn(query: string | undefined): string | undefined {
  const [id, ...more] = new URLSearchParams(query ?? '').getAll('sessionId')
  return more.length === 0 ? id : undefined
}

/**
 * The assumed description of a client that reconnects and continues without a handshake.
 * @param version of its version header
 * @param before its description in its previous session, if known
 */
export function reconnectedClient(
  version: string | undefined,
  before: ClientDescription | undefined,
): ClientDescription {
  return {
    era: 'legacy',
    version: version ?? before?.version ?? firstVersion,
    capabilities: before?.capabilities ?? {},
    info: before?.info,
  }
}

/** The refusal's message for a stateless message: this transport serves sessions only. */
export const sessionsOnly =
  'Requests without a session are not served on this transport: connect with initialize. Where they are served, it is on /mcp.'
