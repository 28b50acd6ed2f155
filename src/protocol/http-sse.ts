/**
 * The transport HTTP+SSE of revision 2024-11-05, as far as it is words: a stream at one path that names the address
 * to POST to, and the id in that address. What it carries are the messages of sessions. [2024-11-05 transports]
 */
import type { ClientDescription } from './call.ts'

/** Where clients open their stream. */
export const streamPath = '/sse'
/** Where they POST, beside it. */
export const messagesPath = '/messages'

/** The revision that has this transport. */
const firstVersion = '2024-11-05'

/**
 * The first event of a stream. The address is relative to that of the stream, so that it is right behind proxies and
 * mounts that put something in front of the path. Clients that reconnect by themselves send the event id along, so it
 * names the stream that they had before; it opens nothing.
 * @param name of the stream
 */
export function endpointEvent(id: string, name: string): string {
  return `event: endpoint\nid: ${name}\ndata: ${messagesPath.slice(1)}?sessionId=${id}\n\n`
}

/** The id in the address of a POST; undefined if there is none, or more than one: others may have read another of them. */
export function sessionIdIn(query: string | undefined): string | undefined {
  const [id, ...more] = new URLSearchParams(query ?? '').getAll('sessionId')
  return more.length === 0 ? id : undefined
}

/**
 * What a client is taken to be that goes on after a reconnection without a handshake.
 * @param version of its version header
 * @param before what it said of itself in the session that it had before, if that is known
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

/** What a message without a session is told: nothing on this transport is without one. */
export const sessionsOnly =
  'Requests without a session are not served on this transport: connect with initialize. Where they are served, it is on /mcp.'
