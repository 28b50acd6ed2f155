/** Passes messages of the server on to the client, each as one line, and updates the state that they change. */
import { elementTexts, memberText } from '../protocol/json-text.ts'
import { idKey, type Message, readMessage, responseText, type ResponseMessage } from '../protocol/jsonrpc.ts'
import type { ClientContext } from './client-context.ts'
import type { ClientMessage, ExpectedResponse } from './client-message.ts'
import type { ParamHeaders } from './param-headers.ts'
import type { ClientSession } from './session.ts'

export interface DeliveryContext {
  readonly context: ClientContext
  readonly session: ClientSession
  readonly paramHeaders: ParamHeaders
}

/** Called with the answer to a sent request; decides whether the client gets it. */
export type OnAnswer = (expected: ExpectedResponse, response: ResponseMessage) => 'deliver' | 'withhold'

/**
 * Passes messages on to the client.
 * @param text one message, or an array of them
 * @param clientMessage the message that they answer; undefined outside of any
 * @throws Refusal `memory_share_exceeded` or `overloaded` if they cannot be kept until the client reads
 */
export async function deliver(
  text: string,
  clientMessage: ClientMessage | undefined,
  delivery: DeliveryContext,
  onAnswer: OnAnswer = deliverAlways,
): Promise<void> {
  const value = parsed(text)
  const open = clientMessage?.expected.filter((one) => !one.isAnswered)
  const isBatch = Array.isArray(value)
  const passed = isBatch
    ? elementTexts(text).flatMap((element) => pass(element, JSON.parse(element), clientMessage, delivery, onAnswer))
    : pass(text, value, clientMessage, delivery, onAnswer)
  // After a cancellation the client gets no more messages: where closing cancels, none may follow.
  if (passed.length === 0 || clientMessage?.closed.cancelled === true) return
  const line = isBatch ? `[${passed.join(',')}]` : passed.join('')
  // JSON has raw line breaks only between tokens, never within strings.
  try {
    await delivery.context.write(line.replaceAll(/[\r\n]+/g, ' '))
  } catch (error) {
    // The client did not get the line, so the requests are still unanswered.
    for (const one of open ?? []) one.notDelivered()
    throw error
  }
}

/** The text of one message for the client; empty if the client must not get it. */
function pass(
  text: string,
  value: unknown,
  clientMessage: ClientMessage | undefined,
  delivery: DeliveryContext,
  onAnswer: OnAnswer,
): readonly string[] {
  const message = readMessage(text, value)
  if (message.kind === 'malformed') {
    delivery.context.log.warn({}, 'the server sent something that is no message')
    return []
  }
  // An error without an id can only answer the one request that was sent.
  const only = clientMessage?.expected.length === 1 ? clientMessage.expected[0]?.request : undefined
  if (message.kind === 'response' && message.id === undefined && only) {
    return track({ ...message, id: only.id }, clientMessage, delivery, onAnswer)
      ? [responseText(only.id, message.answer)]
      : []
  }
  return track(message, clientMessage, delivery, onAnswer) ? [text] : []
}

/** Updates the session for a message; returns whether the client gets the message. */
function track(
  message: Message,
  clientMessage: ClientMessage | undefined,
  delivery: DeliveryContext,
  onAnswer: OnAnswer,
): boolean {
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
      const expected = clientMessage?.expected.find((one) => one.key === key && !one.isAnswered)
      if (!expected) {
        context.log.debug({}, 'the server answered a request that was not sent')
        return false
      }
      if (onAnswer(expected, message) === 'withhold') return false
      expected.answer()
      if (message.answer.kind === 'result') {
        if (expected.request.method === 'tools/list') paramHeaders.learn(message.answer.result)
        else session.agreed(expected)
      }
      return true
    }
  }
}

function deliverAlways(): 'deliver' {
  return 'deliver'
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
