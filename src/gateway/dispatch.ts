/**
 * Dispatches an HTTP exchange: authenticates the caller, parses the message, decides its era, and passes it to the
 * handlers of that era. Cheap checks come before costly ones; no body is read before its sender is authenticated.
 */
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import { isModernMessage } from '../protocol/classify.ts'
import { messagesPath, streamPath } from '../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import { acceptedForms } from '../protocol/accept.ts'
import { mayBatch } from '../protocol/legacy-server.ts'
import { type RequestIdHolder, parseIncoming, readBatch, readIncoming } from '../protocol/incoming.ts'
import { answerable, errorResponse, refusalText } from '../protocol/error-response.ts'
import { isStateless } from '../protocol/revisions.ts'
import { sseHeaders, sseMessage } from '../protocol/sse.ts'
import type { GatewayServices } from './services.ts'
import { clientAnswersPing } from './legacy/notices.ts'
import { answerOne } from './modern/requests.ts'
import { answerOverStream } from './legacy/http-sse.ts'
import { initialize } from './legacy/open-session.ts'
import { endSession, openStream, receive, receiveBatch, sessionOf } from './legacy/requests.ts'

/** Answers one exchange on the MCP endpoint. Never rejects. */
export async function dispatch(inbound: Inbound, services: GatewayServices): Promise<Outbound> {
  const idHolder: RequestIdHolder = { id: undefined, isBodyRead: false }
  try {
    const principal = services.authenticate(inbound)
    if (inbound.path === messagesPath || inbound.path === streamPath)
      return await answerOverStream(inbound, principal, idHolder, services)
    if (inbound.method === 'POST') return inAcceptedForm(inbound, await post(inbound, principal, idHolder, services))
    if (isStateless(header(inbound, 'mcp-protocol-version'))) {
      throw new Refusal('method_not_allowed', { headers: { Allow: 'POST' } })
    }
    if (inbound.method === 'GET')
      return await openStream(await sessionOf(inbound, principal, services), inbound, services)
    if (inbound.method === 'DELETE') return await endSession(await sessionOf(inbound, principal, services), services)
    throw new Refusal('method_not_allowed')
  } catch (error) {
    const refusal = answerable(error, services.log)
    services.events.emit('refused', { code: refusal.code, tenant: undefined })
    const isUnread = inbound.method === 'POST' && !idHolder.isBodyRead
    return isUnread ? refusalText(refusal) : errorResponse(refusal, idHolder.id)
  }
}

async function post(
  inbound: Inbound,
  principal: Principal,
  idHolder: RequestIdHolder,
  services: GatewayServices,
): Promise<Outbound> {
  const text = await inbound.body()
  idHolder.isBodyRead = true
  const value = parseIncoming(text)
  if (Array.isArray(value)) return batch(text, inbound, principal, services)
  const message = readIncoming(text, value, idHolder)
  if (isModernMessage(message, header(inbound, 'mcp-protocol-version')))
    return answerOne(message, inbound, principal, services)
  if (message.kind === 'request' && message.method === 'initialize')
    return initialize(message, inbound, principal, services)
  return receive(await sessionOf(inbound, principal, services, clientAnswersPing(message)), message, inbound, services)
}

/**
 * The answer in a form that the client accepts: if that is only event streams, a JSON answer becomes a stream of one
 * message.
 */
function inAcceptedForm(inbound: Inbound, outbound: Outbound): Outbound {
  const isJson = outbound.status === 200 && typeof outbound.body === 'string' && outbound.body !== ''
  if (!isJson || acceptedForms(header(inbound, 'accept')) !== 'stream') return outbound
  return { ...outbound, headers: { ...outbound.headers, ...sseHeaders }, body: sseMessage(outbound.body) }
}

/** [2025-03-26 batching] several messages in one body, for the one revision that has them */
async function batch(
  text: string,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): Promise<Outbound> {
  if (isStateless(header(inbound, 'mcp-protocol-version'))) throw new Refusal('invalid_request')
  if (header(inbound, 'mcp-session-id') === undefined) throw new Refusal('invalid_request')
  const liveSession = await sessionOf(inbound, principal, services)
  if (!mayBatch(liveSession.session.client.version)) throw new Refusal('invalid_request')
  return receiveBatch(liveSession, readBatch(text), inbound, services)
}
