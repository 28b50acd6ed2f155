/** Reads the answers to requests that mcplex sends of its own accord, which the client never gets. */
import type { Outbound } from '../protocol/inbound.ts'
import { type Answer, idKey, readMessage, type RpcId } from '../protocol/jsonrpc.ts'
import type { ClientContext } from './client-context.ts'
import { isStream, takeStream } from './response-reader.ts'

/** The answer to the request with an id; undefined if the response does not hold it. */
export async function answerTo(id: RpcId, outbound: Outbound, context: ClientContext): Promise<Answer | undefined> {
  let answer: Answer | undefined
  const onMessage = async (text: string): Promise<void> => {
    const message = readMessage(text, parsed(text))
    if (message.kind === 'response' && message.id !== undefined && idKey(message.id) === idKey(id))
      answer = message.answer
  }
  if (isStream(outbound)) await takeStream(outbound, { lastEventId: undefined, retryMs: undefined }, onMessage, context)
  else if (typeof outbound.body === 'string') await onMessage(outbound.body)
  return answer
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
