/**
 * Routes what workers send outside of calls to the subscribers of their isolation group, each by its filter, and to no
 * other client.
 */
import type { Clock } from '../../base/clock.ts'
import type { Caller, EraName, Filter, Update } from '../../protocol/call.ts'
import { isObject } from '../../protocol/json-text.ts'
import { withMeta } from '../../protocol/jsonrpc.ts'
import { capabilityOf } from '../../protocol/methods.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import type { Worker } from '../worker.ts'
import { groupSource, infoIn, profileSource } from './catalog-keys.ts'
import { createSubscriptions, isWanted, type Subscriptions } from './subscriptions.ts'
import type { GroupSubscriber, WorkerOwner, IsolationGroup } from './isolation-group.ts'
import type { Subscriber, Subscription } from '../upstream.ts'
import { SubscriptionCounts } from './subscription-counts.ts'

/**
 * Called when a list of a source, or what the server says of itself (`list` undefined), may have changed.
 * @param isOfUse whether the old list is better than none
 */
export type Stale = (source: string, list: string | undefined, isOfUse: boolean) => void

export interface NotificationRouter {
  /** Routes a message of a worker; false if there was no recipient. */
  route(owner: WorkerOwner, worker: Worker, update: Update): boolean
  /** Delivers an update to the subscribers of a group; false if there was no recipient. */
  deliver(group: IsolationGroup, update: Update): boolean
  subscriptionsOf(group: IsolationGroup): Subscriptions
  /**
   * @param key the key of the group
   * @param caller its session is that of the stream; a client without sessions cannot be identified
   */
  subscribe(key: string, caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription>
  /** Tells the subscribers of a group that lists of its worker have changed. */
  tellChange(group: IsolationGroup, lists: Iterable<string>): void
  /** Tells all subscribers whose callers are concerned that a list has changed; not those with a worker of their own. */
  tellChangeToAll(list: string, isConcerned: (caller: Caller) => boolean): void
  hasSubscribers(key: string): boolean
  forget(key: string): void
  /**
   * All lists of a source may change unnoticed from now on: no worker is left to announce it.
   * @param isExpected whether its worker has ended because it was not needed any more
   */
  unwatched(source: string, isExpected: boolean): void
  /** The same for the lists that come from this worker of a group. */
  unwatchedOf(group: IsolationGroup, worker: Worker): void
  /** The server may say something else of itself from now on, to any client of an era. */
  describedAnew(era: EraName): void
  onStale(stale: Stale): void
  /** Calls `tell` when a catalog worker has announced that a list of its source has changed. */
  onCatalogChange(tell: (source: string, list: string) => void): void
}

/** The subscribers of a group, and the union of their filters. */
interface Audience {
  readonly subscribers: Set<GroupSubscriber>
  readonly subscriptionCounts: SubscriptionCounts
}

export function createNotificationRouter(
  clock: Clock,
  findGroup: (key: string) => IsolationGroup | undefined,
): NotificationRouter {
  const audiences = new Map<string, Audience>()
  const none = new SubscriptionCounts()
  const subscriptions = new WeakMap<IsolationGroup, Subscriptions>()
  const staleListeners: Stale[] = []
  const changeListeners: Array<(source: string, list: string) => void> = []

  const subscriptionsOf = (group: IsolationGroup): Subscriptions => {
    let known = subscriptions.get(group)
    if (!known) {
      known = createSubscriptions(group, () => audiences.get(group.key)?.subscriptionCounts ?? none, clock)
      subscriptions.set(group, known)
    }
    return known
  }

  const deliver = (group: IsolationGroup, update: Update): boolean => {
    const own = group.attribution === 'session'
    let taken = false
    for (const subscriber of audiences.get(group.key)?.subscribers ?? []) {
      if (update.kind === 'input_request') {
        if (!own) return false
        if (!subscriber.isSession) continue
        // An input request at the start of a worker belongs to the waiting calls: without a stream, the client reads those.
        if (!subscriber.isRead() && group.waitingCalls.take(update)) return true
        subscriber.deliver(update)
        return true
      }
      // Everything that the own worker of a session sends is for the session, except changes that it did not subscribe to.
      const isOwn = own && subscriber.isSession && !isChange(update.method)
      if (!isOwn && !isWanted(subscriber.filter, update.method, update.params)) continue
      subscriber.deliver(withoutSubscription(update))
      taken = true
    }
    return taken || !own
  }

  return {
    deliver,
    subscriptionsOf,
    route(owner, worker, update) {
      const { group } = owner
      if (update.kind === 'notification') {
        for (const list of listsOfChange.get(update.method) ?? []) {
          // Lists of a worker that ends with its call are of no use to other calls.
          if (group?.endsAfter === 'every call') continue
          group?.ownLists.set(list, { worker, callsEnded: group.callsEnded, isShown: true })
          const source = group ? groupSource(group.key) : (owner.source ?? '')
          for (const stale of staleListeners) stale(source, list, !group)
          if (!group) for (const tell of changeListeners) tell(source, list)
        }
        if (!group || subscriptionsOf(group).acknowledge(worker, update.method, update.params)) return true
      }
      return group !== undefined && deliver(group, update)
    },
    async subscribe(key, caller, filter, { deliver: deliverTo, isRead }) {
      const client = caller.session
      const isSession = client !== undefined
      const subscriber: GroupSubscriber = { caller, isSession, filter, deliver: deliverTo, isRead }
      const audience = audiences.get(key) ?? { subscribers: new Set(), subscriptionCounts: new SubscriptionCounts() }
      audiences.set(key, audience)
      const { subscribers, subscriptionCounts } = audience
      subscribers.add(subscriber)
      subscriptionCounts.add(filter, client)
      const sync = async (): Promise<void> => {
        const group = findGroup(key)
        if (group) await Promise.all([...group.workers].map((worker) => subscriptionsOf(group).sync(worker)))
      }
      await sync()
      return {
        refilter(changed) {
          // Add before remove: a URI in both filters must stay subscribed.
          if (subscribers.has(subscriber)) subscriptionCounts.add(changed, client)
          if (subscribers.has(subscriber)) subscriptionCounts.remove(subscriber.filter)
          subscriber.filter = changed
          return sync()
        },
        stop() {
          if (!subscribers.delete(subscriber)) return
          subscriptionCounts.remove(subscriber.filter)
          if (subscribers.size === 0 && audiences.get(key) === audience) audiences.delete(key)
          void sync()
        },
      }
    },
    tellChange(group, lists) {
      for (const method of new Set([...lists].map(changeOf))) deliver(group, changeUpdate(method))
    },
    tellChangeToAll(list, isConcerned) {
      const update = changeUpdate(changeOf(list))
      for (const [key, { subscribers }] of audiences) {
        const group = findGroup(key)
        // A worker of one session announces its own changes.
        if (group?.attribution === 'session' && group.workers.size > 0) continue
        for (const subscriber of subscribers) {
          if (isWanted(subscriber.filter, update.method, undefined) && isConcerned(subscriber.caller))
            subscriber.deliver(update)
        }
      }
    },
    hasSubscribers: (key) => audiences.has(key),
    forget: (key) => void audiences.delete(key),
    unwatched(source, isExpected) {
      // Workers for clients of any name announce changes for it, too. A worker that has failed may have a new successor.
      if (isExpected && infoIn(source) !== undefined) return
      for (const list of allLists) for (const stale of staleListeners) stale(source, list, true)
    },
    unwatchedOf(group, worker) {
      const shown: string[] = []
      for (const [list, own] of group.ownLists) {
        if (own.worker !== worker) continue
        group.ownLists.delete(list)
        if (own.isShown) shown.push(list)
        for (const stale of staleListeners) stale(groupSource(group.key), list, false)
      }
      // From now on the clients are listed what others are.
      if (!group.ended) for (const method of new Set(shown.map(changeOf))) deliver(group, changeUpdate(method))
    },
    describedAnew(era) {
      for (const stale of staleListeners) stale(profileSource(era), undefined, true)
    },
    onStale: (stale) => void staleListeners.push(stale),
    onCatalogChange: (tell) => void changeListeners.push(tell),
  }
}

const allLists = Object.keys(capabilityOf)

/** The lists that each notification makes stale. */
const listsOfChange: ReadonlyMap<string, readonly string[]> = new Map(
  allLists.map((list) => [changeOf(list), allLists.filter((other) => changeOf(other) === changeOf(list))]),
)

/** The notification that tells of a changed list. */
function changeOf(list: string): string {
  return `notifications/${capabilityOf[list]}/list_changed`
}

function changeUpdate(method: string): Update & { kind: 'notification' } {
  return { kind: 'notification', method, params: undefined }
}

function isChange(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated'
}

/** Removes the id of our own subscription. */
function withoutSubscription(update: Update & { kind: 'notification' }): Update {
  const meta = update.params?.value['_meta']
  if (!isObject(meta) || !(metaKeys.subscription in meta)) return update
  return { ...update, params: withMeta(update.params, { [metaKeys.subscription]: undefined }) }
}
