/** What a client POSTed, from its text: one message, or several where they may come together. Pure. */
import { Refusal } from '../base/refusal.ts'
import { elementTexts, exceedsLimits } from './json-text.ts'
import { type Message, readMessage, type RpcId } from './jsonrpc.ts'

/** [R04] deeper or larger JSON is refused before it is parsed */
const maxDepth = 128
const maxMembers = 100_000
const maxBatch = 100

/** Where it is noted what a refusal has to name: the id of the request, once the body was read. */
export interface Naming {
  id: RpcId | undefined
  isBodyRead: boolean
}

/** The value of a body. Throws `parse_error`. */
export function parsePosted(text: string): unknown {
  if (exceedsLimits(text, maxDepth, maxMembers)) throw new Refusal('parse_error')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('parse_error', { cause })
  }
}

/** The message of a body that was parsed. Throws `invalid_request`. */
export function readPosted(text: string, value: unknown, naming: Naming): Message {
  const message = readMessage(text, value)
  if (message.kind === 'malformed') {
    naming.id = message.id
    throw new Refusal('invalid_request')
  }
  // [JSON-RPC 2.0, 4.1] a request without an id would be run, and nobody told how it went
  if (message.kind === 'notification' && !message.method.startsWith('notifications/'))
    throw new Refusal('invalid_request')
  if (message.kind === 'request') naming.id = message.id
  return message
}

/** The messages of a batch, none of which may open a session. Throws `invalid_request`. [2025-03-26 batching] */
export function readBatch(text: string): Message[] {
  const texts = elementTexts(text)
  if (texts.length === 0 || texts.length > maxBatch) throw new Refusal('invalid_request')
  const messages = texts.map((element) => readPosted(element, JSON.parse(element), { id: undefined, isBodyRead: true }))
  if (messages.some((message) => message.kind === 'request' && message.method === 'initialize'))
    throw new Refusal('invalid_request')
  return messages
}
