/**
 * The stream of a session on which the server says what no request has asked for. Kept open as long as the session
 * stands: after a cut it goes on where it was. [2025-11-25 transports, listening; resumability]
 */
import { pauseUnless } from '../base/clock.ts'
import { deliver, type DeliveryContext } from './deliver.ts'
import { backOffMs } from '../base/backoff.ts'
import { send } from './send.ts'
import type { OpenSession } from './session.ts'
import { type Cursor, isStream, takeStream } from './response-reader.ts'

/** A server that ends its stream without a word on when to come back is not asked again at once. */
const quietMs = 1000

/** Listens until the session is over, or the server turns out to have no such stream. Never rejects. */
export async function openGetStream(openSession: OpenSession, delivery: DeliveryContext): Promise<void> {
  const { context, session } = delivery
  const { over } = openSession
  const cursor: Cursor = { lastEventId: undefined, retryMs: undefined }
  let isOffered = false
  for (let failures = 0; !over.cancelled;) {
    const heard = await listenOnce(openSession, cursor, isOffered, delivery).catch((error: unknown) => {
      if (!over.cancelled) context.log.debug({ err: error }, 'the event stream failed')
      return 'nothing'
    })
    if (over.cancelled || heard === 'never') return
    if (heard === 'forgotten') {
      session.lost(openSession)
      return
    }
    if (heard === 'something') isOffered = true
    failures = heard === 'something' ? 0 : failures + 1
    await pauseUnless([over], context.clock, Math.max(backOffMs(failures), cursor.retryMs ?? quietMs))
  }
}

type Heard = 'something' | 'nothing' | 'never' | 'forgotten'

async function listenOnce(
  session: OpenSession,
  cursor: Cursor,
  isOffered: boolean,
  delivery: DeliveryContext,
): Promise<Heard> {
  const { context } = delivery
  const { lastEventId } = cursor
  const outbound = await send(
    {
      method: 'GET',
      headers: { ...session.headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
      closed: session.over,
      isHarmless: true,
      deadlineMs: Infinity,
    },
    context,
  )
  const { status } = outbound
  if (status === 200 && isStream(outbound)) {
    const count = await takeStream(outbound, cursor, (text) => deliver(text, undefined, delivery), context)
    return count > 0 ? 'something' : 'nothing'
  }
  if (status === 404 && isOffered && session.id !== undefined) return 'forgotten'
  if (status === 401 || status === 403) context.onDenied({ status, method: 'GET' })
  // [2025-11-25 transports] a server may have no stream of its own to offer; some say so as if nothing were there
  if (status === 405 || status === 404) return 'never'
  // A place to resume from that is not known (any more): what came since is lost, and what comes shall not be.
  if (status === 400) cursor.lastEventId = undefined
  return 'nothing'
}
