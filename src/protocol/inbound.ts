/** An HTTP exchange as plain values, so that the core knows neither `node:http` nor `fetch`. */
import type { Cancel } from '../base/cancel.ts'

export interface Inbound {
  readonly method: string
  /** The path without the query. */
  readonly path: string
  /** What follows the question mark, as it came; only the transport HTTP+SSE has something there. */
  readonly query?: string
  /** Header values by lower-case name; those that matter occur once (transports/http/guard.ts sees to it). */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names the client's connection, for fairness only. */
  readonly connection: string
  /** Reads the body. Throws a `Refusal` if it is too large, too slow or not UTF-8. */
  body(): Promise<string>
  /** Fires when the client is gone before the answer is complete. */
  readonly closed: Cancel
}

export interface Outbound {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, or its pieces as they come: pulling is the back-pressure. */
  readonly body: string | AsyncIterable<string>
}

/** The headers of a body that is one JSON text. */
export const jsonHeaders: Readonly<Record<string, string>> = { 'Content-Type': 'application/json' }

/** One header as a string; a header that came twice counts as its first value. */
export function header(inbound: Inbound, name: string): string | undefined {
  const value = inbound.headers[name]
  return typeof value === 'string' || value === undefined ? value : value[0]
}
