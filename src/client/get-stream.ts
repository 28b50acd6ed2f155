/**
 * The GET stream of a session, on which the server sends messages outside of calls. It is kept open as long as the
 * session: after a cut it resumes after the last event. [2025-11-25 transports, listening; resumability]
 */
import { pauseUnless } from '../base/clock.ts'
import { lacksScope } from './client-credentials.ts'
import { deliver, type DeliveryContext } from './deliver.ts'
import { retryPauseMs } from './retry-pause.ts'
import { send } from './send.ts'
import type { OpenSession } from './session.ts'
import { type Cursor, headerOf, isStream, takeStream } from './response-reader.ts'

/** The pause before a reconnect if the server names none. */
const reconnectMs = 1000

/** Listens until the session is over, or the server turns out to offer no GET stream. Never rejects. */
export async function openGetStream(openSession: OpenSession, delivery: DeliveryContext): Promise<void> {
  const { context, session } = delivery
  const { over } = openSession
  const cursor: Cursor = { lastEventId: undefined, retryMs: undefined }
  let isOffered = false
  for (let failures = 0; !over.cancelled;) {
    const result = await listenOnce(openSession, cursor, isOffered, delivery).catch((error: unknown) => {
      if (!over.cancelled) context.log.debug({ err: error }, 'the event stream failed')
      return 'failed'
    })
    if (over.cancelled || result === 'not_offered') return
    if (result === 'session_gone') {
      session.lost(openSession)
      return
    }
    if (result === 'received') isOffered = true
    failures = result === 'received' ? 0 : failures + 1
    await pauseUnless([over], context.clock, Math.max(retryPauseMs(failures), cursor.retryMs ?? reconnectMs))
  }
}

type ListenResult = 'received' | 'failed' | 'not_offered' | 'session_gone'

async function listenOnce(
  session: OpenSession,
  cursor: Cursor,
  isOffered: boolean,
  delivery: DeliveryContext,
): Promise<ListenResult> {
  const { context } = delivery
  const { lastEventId } = cursor
  const outbound = await send(
    {
      method: 'GET',
      headers: { ...session.headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
      closed: session.over,
      isIdempotent: true,
      deadlineMs: Infinity,
    },
    context,
  )
  const { status } = outbound
  if (status === 200 && isStream(outbound)) {
    const count = await takeStream(outbound, cursor, (text) => deliver(text, undefined, delivery), context)
    return count > 0 ? 'received' : 'failed'
  }
  if (status === 404 && isOffered && session.id !== undefined) return 'session_gone'
  // Messages that the server sends outside of calls need another scope; calls may go on without them.
  if (lacksScope(status, headerOf(outbound, 'www-authenticate'))) return 'not_offered'
  if (status === 401 || status === 403) context.onDenied({ status, method: 'GET' })
  // [2025-11-25 transports] a server that offers no GET stream answers 405; some answer 404
  if (status === 405 || status === 404) return 'not_offered'
  // The server does not know the event to resume after: what came since is lost, and the stream starts anew.
  if (status === 400) cursor.lastEventId = undefined
  return 'failed'
}
