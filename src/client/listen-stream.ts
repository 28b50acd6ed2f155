/**
 * A listening request of a client without a session. The client has asked to be told of changes for as long as it
 * likes: a server that goes away and comes back is asked anew, and whatever may have changed meanwhile is told as
 * changed. [2026-07-28 subscriptions]
 */
import { pauseUnless } from '../base/clock.ts'
import { asRefusal } from '../base/refusal.ts'
import { isObject, type JsonValue, rawObject } from '../protocol/json-text.ts'
import { notificationText, readMessage } from '../protocol/jsonrpc.ts'
import { metaKeys } from '../protocol/revisions.ts'
import { standaloneHeaders } from '../protocol/request-headers.ts'
import { type SentMessage, isSessionOpen, type ExpectedResponse } from './client-context.ts'
import { deliver, type DeliveryContext } from './deliver.ts'
import { backOffMs } from '../base/backoff.ts'
import { send } from './send.ts'
import { takeAnswer } from './response-reader.ts'

const acknowledged = 'notifications/subscriptions/acknowledged'

/** Listens until the client has enough. Throws a `Refusal` for what the server does not grant. */
export async function openListenStream(
  sent: SentMessage,
  expected: ExpectedResponse,
  delivery: DeliveryContext,
): Promise<void> {
  const { context } = delivery
  const isLasting = context.waitMs > 0
  let isHeard = false
  const take = async (text: string): Promise<void> => {
    const granted = grantedIn(text)
    if (granted === undefined)
      return deliver(text, sent, delivery, (_, { answer }) => !isLasting || answer.kind === 'error')
    if (!isHeard) await deliver(text, sent, delivery)
    else for (const change of changes(granted, expected)) await context.writeOwn(change)
    isHeard = true
  }
  for (let failures = 1; isSessionOpen(sent); failures++) {
    const startedMs = context.clock.now()
    try {
      const deadlineMs = isHeard ? Infinity : startedMs + context.waitMs
      const headers = standaloneHeaders(expected.request, [])
      const { text, closed } = sent
      const onSent = (isSent: boolean): void => void (sent.isSent = isSent)
      const outbound = await send(
        { method: 'POST', headers, text, closed, isHarmless: true, deadlineMs, onSent },
        context,
      )
      await takeAnswer(outbound, sent, take, context)
    } catch (error) {
      const lost = asRefusal(error)
      if (!isHeard || lost === undefined || !isLasting) throw error
    }
    if (!isSessionOpen(sent) || context.leaving.cancelled || !isLasting) return
    // What lasted a while was well: the next wait is a short one again.
    if (context.clock.now() - startedMs > 10_000) failures = 1
    await pauseUnless([sent.closed, context.leaving], context.clock, backOffMs(failures))
  }
}

/** What the server grants, if the text is its acknowledgement. */
function grantedIn(text: string): JsonValue | undefined {
  if (!text.includes(acknowledged)) return undefined
  const message = readMessage(text, JSON.parse(text))
  return message.kind === 'notification' && message.method === acknowledged
    ? (message.params?.value['notifications'] ?? {})
    : undefined
}

const lists = { toolsListChanged: 'tools', promptsListChanged: 'prompts', resourcesListChanged: 'resources' }

/** Everything that is granted, told as changed. */
function changes(granted: JsonValue, { request }: ExpectedResponse): string[] {
  if (!isObject(granted)) return []
  const _meta = { [metaKeys.subscription]: JSON.parse(request.id) as string | number }
  const uris = granted['resourceSubscriptions']
  return [
    ...Object.entries(lists)
      .filter(([member]) => granted[member] === true)
      .map(([, kind]) => notificationText(`notifications/${kind}/list_changed`, rawObject({ _meta }))),
    ...(Array.isArray(uris) ? uris : []).map((uri) =>
      notificationText('notifications/resources/updated', rawObject({ uri, _meta })),
    ),
  ]
}
