/**
 * Sends one exchange, with retries while it is certain that the server has not run it. A message that may have run is
 * sent again only if it may run twice without harm.
 */
import type { Cancel } from '../base/cancel.ts'
import { pauseUnless } from '../base/clock.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { isObject, type JsonObject } from '../protocol/json-text.ts'
import type { ClientContext } from './client-context.ts'
import { retryPauseMs } from './retry-pause.ts'

export interface OutgoingRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly text?: string
  readonly closed: Cancel
  /** Whether it may be sent again although it may have arrived. */
  readonly isIdempotent: boolean
  /** When retries end, by the clock. */
  readonly deadlineMs: number
  /** Called with true before each attempt, and with false after one of which nothing has arrived. */
  readonly onAttempt?: (mayHaveArrived: boolean) => void
}

/** Sends an exchange. Throws `endpoint_unreachable`, `connection_lost` or `cancelled`. */
export async function send(outgoing: OutgoingRequest, context: ClientContext): Promise<Outbound> {
  for (let failures = 1; ; failures++) {
    if (outgoing.closed.cancelled) throw new Refusal('cancelled')
    outgoing.onAttempt?.(true)
    const tried = await attempt(outgoing, context)
    if ('outbound' in tried && !isRetryLater(tried.outbound, outgoing.isIdempotent)) return tried.outbound
    outgoing.onAttempt?.(false)
    const askedMs = 'outbound' in tried ? retryAfterMs(tried.outbound) : 0
    const waitMs = Math.max(retryPauseMs(failures), askedMs)
    if (context.leaving.cancelled || context.clock.now() + waitMs > outgoing.deadlineMs) {
      if ('outbound' in tried) return tried.outbound
      throw tried.error
    }
    await pauseUnless([outgoing.closed, context.leaving], context.clock, waitMs)
  }
}

/**
 * One attempt. Returns an error after which another attempt is safe; throws one after which it is not, or is useless.
 */
async function attempt(
  outgoing: OutgoingRequest,
  context: ClientContext,
): Promise<{ outbound: Outbound } | { error: Refusal }> {
  try {
    return { outbound: await context.handle(inboundOf(outgoing)) }
  } catch (error) {
    const refusal = asRefusal(error)
    const isUnsent = refusal?.code === 'endpoint_unreachable'
    if (refusal && (isUnsent || (refusal.code === 'connection_lost' && outgoing.isIdempotent)))
      return { error: refusal }
    throw error
  }
}

const bodyHeaders = { 'content-type': 'application/json' }
const accepts = { POST: 'application/json, text/event-stream', GET: 'text/event-stream', DELETE: '*/*' }

function inboundOf({ method, headers, text, closed }: OutgoingRequest): Inbound {
  return {
    method,
    path: '/mcp',
    headers: { accept: accepts[method], ...(method === 'POST' && bodyHeaders), ...headers },
    connection: 'stdio',
    body: () => Promise.resolve(text ?? ''),
    closed,
  }
}

/** Whether the server says that it is starting or shutting down, and has not run the message. */
function isRetryLater({ status, body }: Outbound, isIdempotent: boolean): boolean {
  if (status !== 503) return false
  const data = typeof body === 'string' ? errorData(body) : undefined
  // Some proxies answer 503 when they lose the server in mid-answer.
  if (data === undefined) return isIdempotent
  if (data['reason'] === 'starting') return true
  return data['reason'] === 'draining' && data['executed'] === undefined
}

/** The data of a JSON-RPC error; undefined if the body is none: then a proxy has answered. */
function errorData(body: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body)
    const error = isObject(value) ? value['error'] : undefined
    if (!isObject(error)) return undefined
    return isObject(error['data']) ? error['data'] : {}
  } catch {
    return undefined
  }
}

function retryAfterMs({ headers }: Outbound): number {
  const seconds = Number(headers['Retry-After'] ?? headers['retry-after'] ?? 0)
  return Number.isFinite(seconds) ? Math.min(10, Math.max(0, seconds)) * 1000 : 0
}
