/**
 * Subscribes each session to what the workers of its isolation group send outside of calls, and passes that to the
 * session's stream. A session is attached at its first request, so that an unused one costs nothing.
 */
import { Refusal } from '../../base/refusal.ts'
import type { Filter, Caller, Update } from '../../protocol/call.ts'
import { notificationText } from '../../protocol/jsonrpc.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { LiveSession } from '../../sessions/sessions.ts'
import type { Subscription, Upstream } from '../../upstreams/upstream.ts'
import type { PendingInput } from '../interaction/pending-input.ts'

export interface SessionNotifications {
  /** Whether the session is attached. */
  has(liveSession: LiveSession): boolean
  /** Attaches the session if it is not attached yet. Throws `session_not_found` if the session has ended meanwhile. */
  attach(liveSession: LiveSession): Promise<void>
  /** Applies changed subscriptions of the session; resolves when the server knows. Throws what `attach` throws. */
  refilter(liveSession: LiveSession): Promise<void>
}

export function createSessionNotifications(needs: {
  readonly upstream: Pick<Upstream, 'subscribe'>
  /** Sends a message to a session outside of its calls. */
  readonly tell: (liveSession: LiveSession, text: string) => void
  /** Whether the client of a session reads such messages at this moment. */
  readonly isRead: (liveSession: LiveSession) => boolean
  readonly pendingInput: PendingInput
}): SessionNotifications {
  const { upstream, tell, pendingInput } = needs
  const subscriptions = new WeakMap<LiveSession, Promise<Subscription>>()

  const forward = (liveSession: LiveSession, update: Update): void => {
    const text =
      update.kind === 'notification'
        ? notificationText(update.method, update.params)
        : pendingInput.put(liveSession, update, (id) => {
            tell(liveSession, notificationText('notifications/cancelled', rawObject({ requestId: JSON.parse(id) })))
          })
    if (text !== undefined) tell(liveSession, text)
  }

  const attach = async (liveSession: LiveSession): Promise<Subscription> => {
    // Its onEnd has run already, so nothing would stop a new subscription.
    if (liveSession.ended) throw new Refusal('session_not_found')
    let subscription = subscriptions.get(liveSession)
    if (!subscription) {
      subscription = upstream.subscribe(callerOf(liveSession), filterOf(liveSession), {
        deliver: (update) => forward(liveSession, update),
        isRead: () => needs.isRead(liveSession),
      })
      subscriptions.set(liveSession, subscription)
      const attached = subscription
      liveSession.onEnd.push(
        () =>
          void attached.then(
            (active) => active.stop(),
            () => undefined,
          ),
      )
    }
    return subscription
  }

  return {
    has: (liveSession) => subscriptions.has(liveSession),
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
