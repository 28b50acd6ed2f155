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
  has(liveSession: LiveSession): boolean
  /** Attaches the session's ear if it has none. Throws `session_not_found` if the session has ended meanwhile. */
  attach(liveSession: LiveSession): Promise<void>
  /** The session's subscriptions have changed; resolves when the server knows. Throws what `attach` throws. */
  refilter(liveSession: LiveSession): Promise<void>
}

export function createSessionNotifications(needs: {
  readonly upstream: Pick<Upstream, 'listen'>
  /** Says something to a session outside of its calls. */
  readonly tell: (liveSession: LiveSession, text: string) => void
  /** Whether the client of a session reads that at this moment. */
  readonly isRead: (liveSession: LiveSession) => boolean
  readonly pendingInput: PendingInput
}): SessionNotifications {
  const { upstream, tell, pendingInput } = needs
  const ears = new WeakMap<LiveSession, Promise<Listening>>()

  const hear = (liveSession: LiveSession, update: Update): void => {
    const text =
      update.kind === 'notification'
        ? notificationText(update.method, update.params)
        : pendingInput.put(liveSession, update, (id) => {
            tell(liveSession, notificationText('notifications/cancelled', rawObject({ requestId: JSON.parse(id) })))
          })
    if (text !== undefined) tell(liveSession, text)
  }

  const attach = async (liveSession: LiveSession): Promise<Listening> => {
    // What ends with a session has ended already: nothing would stop it.
    if (liveSession.ended) throw new Refusal('session_not_found')
    let ear = ears.get(liveSession)
    if (!ear) {
      ear = upstream.listen(callerOf(liveSession), filterOf(liveSession), {
        take: (update) => hear(liveSession, update),
        isRead: () => needs.isRead(liveSession),
      })
      ears.set(liveSession, ear)
      const attached = ear
      liveSession.onEnd.push(
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
    has: (liveSession) => ears.has(liveSession),
    async attach(liveSession) {
      await attach(liveSession)
    },
    async refilter(liveSession) {
      const listening = await attach(liveSession)
      await listening.refilter(filterOf(liveSession))
    },
  }
}

/** A session hears of all list changes, and of the resources that it subscribed to. */
function filterOf(liveSession: LiveSession): Filter {
  return {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceUris: new Set(liveSession.session.uris),
  }
}

/** Where a session belongs. */
export function callerOf(liveSession: LiveSession): Caller {
  return {
    principal: liveSession.session.principal,
    client: liveSession.session.client,
    session: liveSession.session.id,
  }
}
