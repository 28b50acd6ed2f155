/**
 * Refusals on the wire: a JSON-RPC error, as a whole HTTP response or as the answer to a request. A client gets only the
 * message, the reason and the details of the refusal. Any other error is a bug: it is logged under an opaque id, and the
 * client gets only that id.
 */
import { shortId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import { jsonHeaders, type Outbound } from './inbound.ts'
import type { JsonObject } from './json-text.ts'
import { errorAnswer, responseText, type Answer, type RpcId } from './jsonrpc.ts'

/** The HTTP methods of the endpoint in any era; a refusal can override the header if its era serves fewer. */
const endpointAllows = 'GET, POST, DELETE'

/** The refusal as the answer to a valid request. */
export function errorAnswerOf(refusal: Refusal): Answer {
  // The details were made to be sent, so they are plain JSON data.
  const data = { reason: refusal.code, ...waitOf(refusal), ...refusal.details.data } as JsonObject
  return errorAnswer(refusal.row.rpc, refusal.message, data)
}

/** `retryAfterMs` in the error data, because an answer within a stream has no `Retry-After` header. */
function waitOf({ retryAfterMs }: Refusal): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}

/**
 * The refusal as a whole HTTP response, with the status of its row.
 * @param id of the refused request, as the client wrote it; null is sent without one
 */
export function errorResponse(refusal: Refusal, id?: RpcId): Outbound {
  return {
    status: refusal.row.status,
    headers: refusalHeaders(refusal),
    body: responseText(id, errorAnswerOf(refusal)),
  }
}

/**
 * The refusal of a POST whose body was not read, so that the id of its request is unknown: plain text, `reason: message`.
 * With a JSON-RPC error without an id, some clients would wait forever for an answer to their request.
 */
export function refusalText(refusal: Refusal): Outbound {
  const requestId = refusal.details.data?.['requestId']
  return {
    status: refusal.row.status,
    headers: { ...refusalHeaders(refusal), 'Content-Type': 'text/plain; charset=utf-8' },
    body: `${refusal.code}: ${refusal.message}\n${typeof requestId === 'string' ? `id: ${requestId}\n` : ''}`,
  }
}

/**
 * The headers of a response with the refusal's status. `Retry-After` is in whole seconds and at least 1, because with 0 all
 * clients would retry at once. [RFC 9110, 10.2.3 and 15.5.6]
 */
function refusalHeaders(refusal: Refusal): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { ...jsonHeaders }
  const { status } = refusal.row
  const retryAfterMs = refusal.retryAfterMs
  if (retryAfterMs !== undefined && (status === 429 || status === 503)) {
    headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
  }
  if (status === 405) headers['Allow'] = endpointAllows
  return { ...headers, ...refusal.details.headers }
}

/**
 * The refusal for an unexpected error: the error is logged with an opaque id, and the client gets the id.
 * @param id that of the request, if it has one already
 */
export function internalFault(error: unknown, log: Log, id: string = shortId()): Refusal {
  log.error({ id, err: error }, 'internal fault')
  return new Refusal('internal', { data: { id, requestId: id }, cause: error })
}

/** A refusal with the id under which the log has its request. The same refusal may be that of many requests: it is copied. */
export function withRequestId(refusal: Refusal, requestId: string): Refusal {
  const { code, details } = refusal
  if (details.data?.['requestId'] !== undefined) return refusal
  return new Refusal(code, { ...details, data: { ...details.data, requestId } })
}

/** The id of the request that was refused; a new one if it has none. */
export function requestIdOf({ details }: Refusal): string {
  const id = details.data?.['requestId']
  return typeof id === 'string' ? id : shortId()
}

/** The refusal to answer with for any thrown error. */
export function answerable(error: unknown, log: Log): Refusal {
  return asRefusal(error) ?? internalFault(error, log)
}
