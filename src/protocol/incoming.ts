/** Reads the body of a POST: one message, or a batch in the revision that has them. Pure. */
import { Refusal } from '../base/refusal.ts'
import { elementTexts, exceedsLimits, isObject } from './json-text.ts'
import { type Malformed, type Message, readMessage, type RpcId } from './jsonrpc.ts'

/** Deeper or larger JSON is refused before it is parsed, because parsing it could block the process or exhaust its memory. */
const maxDepth = 128
const maxMembers = 100_000
const maxBatch = 100

/** Holds the request id for a refusal, once the body was read. */
export interface RequestIdHolder {
  id: RpcId | undefined
  isBodyRead: boolean
}

/** Parses a body. Throws `parse_error`. */
export function parseIncoming(text: string): unknown {
  if (exceedsLimits(text, maxDepth, maxMembers)) throw new Refusal('parse_error')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('parse_error', { cause })
  }
}

/** The message of a parsed body. Throws `invalid_request`, `invalid_meta`. */
export function readIncoming(text: string, value: unknown, naming: RequestIdHolder): Message {
  const read = readMessage(text, value)
  if (read.kind === 'malformed' || read.kind === 'request') naming.id = read.id
  const message = checkMessage(read)
  checkMeta(message)
  return message
}

/** Returns the message. Throws `invalid_request` if it is malformed. */
export function checkMessage(read: Message | Malformed): Message {
  // A request without an id would run without an answer. [JSON-RPC 2.0, 4.1]
  const isNameless = read.kind === 'notification' && !read.method.startsWith('notifications/')
  if (read.kind === 'malformed' || isNameless) throw new Refusal('invalid_request')
  return read
}

/**
 * Throws `invalid_meta` for a request or a notification whose `_meta` is not an object: mcplex and the server might read its
 * era, progress token and trace differently. [all revisions, basic, _meta]
 */
export function checkMeta(message: Message): void {
  if (!hasProperMeta(message)) throw new Refusal('invalid_meta')
}

/** Whether the `_meta` of a request or a notification is an object, if it has any. */
export function hasProperMeta(message: Message): boolean {
  if (message.kind === 'response' || !message.params) return true
  const { value } = message.params
  return !Object.hasOwn(value, '_meta') || isObject(value['_meta'])
}

/** The messages of a batch, none of which may open a session. Throws `invalid_request`, `invalid_meta`. [2025-03-26 batching] */
export function readBatch(text: string): Message[] {
  const texts = elementTexts(text)
  if (texts.length === 0 || texts.length > maxBatch) throw new Refusal('invalid_request')
  const messages = texts.map((element) =>
    readIncoming(element, JSON.parse(element), { id: undefined, isBodyRead: true }),
  )
  if (messages.some((message) => message.kind === 'request' && message.method === 'initialize'))
    throw new Refusal('invalid_request')
  return messages
}
