/** What the server says, on its way to the client: each message as one line, and noted for what it means on the way. */
import { elementTexts, memberText } from '../protocol/json-text.ts'
import { idKey, type Message, readMessage, responseText, type ResponseMessage } from '../protocol/jsonrpc.ts'
import type { ClientContext, SentMessage, ExpectedResponse } from './client-context.ts'
import type { ParamHeaders } from './param-headers.ts'
import type { ClientSession } from './session.ts'

export interface DeliveryContext {
  readonly desk: ClientContext
  readonly session: ClientSession
  readonly mirrors: ParamHeaders
}

/** What an errand does with the answer to a request of its own; false keeps it from the client. */
export type OnAnswer = (owed: ExpectedResponse, response: ResponseMessage) => boolean

/**
 * Passes on what came for an errand, or outside of any.
 * @param text one message, or those of a batch
 * @throws Refusal `memory_share_exceeded` or `overloaded` if it cannot be kept until the client reads
 */
export async function deliver(
  text: string,
  errand: SentMessage | undefined,
  hearing: DeliveryContext,
  onAnswer: OnAnswer = always,
): Promise<void> {
  const value = parsed(text)
  const open = errand?.owed.filter((one) => !one.isAnswered)
  const isBatch = Array.isArray(value)
  const passed = isBatch
    ? elementTexts(text).flatMap((element) => pass(element, JSON.parse(element), errand, hearing, onAnswer))
    : pass(text, value, errand, hearing, onAnswer)
  // A client that has cancelled wants to hear no more; where closing is cancelling, nothing may follow.
  if (passed.length === 0 || errand?.closed.cancelled === true) return
  const line = isBatch ? `[${passed.join(',')}]` : passed.join('')
  // Line breaks stand only between the parts of a message: within strings JSON does not have them.
  try {
    await hearing.desk.write(line.replaceAll(/[\r\n]+/g, ' '))
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
  errand: SentMessage | undefined,
  hearing: DeliveryContext,
  onAnswer: OnAnswer,
): readonly string[] {
  const message = readMessage(text, value)
  if (message.kind === 'malformed') {
    hearing.desk.log.warn({}, 'the server sent something that is no message')
    return []
  }
  // An error that names no request can only mean the one that was sent.
  const only = errand?.owed.length === 1 ? errand.owed[0]?.request : undefined
  if (message.kind === 'response' && message.id === undefined && only) {
    return note({ ...message, id: only.id }, errand, hearing, onAnswer) ? [responseText(only.id, message.answer)] : []
  }
  return note(message, errand, hearing, onAnswer) ? [text] : []
}

/** Whether the client shall hear it. */
function note(message: Message, errand: SentMessage | undefined, hearing: DeliveryContext, onAnswer: OnAnswer): boolean {
  const { session, mirrors, desk } = hearing
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
      const owed = errand?.owed.find((one) => one.key === key && !one.isAnswered)
      if (!owed) {
        desk.log.debug({}, 'the server answered what nobody asked')
        return false
      }
      if (!onAnswer(owed, message)) return false
      owed.isAnswered = true
      if (message.answer.kind === 'result') {
        if (owed.request.method === 'tools/list') mirrors.learn(message.answer.result)
        else session.agreed(owed)
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
