/**
 * Refusals as they are written on the wire: a JSON-RPC error, in a response of its own or as the answer of a request.
 * What an error may say to a client is decided here: the row's message, its reason and what the refusal carries on
 * purpose. Anything else that was thrown is a bug; it is logged under an opaque id, and the client gets only the id.
 */
import { shortId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import { jsonHeaders, type Outbound } from './inbound.ts'
import type { JsonObject } from './json-text.ts'
import { errorAnswer, responseText, type Answer, type RpcId } from './jsonrpc.ts'

/** What the endpoint serves in one era or another; an era that serves less says so in the refusal's headers. */
const endpointAllows = 'GET, POST, DELETE'

/** The refusal as the answer of a request that was understood. */
export function errorAnswerOf(refusal: Refusal): Answer {
  // Details are data of ours that was made to be sent; they hold nothing that JSON cannot say.
  const data = { reason: refusal.code, ...waitOf(refusal), ...refusal.details.data } as JsonObject
  return errorAnswer(refusal.row.rpc, refusal.message, data)
}

/** An answer within a stream has no header to say it in. */
function waitOf({ retryAfterMs }: Refusal): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}

/**
 * The refusal as a whole HTTP answer, with the status of its row.
 * @param id of the request that is refused, as the client wrote it; without one the error names none
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
 * A JSON-RPC error without an id would leave some clients waiting for an answer to their request for ever.
 */
export function refusalText(refusal: Refusal): Outbound {
  const faultId = refusal.details.data?.['id']
  return {
    status: refusal.row.status,
    headers: { ...refusalHeaders(refusal), 'Content-Type': 'text/plain; charset=utf-8' },
    body: `${refusal.code}: ${refusal.message}\n${typeof faultId === 'string' ? `id: ${faultId}\n` : ''}`,
  }
}

/**
 * The headers of an answer with the refusal's status. `Retry-After` is in whole seconds and at least 1, because 0
 * asks for a storm. [RFC 9110, 10.2.3 and 15.5.6]
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

/** The refusal that stands for a bug: logged with what is behind it, answered with an opaque id. */
export function internalFault(error: unknown, log: Log): Refusal {
  const id = shortId()
  log.error({ id, err: error }, 'internal fault')
  return new Refusal('internal', { data: { id }, cause: error })
}

/** The refusal to answer with, whatever was thrown. */
export function answerable(error: unknown, log: Log): Refusal {
  return asRefusal(error) ?? internalFault(error, log)
}
