/** Messages that mcplex itself sends to a session. */
import { shortId } from '../../base/ids.ts'
import { Refusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { type Message, notificationText, requestText, responseText } from '../../protocol/jsonrpc.ts'
import { errorAnswerOf } from '../../protocol/error-response.ts'

const pingPrefix = 'alive-'

/** A ping that asks the client for a sign of life; any answer is one, errors included. [2025-11-25 basic, ping] */
export function pingText(): string {
  return requestText(JSON.stringify(`${pingPrefix}${shortId()}`), 'ping', undefined)
}

/** Whether a message of a client answers a ping that mcplex sent. */
export function clientAnswersPing(message: Message): boolean {
  return message.kind === 'response' && message.id?.startsWith(`"${pingPrefix}`) === true
}

/**
 * Tells a reader that events of its stream were lost.
 * @param request the id of the call that the reader waits for, which ends with an error; without one it is a
 * notification
 */
export function expiredText(request: string | undefined): string {
  const refusal = errorAnswerOf(new Refusal('events_expired'))
  if (request !== undefined) return responseText(request, refusal)
  const params = {
    level: 'warning',
    logger: 'mcplex',
    data: 'Events of this stream were lost: read lists and resources again.',
    _meta: { reason: 'events_expired' },
  }
  return notificationText('notifications/message', rawObject(params))
}
