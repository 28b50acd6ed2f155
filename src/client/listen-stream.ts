/**
 * Runs `subscriptions/listen`, for a client without a session, until the client ends it. When the stream breaks, the
 * request is sent again, and everything that may have changed meanwhile is reported as changed. [2026-07-28
 * subscriptions]
 */
import { pauseUnless } from '../base/clock.ts'
import { asRefusal } from '../base/refusal.ts'
import { isObject, type JsonValue, rawObject } from '../protocol/json-text.ts'
import { notificationText, readMessage } from '../protocol/jsonrpc.ts'
import { metaKeys } from '../protocol/revisions.ts'
import { standaloneHeaders } from '../protocol/request-headers.ts'
import type { ClientMessage, ExpectedResponse } from './client-message.ts'
import { deliver, type DeliveryContext } from './deliver.ts'
import { retryPauseMs } from './retry-pause.ts'
import { send } from './send.ts'
import { takeAnswer } from './response-reader.ts'

const acknowledged = 'notifications/subscriptions/acknowledged'

/** Listens until the client ends the request. Throws a `Refusal` if the server does not grant it. */
export async function openListenStream(
  clientMessage: ClientMessage,
  expected: ExpectedResponse,
  delivery: DeliveryContext,
): Promise<void> {
  const { context } = delivery
  const isRepeated = context.waitMs > 0
  let isGranted = false
  const take = async (text: string): Promise<void> => {
    const granted = grantedIn(text)
    if (granted === undefined)
      return deliver(text, clientMessage, delivery, (_, { answer }) =>
        isRepeated && answer.kind !== 'error' ? 'withhold' : 'deliver',
      )
    if (!isGranted) await deliver(text, clientMessage, delivery)
    else for (const change of changes(granted, expected)) await context.writeOwn(change)
    isGranted = true
  }
  for (let failures = 1; clientMessage.isAwaited; failures++) {
    const startedMs = context.clock.now()
    try {
      const deadlineMs = isGranted ? Infinity : startedMs + context.waitMs
      const headers = standaloneHeaders(expected.request, [])
      const { text, closed } = clientMessage
      const onAttempt = (mayHaveArrived: boolean): void => clientMessage.attempted(mayHaveArrived)
      const outbound = await send(
        { method: 'POST', headers, text, closed, isIdempotent: true, deadlineMs, onAttempt },
        context,
      )
      await takeAnswer(outbound, clientMessage, take, context)
    } catch (error) {
      if (!isGranted || asRefusal(error) === undefined || !isRepeated) throw error
    }
    if (!clientMessage.isAwaited || context.leaving.cancelled || !isRepeated) return
    // A stream that lasted a while had not failed: the back-off starts again.
    if (context.clock.now() - startedMs > 10_000) failures = 1
    await pauseUnless([clientMessage.closed, context.leaving], context.clock, retryPauseMs(failures))
  }
}

/** The granted notifications, if the text is the server's acknowledgement. */
function grantedIn(text: string): JsonValue | undefined {
  if (!text.includes(acknowledged)) return undefined
  const message = readMessage(text, JSON.parse(text))
  return message.kind === 'notification' && message.method === acknowledged
    ? (message.params?.value['notifications'] ?? {})
    : undefined
}

const lists = { toolsListChanged: 'tools', promptsListChanged: 'prompts', resourcesListChanged: 'resources' }

/** A change notification for everything that is granted. */
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
