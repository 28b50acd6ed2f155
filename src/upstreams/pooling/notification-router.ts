/**
 * What processes say outside of calls, and who hears it: the listeners of the unit that a process belongs to, each
 * what it asked for, and nobody else.
 */
import type { Clock } from '../../base/clock.ts'
import type { ClientKey, Filter, Update } from '../../protocol/call.ts'
import { isObject } from '../../protocol/json-text.ts'
import { withMeta } from '../../protocol/jsonrpc.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { unitSource } from './catalog-keys.ts'
import { createSubscriptions, isWanted, type Subscriptions } from './subscriptions.ts'
import type { Subscriber, WorkerOwner, IsolationGroup } from './isolation-group.ts'
import type { Hearing, Listening } from '../upstream.ts'
import { SubscriptionCounts } from './subscription-counts.ts'

/**
 * Told when what a source lists may have changed.
 * @param isOfUse whether the list as it was is better than none
 */
export type Stale = (source: string, list: string, isOfUse: boolean) => void

export interface NotificationRouter {
  /** A process has said something; false if nobody could take it. */
  route(owner: WorkerOwner, connection: UpstreamConnection, update: Update): boolean
  /** Tells the listeners of a unit. */
  deliver(group: IsolationGroup, update: Update): boolean
  subscriptionsOf(group: IsolationGroup): Subscriptions
  /**
   * @param key the key of the unit
   * @param client the session whose stream listens; undefined for a client without, which cannot be told from others
   */
  listen(key: string, client: ClientKey | undefined, filter: Filter, hearing: Hearing): Promise<Listening>
  hasListeners(key: string): boolean
  forget(key: string): void
  /** All that a source lists may be different from now on: no process is there that would tell. */
  unwatched(source: string): void
  /** The same for the lists of a unit's own process. */
  unwatchedOf(group: IsolationGroup, connection: UpstreamConnection): void
  onStale(stale: Stale): void
}

/** Who hears a unit, and what they want together. */
interface Audience {
  readonly listeners: Set<Subscriber>
  readonly subscriptionCounts: SubscriptionCounts
}

export function createNotificationRouter(
  clock: Clock,
  findUnit: (key: string) => IsolationGroup | undefined,
): NotificationRouter {
  const audiences = new Map<string, Audience>()
  const nobody = new SubscriptionCounts()
  const subscriptions = new WeakMap<IsolationGroup, Subscriptions>()
  const staleListeners: Stale[] = []

  const subscriptionsOf = (group: IsolationGroup): Subscriptions => {
    let known = subscriptions.get(group)
    if (!known) {
      known = createSubscriptions(group, () => audiences.get(group.key)?.subscriptionCounts ?? nobody, clock)
      subscriptions.set(group, known)
    }
    return known
  }

  const deliver = (group: IsolationGroup, update: Update): boolean => {
    const own = group.attribution === 'own'
    let taken = false
    for (const listener of audiences.get(group.key)?.listeners ?? []) {
      if (update.kind === 'ask') {
        if (!own) return false
        if (!listener.isSession) continue
        // What is asked at the start of a process is asked for those calls: a client without a stream reads theirs.
        if (!listener.isRead() && group.waitingCalls.take(update)) return true
        listener.take(update)
        return true
      }
      // All that a session's own process says is the session's, but for changes that it did not ask for.
      const isOwn = own && listener.isSession && !isChange(update.method)
      if (!isOwn && !isWanted(listener.filter, update.method, update.params)) continue
      listener.take(withoutSubscription(update))
      taken = true
    }
    return taken || !own
  }

  return {
    deliver,
    subscriptionsOf,
    route(owner, connection, update) {
      const { group } = owner
      if (update.kind === 'notification') {
        for (const list of changedLists(update.method)) {
          // A process that ends with its call has lists for no other.
          if (group?.endsAfter === 'every call') continue
          group?.changed.set(list, connection)
          for (const stale of staleListeners) stale(group ? unitSource(group.key) : (owner.source ?? ''), list, !group)
        }
        if (!group || subscriptionsOf(group).acknowledge(connection, update.method, update.params)) return true
      }
      return group !== undefined && deliver(group, update)
    },
    async listen(key, client, filter, { take, isRead }) {
      const listener: Subscriber = { isSession: client !== undefined, filter, take, isRead }
      const audience = audiences.get(key) ?? { listeners: new Set(), subscriptionCounts: new SubscriptionCounts() }
      audiences.set(key, audience)
      const { listeners, subscriptionCounts } = audience
      listeners.add(listener)
      subscriptionCounts.add(filter, client)
      const sync = async (): Promise<void> => {
        const group = findUnit(key)
        if (group)
          await Promise.all([...group.connections].map((connection) => subscriptionsOf(group).sync(connection)))
      }
      await sync()
      return {
        refilter(changed) {
          // In this order: what is wanted before and after is never not wanted.
          if (listeners.has(listener)) subscriptionCounts.add(changed, client)
          if (listeners.has(listener)) subscriptionCounts.remove(listener.filter)
          listener.filter = changed
          return sync()
        },
        stop() {
          if (!listeners.delete(listener)) return
          subscriptionCounts.remove(listener.filter)
          if (listeners.size === 0 && audiences.get(key) === audience) audiences.delete(key)
          void sync()
        },
      }
    },
    hasListeners: (key) => audiences.has(key),
    forget: (key) => void audiences.delete(key),
    unwatched(source) {
      for (const list of allLists) for (const stale of staleListeners) stale(source, list, true)
    },
    unwatchedOf(group, connection) {
      for (const [list, teller] of group.changed) {
        if (teller !== connection) continue
        group.changed.delete(list)
        for (const stale of staleListeners) stale(unitSource(group.key), list, false)
      }
    },
    onStale: (stale) => void staleListeners.push(stale),
  }
}

const allLists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

/** The lists that a change notification makes stale. */
function changedLists(method: string): readonly string[] {
  switch (method) {
    case 'notifications/tools/list_changed':
      return ['tools/list']
    case 'notifications/prompts/list_changed':
      return ['prompts/list']
    case 'notifications/resources/list_changed':
      return ['resources/list', 'resources/templates/list']
    default:
      return []
  }
}

function isChange(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated'
}

/** A listener is told without the id of our own subscription. */
function withoutSubscription(update: Update & { kind: 'notification' }): Update {
  const meta = update.params?.value['_meta']
  if (!isObject(meta) || !(metaKeys.subscription in meta)) return update
  return { ...update, params: withMeta(update.params, { [metaKeys.subscription]: undefined }) }
}
