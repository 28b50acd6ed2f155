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
export async function openGetStream(standing: OpenSession, hearing: DeliveryContext): Promise<void> {
  const { desk, session } = hearing
  const { over } = standing
  const cursor: Cursor = { lastEventId: undefined, retryMs: undefined }
  let isOffered = false
  for (let failures = 0; !over.cancelled;) {
    const heard = await listenOnce(standing, cursor, isOffered, hearing).catch((error: unknown) => {
      if (!over.cancelled) desk.log.debug({ err: error }, 'the event stream failed')
      return 'nothing'
    })
    if (over.cancelled || heard === 'never') return
    if (heard === 'forgotten') {
      session.lost(standing)
      return
    }
    if (heard === 'something') isOffered = true
    failures = heard === 'something' ? 0 : failures + 1
    await pauseUnless([over], desk.clock, Math.max(backOffMs(failures), cursor.retryMs ?? quietMs))
  }
}

type Heard = 'something' | 'nothing' | 'never' | 'forgotten'

async function listenOnce(standing: OpenSession, cursor: Cursor, isOffered: boolean, hearing: DeliveryContext): Promise<Heard> {
  const { desk } = hearing
  const { lastEventId } = cursor
  const outbound = await send(
    {
      method: 'GET',
      headers: { ...standing.headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
      closed: standing.over,
      isHarmless: true,
      deadlineMs: Infinity,
    },
    desk,
  )
  const { status } = outbound
  if (status === 200 && isStream(outbound)) {
    const count = await takeStream(outbound, cursor, (text) => deliver(text, undefined, hearing), desk)
    return count > 0 ? 'something' : 'nothing'
  }
  if (status === 404 && isOffered && standing.id !== undefined) return 'forgotten'
  if (status === 401 || status === 403) desk.onDenied({ status, method: 'GET' })
  // [2025-11-25 transports] a server may have no stream of its own to offer; some say so as if nothing were there
  if (status === 405 || status === 404) return 'never'
  // A place to resume from that is not known (any more): what came since is lost, and what comes shall not be.
  if (status === 400) cursor.lastEventId = undefined
  return 'nothing'
}
