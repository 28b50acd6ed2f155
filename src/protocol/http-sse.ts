/**
 * The transport HTTP+SSE of revision 2024-11-05, as far as it is words: a stream at one path that names the address
 * to POST to, and the id in that address. What it carries are the messages of sessions. [2024-11-05 transports]
 */
import { Refusal } from '../base/refusal.ts'
import { legacyVersions } from './revisions.ts'

/** Where clients open their stream. */
export const streamPath = '/sse'
/** Where they POST, beside it. */
export const messagesPath = '/messages'

/**
 * The first event of a stream. The address is relative to that of the stream, so that it is right behind proxies and
 * mounts that put something in front of the path. The id makes clients that reconnect by themselves say so: they
 * would take the new stream for the old session, whose handshake they have done.
 */
export function endpointEvent(id: string): string {
  return `event: endpoint\nid: once\ndata: ${messagesPath.slice(1)}?sessionId=${id}\n\n`
}

/** The id in the address of a POST; undefined if there is none. */
export function sessionIdIn(query: string | undefined): string | undefined {
  return new URLSearchParams(query ?? '').get('sessionId') ?? undefined
}

/** The refusal of a message that is complete in itself: nothing on this transport is without a session. */
export function notStateless(requested: string | undefined): Refusal {
  return new Refusal('unsupported_version', {
    message: 'Requests without a session are not served on this transport: send them to /mcp.',
    data: { supported: [...legacyVersions], ...(requested !== undefined && { requested }) },
  })
}
