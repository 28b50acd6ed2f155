/**
 * The ear of each session: hears what the processes of its unit say outside of calls and stores it for the session's
 * stream. Attached when a session first does something, so that one that never does costs nothing.
 */
import { Refusal } from '../../base/refusal.ts'
import type { Filter, Caller, Update } from '../../protocol/call.ts'
import { notificationText } from '../../protocol/jsonrpc.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { LiveSession } from '../../sessions/sessions.ts'
import type { Listening, Upstream } from '../../upstreams/upstream.ts'
import type { PendingInput } from '../interaction/pending-input.ts'

export interface SessionNotifications {
  /** Whether the session has an ear already. */
  has(seat: LiveSession): boolean
  /** Attaches the session's ear if it has none. Throws `session_unknown` if the session has ended meanwhile. */
  attach(seat: LiveSession): Promise<void>
  /** The session's subscriptions have changed; resolves when the server knows. Throws what `attach` throws. */
  refilter(seat: LiveSession): Promise<void>
}

export function createSessionNotifications(needs: {
  readonly upstream: Pick<Upstream, 'listen'>
  /** Says something to a session outside of its calls. */
  readonly tell: (seat: LiveSession, text: string) => void
  /** Whether the client of a session reads that at this moment. */
  readonly isRead: (seat: LiveSession) => boolean
  readonly asks: PendingInput
}): SessionNotifications {
  const { upstream, tell, asks } = needs
  const ears = new WeakMap<LiveSession, Promise<Listening>>()

  const hear = (seat: LiveSession, update: Update): void => {
    const text =
      update.kind === 'notification'
        ? notificationText(update.method, update.params)
        : asks.put(seat, update, (id) => {
            tell(seat, notificationText('notifications/cancelled', rawObject({ requestId: JSON.parse(id) })))
          })
    if (text !== undefined) tell(seat, text)
  }

  const attach = async (seat: LiveSession): Promise<Listening> => {
    // What ends with a session has ended already: nothing would stop it.
    if (seat.ended) throw new Refusal('session_unknown')
    let ear = ears.get(seat)
    if (!ear) {
      ear = upstream.listen(seatOf(seat), filterOf(seat), {
        take: (update) => hear(seat, update),
        isRead: () => needs.isRead(seat),
      })
      ears.set(seat, ear)
      const attached = ear
      seat.onEnd.push(
        () =>
          void attached.then(
            (listening) => listening.stop(),
            () => undefined,
          ),
      )
    }
    return ear
  }

  return {
    has: (seat) => ears.has(seat),
    async attach(seat) {
      await attach(seat)
    },
    async refilter(seat) {
      const listening = await attach(seat)
      await listening.refilter(filterOf(seat))
    },
  }
}

/** A session hears of all list changes, and of the resources that it subscribed to. */
function filterOf(seat: LiveSession): Filter {
  return {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceUris: new Set(seat.session.uris),
  }
}

/** Where a session belongs. */
export function seatOf(seat: LiveSession): Caller {
  return { principal: seat.session.principal, client: seat.session.speaker, session: seat.session.id }
}
