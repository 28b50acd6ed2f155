/** Requests that a face sends of itself: their answers are for nobody else. */
import type { Outbound } from '../protocol/inbound.ts'
import { type Answer, idKey, readMessage, type RpcId } from '../protocol/jsonrpc.ts'
import type { ClientContext } from './client-context.ts'
import { isStream, takeStream } from './response-reader.ts'

/** The answer to the request with that id; undefined if there is none. */
export async function answerTo(id: RpcId, outbound: Outbound, context: ClientContext): Promise<Answer | undefined> {
  let answer: Answer | undefined
  const hear = async (text: string): Promise<void> => {
    const message = readMessage(text, parsed(text))
    if (message.kind === 'response' && message.id !== undefined && idKey(message.id) === idKey(id))
      answer = message.answer
  }
  if (isStream(outbound)) await takeStream(outbound, { lastEventId: undefined, retryMs: undefined }, hear, context)
  else if (typeof outbound.body === 'string') await hear(outbound.body)
  return answer
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
