/**
 * An HTTP exchange becomes what its client wants: who asks, what is said, in which era, and on to whoever serves that.
 * Cheap checks before dear ones; no body is read before its sender is known.
 */
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import { standsAlone } from '../protocol/classify.ts'
import { messagesPath, streamPath } from '../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import { elementTexts, exceedsLimits } from '../protocol/json-text.ts'
import { type Message, readMessage, type RpcId } from '../protocol/jsonrpc.ts'
import { mayBatch } from '../protocol/legacy-server.ts'
import { answerable, refusalOutbound } from '../protocol/refusal-answer.ts'
import { isStateless } from '../protocol/revisions.ts'
import type { House } from './house.ts'
import { answerOne } from './sessionless.ts'
import { endSession, initialize, openStream, receive, receiveBatch, sessionOf } from './sessionful.ts'

/** [R04] deeper or larger JSON is refused before it is parsed */
const maxDepth = 128
const maxMembers = 100_000
const maxBatch = 100

/** Answers one exchange on the MCP endpoint. Never rejects. */
export async function handle(inbound: Inbound, house: House): Promise<Outbound> {
  const exchange: { id: RpcId | undefined } = { id: undefined }
  try {
    const principal = house.authenticate(inbound)
    if (inbound.path === messagesPath || inbound.path === streamPath) throw new Refusal('not_found')
    if (inbound.method === 'POST') return await post(inbound, principal, exchange, house)
    if (isStateless(header(inbound, 'mcp-protocol-version'))) {
      throw new Refusal('method_not_allowed', { headers: { Allow: 'POST' } })
    }
    if (inbound.method === 'GET') return await openStream(await sessionOf(inbound, principal, house), inbound, house)
    if (inbound.method === 'DELETE') return await endSession(await sessionOf(inbound, principal, house), house)
    throw new Refusal('method_not_allowed')
  } catch (error) {
    const refusal = answerable(error, house.log)
    house.events.emit('refused', { code: refusal.code, tenant: undefined })
    return refusalOutbound(refusal, exchange.id)
  }
}

async function post(
  inbound: Inbound,
  principal: Principal,
  exchange: { id: RpcId | undefined },
  house: House,
): Promise<Outbound> {
  const text = await inbound.body()
  if (exceedsLimits(text, maxDepth, maxMembers)) throw new Refusal('parse_error')
  const value = parse(text)
  if (Array.isArray(value)) return batch(text, inbound, principal, house)
  const message = read(text, value, exchange)
  if (standsAlone(message, header(inbound, 'mcp-protocol-version')))
    return answerOne(message, inbound, principal, house)
  if (message.kind === 'request' && message.method === 'initialize')
    return initialize(message, inbound, principal, house)
  return receive(await sessionOf(inbound, principal, house), message, inbound, house)
}

/** [2025-03-26 batching] several messages in one body, for the one revision that has them */
async function batch(text: string, inbound: Inbound, principal: Principal, house: House): Promise<Outbound> {
  if (isStateless(header(inbound, 'mcp-protocol-version'))) throw new Refusal('invalid_request')
  if (header(inbound, 'mcp-session-id') === undefined) throw new Refusal('invalid_request')
  const seat = await sessionOf(inbound, principal, house)
  if (!mayBatch(seat.session.speaker.version)) throw new Refusal('invalid_request')
  const texts = elementTexts(text)
  if (texts.length === 0 || texts.length > maxBatch) throw new Refusal('invalid_request')
  const messages = texts.map((element) => read(element, JSON.parse(element), { id: undefined }))
  if (messages.some((message) => message.kind === 'request' && message.method === 'initialize'))
    throw new Refusal('invalid_request')
  return receiveBatch(seat, messages, inbound, house)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('parse_error', { cause })
  }
}

function read(text: string, value: unknown, exchange: { id: RpcId | undefined }): Message {
  const message = readMessage(text, value)
  if (message.kind === 'malformed') {
    exchange.id = message.id
    throw new Refusal('invalid_request')
  }
  // [JSON-RPC 2.0, 4.1] a request without an id would be run, and nobody told how it went
  if (message.kind === 'notification' && !message.method.startsWith('notifications/'))
    throw new Refusal('invalid_request')
  if (message.kind === 'request') exchange.id = message.id
  return message
}
