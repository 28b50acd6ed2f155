/** Reads the messages of an HTTP response: one JSON body, or the events of a stream. */
import { createParser } from 'eventsource-parser'
import { ArrivingText } from '../base/arriving-text.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import type { Outbound } from '../protocol/inbound.ts'
import { readMessage, responseText } from '../protocol/jsonrpc.ts'
import type { ClientContext } from './client-context.ts'
import { lacksScope } from './client-credentials.ts'
import type { ClientMessage } from './client-message.ts'

/** A header of a response, in any case of its name. */
export function headerOf({ headers }: Outbound, name: string): string | undefined {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name) return headers[key]
  return undefined
}

export function isStream(outbound: Outbound): boolean {
  return headerOf(outbound, 'content-type')?.toLowerCase().startsWith('text/event-stream') === true
}

/** The longest time to wait that a server may ask for. */
const longestRetryMs = 3_600_000

/**
 * Whether a message was refused because the server does not know the session (any more): by 404, as the specification
 * says, or by a 400 without a request id whose text speaks of sessions, as servers on the official SDK answer after a
 * restart. In neither case has the server run the message. [2025-11-25 transports, session management]
 */
export function isForgotten({ status, body }: Outbound): boolean {
  if (status === 404) return true
  const message = status === 400 && typeof body === 'string' ? read(body) : undefined
  if (message?.kind !== 'response' || message.id !== undefined || message.answer.kind !== 'error') return false
  const { code, message: text } = message.answer.error.value
  return code === -32000 && typeof text === 'string' && /session|not initialized/i.test(text)
}

/** Servers do not accept longer ids in a header. */
const maxIdChars = 4096

/**
 * The id of an event as a header value, in UTF-8 as browsers send it. Undefined for an id that no header can carry: a
 * resume with it would fail each time.
 */
function asHeaderValue(id: string): string | undefined {
  const text = Buffer.from(id).toString('latin1')
  return text.length <= maxIdChars && /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? text : undefined
}

/** The state of a message that its stream changes. */
export type Cursor = Pick<ClientMessage, 'lastEventId' | 'retryMs'>

/**
 * Reads a stream and passes each message to `onMessage`, one after the other, until the stream ends or is cut.
 * @returns how many events have come
 * @throws Refusal `result_too_large`, `memory_share_exceeded`, `overloaded`
 */
export async function takeStream(
  outbound: Outbound,
  cursor: Cursor,
  onMessage: (text: string) => Promise<void>,
  context: Pick<ClientContext, 'maxMessageChars' | 'memory'>,
): Promise<number> {
  const { body } = outbound
  let count = 0
  if (typeof body === 'string' && body === '') return count
  try {
    const pieces = typeof body === 'string' ? once(body) : body
    const onRetry = (ms: number): void => void (cursor.retryMs = Math.min(ms, longestRetryMs))
    for await (const event of eventsOf(pieces, context.maxMessageChars, context.memory.answers, onRetry)) {
      count++
      if (event.data !== '') await onMessage(event.data)
      if (event.id !== undefined && event.id !== '') cursor.lastEventId = asHeaderValue(event.id)
    }
  } catch (error) {
    if (asRefusal(error)?.code !== 'connection_lost') throw error
  }
  return count
}

/**
 * Reads a response to a POST, JSON or stream, and passes each message to `onMessage`. Throws what `takeStream` throws,
 * and `endpoint_invalid_response` or `endpoint_denied` for an error response that holds no message.
 */
