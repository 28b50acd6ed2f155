/**
 * Subscribes each session to what the workers of its isolation group send outside of calls, and passes that to the
 * session's stream. A session is attached at its first request, so that an unused one costs nothing.
 */
import { Refusal } from '../../base/refusal.ts'
import type { Filter, Caller, Update } from '../../protocol/call.ts'
import { notificationText } from '../../protocol/jsonrpc.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { LiveSession, SessionSubscription } from '../../sessions/live-session.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import type { PendingInput } from '../interaction/pending-input.ts'

export interface SessionNotifications {
  /** Attaches the session if it is not attached yet. Throws `session_not_found` if the session has ended meanwhile. */
  attach(liveSession: LiveSession): Promise<void>
  /** Applies changed subscriptions of the session; resolves when the server knows. Throws what `attach` throws. */
  refilter(liveSession: LiveSession): Promise<void>
}

export function createSessionNotifications(needs: {
  readonly upstream: Pick<Upstream, 'subscribe'>
  readonly pendingInput: PendingInput
}): SessionNotifications {
  const { upstream, pendingInput } = needs

  const forward = (liveSession: LiveSession, update: Update): void => {
    const { output } = liveSession
    const text =
      update.kind === 'notification'
        ? notificationText(update.method, update.params)
        : pendingInput.put(liveSession, update, (id) => {
            output.send(notificationText('notifications/cancelled', rawObject({ requestId: JSON.parse(id) })))
          })
    if (text !== undefined) output.send(text)
  }

  const attach = (liveSession: LiveSession): Promise<SessionSubscription> => {
    // A session that has ended would not stop a new subscription any more.
    if (liveSession.ended) return Promise.reject(new Refusal('session_not_found'))
    return (liveSession.workerSubscription ??= upstream.subscribe(callerOf(liveSession), filterOf(liveSession), {
      deliver: (update) => forward(liveSession, update),
      isRead: () => liveSession.output.isRead,
    }))
  }

  return {
    async attach(liveSession) {
      await attach(liveSession)
    },
    async refilter(liveSession) {
      const subscription = await attach(liveSession)
      await subscription.refilter(filterOf(liveSession))
    },
  }
}

/** A session is told of all list changes, and of the resources that it subscribed to. */
function filterOf(liveSession: LiveSession): Filter {
  return {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceUris: new Set(liveSession.session.uris),
  }
}

/** The caller that a session is for the upstream and the catalogue. */
export function callerOf(liveSession: LiveSession): Caller {
  return {
    principal: liveSession.session.principal,
    client: liveSession.session.client,
    session: liveSession.session.id,
  }
}
