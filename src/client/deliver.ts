/** What the server says, on its way to the client: each message as one line, and noted for what it means on the way. */
import { elementTexts, memberText } from '../protocol/json-text.ts'
import { idKey, type Message, readMessage, responseText, type ResponseMessage } from '../protocol/jsonrpc.ts'
import type { ClientContext, SentMessage, ExpectedResponse } from './client-context.ts'
import type { ParamHeaders } from './param-headers.ts'
import type { ClientSession } from './session.ts'

export interface DeliveryContext {
  readonly context: ClientContext
  readonly session: ClientSession
  readonly paramHeaders: ParamHeaders
}

/** What an errand does with the answer to a request of its own; false keeps it from the client. */
export type OnAnswer = (expected: ExpectedResponse, response: ResponseMessage) => boolean

/**
 * Passes on what came for an errand, or outside of any.
 * @param text one message, or those of a batch
 * @throws Refusal `memory_share_exceeded` or `overloaded` if it cannot be kept until the client reads
 */
export async function deliver(
  text: string,
  sent: SentMessage | undefined,
  delivery: DeliveryContext,
  onAnswer: OnAnswer = always,
): Promise<void> {
  const value = parsed(text)
  const open = sent?.expected.filter((one) => !one.isAnswered)
  const isBatch = Array.isArray(value)
  const passed = isBatch
    ? elementTexts(text).flatMap((element) => pass(element, JSON.parse(element), sent, delivery, onAnswer))
    : pass(text, value, sent, delivery, onAnswer)
  // A client that has cancelled wants to hear no more; where closing is cancelling, nothing may follow.
  if (passed.length === 0 || sent?.closed.cancelled === true) return
  const line = isBatch ? `[${passed.join(',')}]` : passed.join('')
  // Line breaks stand only between the parts of a message: within strings JSON does not have them.
  try {
    await delivery.context.write(line.replaceAll(/[\r\n]+/g, ' '))
  } catch (error) {
    // The client has not got it: it is owed an answer still.
    for (const one of open ?? []) one.isAnswered = false
    throw error
  }
}

/** The text of one message as the client shall read it; none if it shall not. */
function pass(
  text: string,
  value: unknown,
  sent: SentMessage | undefined,
  delivery: DeliveryContext,
  onAnswer: OnAnswer,
): readonly string[] {
  const message = readMessage(text, value)
  if (message.kind === 'malformed') {
    delivery.context.log.warn({}, 'the server sent something that is no message')
    return []
  }
  // An error that names no request can only mean the one that was sent.
  const only = sent?.expected.length === 1 ? sent.expected[0]?.request : undefined
  if (message.kind === 'response' && message.id === undefined && only) {
    return note({ ...message, id: only.id }, sent, delivery, onAnswer) ? [responseText(only.id, message.answer)] : []
  }
  return note(message, sent, delivery, onAnswer) ? [text] : []
}

/** Whether the client shall hear it. */
function note(message: Message, sent: SentMessage | undefined, delivery: DeliveryContext, onAnswer: OnAnswer): boolean {
  const { session, paramHeaders, context } = delivery
  switch (message.kind) {
    case 'request':
      session.asked(message.id)
      return true
    case 'notification': {
      const id = message.params && memberText(message.params.text, 'requestId')
      if (message.method === 'notifications/cancelled' && id !== undefined) session.answered(id)
      return true
    }
    default: {
      const key = message.id === undefined ? undefined : idKey(message.id)
      const expected = sent?.expected.find((one) => one.key === key && !one.isAnswered)
      if (!expected) {
        context.log.debug({}, 'the server answered what nobody asked')
        return false
      }
      if (!onAnswer(expected, message)) return false
      expected.isAnswered = true
      if (message.answer.kind === 'result') {
        if (expected.request.method === 'tools/list') paramHeaders.learn(message.answer.result)
        else session.agreed(expected)
      }
      return true
    }
  }
}

function always(): boolean {
  return true
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
