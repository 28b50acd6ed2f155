/**
 * Handles the requests of clients without sessions: each is independent of others, and its answer lives as long as its
 * connection. The checks and the encoding are in protocol/modern-server.ts. [2026-07-28 basic; transports; multi
 * round-trip requests]
 */
import { Refusal } from '../../base/refusal.ts'
import type { Principal, Caller } from '../../protocol/call.ts'
import { headerMatches } from '../../protocol/headers.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import type { Message, RequestMessage } from '../../protocol/jsonrpc.ts'
import { notServed, readEnvelope, statusOf } from '../../protocol/modern-server.ts'
import { answerable, errorAnswerOf, errorResponse } from '../../protocol/error-response.ts'
import { discovery, mirrorsIn } from './discovery.ts'
import type { GatewayServices } from '../services.ts'
import { openSubscription } from './subscriptions-listen.ts'
import { answerList } from '../calls/list-responses.ts'
import { answerCallRequest } from './call-request.ts'

const empty: Outbound = { status: 202, headers: {}, body: '' }

/** Answers one message of a client without a session. Throws `invalid_request` for a response. */
export async function answerOne(
  message: Message,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  // [2026-07-28 basic] clients send no responses; notifications are accepted and ignored over HTTP
  if (message.kind === 'response') throw new Refusal('invalid_request')
  if (message.kind === 'notification') {
    services.events.emit('dropped', { what: 'client_notification', count: 1 })
    return empty
  }
  try {
    // Checked first: a client that cannot be served in this era needs no advice on how to write its request.
    if (services.refusesStateless) throw notServed(message, header(inbound, 'mcp-protocol-version'))
    return await request(message, inbound, principal, services)
  } catch (error) {
    const refusal = answerable(error, services.log)
    if (refusal.code !== 'cancelled') services.events.emit('refused', { code: refusal.code, tenant: principal.tenant })
    return refused(refusal, message)
  }
}

/** A refusal as this era encodes it: an unknown method has HTTP status 404. */
function refused(refusal: Refusal, message: RequestMessage): Outbound {
  if (refusal.code === 'cancelled') return empty
  const outbound = errorResponse(refusal, message.id)
  // It tells the client that this era is not served at all; 404 would tell it the opposite. [2026-07-28 versioning]
  if (refusal.code === 'discover_refused') return outbound
  return outbound.status === 200 ? { ...outbound, status: statusOf(errorAnswerOf(refusal)) } : outbound
}

async function request(
  message: RequestMessage,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  const envelope = readEnvelope(message, mirrorsIn(inbound), services.extensions)
  const caller: Caller = { principal, client: envelope.client, session: undefined }
  // During a drain, begun calls may be resumed: beginOrResume decides that when it opens the state.
  const mayResume = message.params?.value['requestState'] !== undefined
  if (services.drain.draining && !mayResume) throw new Refusal('draining')
  if (services.catalog.isList(message.method)) return list(caller, message, services)
  if (message.method === 'server/discover') return discovered(caller, message, services)
  if (message.method === 'tools/call' && services.catalog.mirrorsHeaders)
    await checkMirrored(caller, message, inbound, services)

  const lease = services.admission.take() ?? (await services.admission.wait(inbound.connection, inbound.closed))
  if (message.method === 'subscriptions/listen') return openSubscription(caller, message, lease, inbound, services)
  return answerCallRequest(message, envelope, lease, inbound, principal, services)
}

async function list(caller: Caller, message: RequestMessage, services: GatewayServices): Promise<Outbound> {
  const { text, status } = await answerList(caller, message, services.catalog)
  return { status, headers: jsonHeaders, body: text }
}

async function discovered(caller: Caller, message: RequestMessage, services: GatewayServices): Promise<Outbound> {
  return discovery(message.id, await services.catalog.serverDescription(caller))
}

/** [2026-07-28 transports, custom headers] mirrored headers must match the body */
async function checkMirrored(
  caller: Caller,
  message: RequestMessage,
  inbound: Inbound,
  services: GatewayServices,
): Promise<void> {
  const params = message.params?.value ?? {}
  const tool = params['name']
  if (typeof tool !== 'string') return
  for (const param of await services.catalog.mirrored(caller, tool)) {
    if (!headerMatches(param, params['arguments'], header(inbound, param.header))) {
      throw new Refusal('header_mismatch', { message: 'A Mcp-Param header does not match the arguments.' })
    }
  }
}
