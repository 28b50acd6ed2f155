/** Takes an answer apart into the messages that it carries: one JSON body, or the events of a stream. */
import { ArrivingText } from '../base/arriving-text.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import type { Outbound } from '../protocol/inbound.ts'
import { readMessage, responseText } from '../protocol/jsonrpc.ts'
import type { ClientContext, SentMessage } from './client-context.ts'
import { eventsOf } from './stream-events.ts'

/** A header of an answer, however its name is written. */
export function headerOf({ headers }: Outbound, name: string): string | undefined {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name) return headers[key]
  return undefined
}

export function isStream(outbound: Outbound): boolean {
  return headerOf(outbound, 'content-type')?.toLowerCase().startsWith('text/event-stream') === true
}

/** A server that wants us to wait longer does not mean it. */
const longestRetryMs = 3_600_000

/**
 * Whether a message of a session was refused because the server does not know that session (any more): by 404, as it
 * should be, or by a 400 that names no request and speaks of sessions, as servers on the official SDK answer after a
 * restart. Nothing was run in either case. [2025-11-25 transports, session management]
 */
export function isForgotten({ status, body }: Outbound): boolean {
  if (status === 404) return true
  const message = status === 400 && typeof body === 'string' ? read(body) : undefined
  if (message?.kind !== 'response' || message.id !== undefined || message.answer.kind !== 'error') return false
  const { code, message: words } = message.answer.error.value
  return code === -32000 && typeof words === 'string' && /session|not initialized/i.test(words)
}

/** Longer ones no server takes back. */
const maxIdChars = 4096

/**
 * The id of an event as a header carries it: in UTF-8, as event sources of browsers do. Undefined for one that none
 * can: to come back with it would fail each time.
 */
function carriable(id: string): string | undefined {
  const text = Buffer.from(id).toString('latin1')
  return text.length <= maxIdChars && /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? text : undefined
}

/** What of an errand a stream changes. */
export type Cursor = Pick<SentMessage, 'lastEventId' | 'retryMs'>

/**
 * Hands over each message, one after the other. Returns when the answer is over; a stream that was cut is over too.
 * @returns how many events have come
 * @throws Refusal `result_too_large`, `memory_share_exceeded`, `overloaded`
 */
export async function takeStream(
  outbound: Outbound,
  cursor: Cursor,
  hear: (text: string) => Promise<void>,
  context: ClientContext,
): Promise<number> {
  const { body } = outbound
  let count = 0
  if (typeof body === 'string' && body === '') return count
  try {
    const pieces = typeof body === 'string' ? once(body) : body
    const onRetry = (ms: number): void => void (cursor.retryMs = Math.min(ms, longestRetryMs))
    for await (const event of eventsOf(pieces, context.maxMessageChars, context.memory.answers, onRetry)) {
      count++
      if (event.data !== '') await hear(event.data)
      if (event.id !== undefined && event.id !== '') cursor.lastEventId = carriable(event.id)
    }
  } catch (error) {
    if (asRefusal(error)?.code !== 'connection_lost') throw error
  }
  return count
}

/** The same for whatever answered a POST. Throws `endpoint_invalid_response` for an answer that holds no message. */
export async function takeAnswer(
  outbound: Outbound,
  sent: SentMessage,
  hear: (text: string) => Promise<void>,
  context: ClientContext,
): Promise<void> {
  const { status, body } = outbound
  const first = sent.expected[0]
  const method = first?.request.method ?? ''
  if (isStream(outbound) && status < 300) {
    await takeStream(outbound, sent, hear, context)
    return
  }
  const text = typeof body === 'string' ? body : await whole(body, context.memory.answers)
  if (text.trim() === '' && status < 300) return
  if (status < 300) return hear(text)
  const message = read(text)
  if (isDenial(status, method, message)) context.onDenied({ status, method })
  if (message?.kind !== 'response') throw refused(status)
  // An error that names no request can only mean this one.
  await hear(message.id === undefined && first ? responseText(first.request.id, message.answer) : text)
}

/** Whether an answer says that this client, or this URL, is wrong altogether. */
function isDenial(status: number, method: string, message: ReturnType<typeof read>): boolean {
  if (status === 401 || status === 403) return true
  // A server without sessions has no such method; its clients may try another way.
  if (message?.kind === 'response' && message.answer.kind === 'error' && message.answer.error.value['code'] === -32601)
    return false
  return method === 'initialize' && (status === 404 || status === 405 || (status >= 300 && status < 400))
}

function refused(status: number): Refusal {
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
