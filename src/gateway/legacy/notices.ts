/** What mcplex itself says to a session, where no server has said anything. */
import { shortId } from '../../base/ids.ts'
import { Refusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { type Message, notificationText, requestText, responseText } from '../../protocol/jsonrpc.ts'
import { errorAnswerOf } from '../../protocol/error-response.ts'

const pingPrefix = 'alive-'

/** A question for a sign of life; whatever the answer is, it is one. [2025-11-25 basic, ping] */
export function pingText(): string {
  return requestText(JSON.stringify(`${pingPrefix}${shortId()}`), 'ping', undefined)
}

/** Whether a message of a client answers a ping of ours. */
export function clientAnswersPing(message: Message): boolean {
  return message.kind === 'response' && message.id?.startsWith(`"${pingPrefix}`) === true
}

/** What a reader is told whose events are gone: the end of its call if it waits for one, else a message of its own. */
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
