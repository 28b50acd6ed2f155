/** An HTTP exchange as plain values, so that the gateway depends on neither `node:http` nor `fetch`. */
import type { Cancel } from '../base/cancel.ts'

export interface Inbound {
  readonly method: string
  /** The path without the query. */
  readonly path: string
  /** The query, without the question mark and not decoded; only the transport HTTP+SSE uses it. */
  readonly query?: string
  /** Header values by lower-case name; transports/http/guard.ts ensures that the ones used here occur once. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names the client's connection, for fairness only. */
  readonly connection: string
  /**
   * The IP address of the other end of the connection, which may be a proxy; `unixPeer` at a Unix socket, undefined if it is
   * not known. Read on demand: most requests need none.
   */
  readonly remoteAddress?: string | undefined
  /**
   * Reads the body. Rejects with a `Refusal`: `request_too_large`, `request_timeout`, `parse_error` if it is not UTF-8,
   * `cancelled`, `memory_share_exceeded`, `overloaded`; over HTTP also `unsupported_media_type`, `not_acceptable`.
   */
  body(): Promise<string>
  /** Fires when the client disconnects before the response is complete. */
  readonly closed: Cancel
}

export interface Outbound {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, or its pieces as they come: pulling is the back-pressure. */
  readonly body: string | AsyncIterable<string>
}

/** The address of a peer at a Unix socket: who may connect there is a matter of the file. */
export const unixPeer = 'unix'

/** The headers of a JSON body. */
export const jsonHeaders: Readonly<Record<string, string>> = { 'Content-Type': 'application/json' }

/** One header as a string; the first value if it came twice. */
export function header(inbound: Inbound, name: string): string | undefined {
  const value = inbound.headers[name]
  return typeof value === 'string' || value === undefined ? value : value[0]
}