export async function takeAnswer(
  outbound: Outbound,
  clientMessage: ClientMessage,
  onMessage: (text: string) => Promise<void>,
  context: ClientContext,
): Promise<void> {
  const { status, body } = outbound
  const first = clientMessage.expected[0]
  const method = first?.request.method ?? ''
  if (isStream(outbound) && status < 300) {
    await takeStream(outbound, clientMessage, onMessage, context)
    return
  }
  const text = typeof body === 'string' ? body : await whole(body, context.memory.answers)
  if (text.trim() === '' && status < 300) return
  if (status < 300) return onMessage(text)
  const message = read(text)
  if (isDenial(outbound, method, message)) context.onDenied({ status, method })
  if (message?.kind !== 'response') throw refused(status)
  // An error without an id can only answer the first request.
  await onMessage(message.id === undefined && first ? responseText(first.request.id, message.answer) : text)
}

/** Whether a response means that the client is not authorized, or that the URL is no MCP endpoint. */
function isDenial(outbound: Outbound, method: string, message: ReturnType<typeof read>): boolean {
  const { status } = outbound
  // Other messages need other scopes: the client is told, and goes on.
  if (method !== 'initialize' && lacksScope(status, headerOf(outbound, 'www-authenticate'))) return false
  if (status === 401 || status === 403) return true
  // A server without sessions lacks the method; the client may try the stateless era.
  if (message?.kind === 'response' && message.answer.kind === 'error' && message.answer.error.value['code'] === -32601)
    return false
  return method === 'initialize' && (status === 404 || status === 405 || (status >= 300 && status < 400))
}

function refused(status: number): Refusal {
  if (status === 401 || status === 403) {
    const why = status === 401 ? 'accept the credentials of this client' : 'let this client in with its credentials'
    const message = `The server at the URL does not ${why} (HTTP status ${status}). The request was not run.`
    return new Refusal('endpoint_denied', { message, data: { status } })
  }
  const message = `The server at the URL answered with HTTP status ${status}, and not as an MCP server does.`
  return new Refusal('endpoint_invalid_response', { message, data: { status } })
}

function read(text: string): ReturnType<typeof readMessage> | undefined {
  try {
    return readMessage(text, JSON.parse(text))
  } catch {
    return undefined
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

interface StreamEvent {
  readonly id: string | undefined
  /** Empty for an event that only names a position to resume from. */
  readonly data: string
}

/**
 * The events of a stream, each parsed when it is pulled.
 * @param maxChars an event longer than this ends the stream
 * @param memory counts received events until they are taken
 * @param onRetry called with the time that the server asks to wait before a reconnect, in milliseconds
 * @throws Refusal `result_too_large`, `memory_share_exceeded`, `overloaded`, and what the pieces throw
 */
async function* eventsOf(
  pieces: AsyncIterable<string>,
  maxChars: number,
  memory: MemoryAccount,
  onRetry: (ms: number) => void,
): AsyncGenerator<StreamEvent> {
  let found: StreamEvent[] = []
  let isTooLarge = false
  const parser = createParser({
    maxBufferSize: maxChars,
    onEvent: ({ id, data }) => void found.push({ id, data }),
    onRetry,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') isTooLarge = true
    },
  })
  const arriving = new ArrivingText(memory)
  try {
    for await (const piece of pieces) {
      arriving.add(piece)
      parser.feed(piece)
      const events = found
      found = []
      for (const event of events) {
        // From here on the consumer counts the event.
        arriving.release(event.data)
        yield event
      }
      if (isTooLarge) throw new Refusal('result_too_large')
      // Comments end with a blank line as well, and are no events.
      const end = endOfEvents(piece)
      if (events.length > 0 || end > 0) arriving.keepLast(piece.length - end)
    }
  } finally {
    arriving.end()
  }
}

/** Where the last complete event of a piece ends; 0 if that is not known. */
function endOfEvents(piece: string): number {
  const blank = piece.lastIndexOf('\n\n')
  return blank < 0 ? 0 : blank + 2
}

async function whole(pieces: AsyncIterable<string>, memory: MemoryAccount): Promise<string> {
  const arriving = new ArrivingText(memory)
  let text = ''
  try {
    for await (const piece of pieces) {
      arriving.add(piece)
      text += piece
    }
    return text
  } finally {
    arriving.end()
  }
}
