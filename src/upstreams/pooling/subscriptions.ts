/**
 * Keeps the workers of a group subscribed to the union of its subscribers' filters: by `resources/subscribe` in the
 * session-based era and by one `subscriptions/listen` in the stateless one. Only changes are sent; a new worker gets all
 * subscriptions.
 */
import type { Clock } from '../../base/clock.ts'
import type { Filter } from '../../protocol/call.ts'
import { isObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { withMeta } from '../../protocol/jsonrpc.ts'
import { envelope } from '../../protocol/modern-client.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { SubscriptionCounts } from './subscription-counts.ts'

const timeoutMs = 10_000
const relistenMs = 1000
/** The catalogue always needs all changes of lists. */
const changes = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

/** The subscriptions at one worker. */
interface SentState {
  /** The mark of the union that was last sent completely; undefined if something is still to be sent. */
  mark: object | undefined
  uris: Set<string>
  /** The open listen request of the stateless era; `key` is what it asks for. */
  listen: { key: string; id: number; stop(): void; acknowledged: () => void } | undefined
  /** Serialises changes: each begins when the one before it is done. */
  lastChange: Promise<void>
}

export interface Subscriptions {
  /** A call of the client subscribes to a resource at this worker: `sync` need not do it again. */
  noteSubscribe(worker: Worker, uri: unknown): void
  /** Sends a worker the current union; resolves when it has confirmed. Never rejects. */
  sync(worker: Worker): Promise<void>
  /** Handles the acknowledgement of a listen request; false for any other notification. */
  acknowledge(worker: Worker, method: string, params: RawObject | undefined): boolean
}

/** @param subscriptionCounts the current union, which changes over time */
export function createSubscriptions(
  group: IsolationGroup,
  subscriptionCounts: () => SubscriptionCounts,
  clock: Clock,
): Subscriptions {
  const states = new WeakMap<Worker, SentState>()
  const stateOf = (worker: Worker): SentState => {
    let entry = states.get(worker)
    if (!entry) {
      entry = { mark: undefined, uris: new Set(), listen: undefined, lastChange: Promise.resolve() }
      states.set(worker, entry)
    }
    return entry
  }

  /** False if the worker refused a subscription: the next change tries it again. */
  const syncUris = async (worker: Worker, entry: SentState, wanted: SubscriptionCounts): Promise<boolean> => {
    let isAccepted = true
    for (const uri of wanted.uris()) {
      if (entry.uris.has(uri)) continue
      entry.uris.add(uri)
      // A subscription lasts, and later messages about it name no call.
      worker.workFor(wanted.client)
      let isSubscribed = false
      try {
        isSubscribed = (await worker.request('resources/subscribe', rawObject({ uri }), timeoutMs)).kind === 'result'
      } finally {
        // One that could not be sent is sent again, too.
        if (!isSubscribed) entry.uris.delete(uri)
      }
      isAccepted &&= isSubscribed
    }
    for (const uri of entry.uris) {
      if (wanted.has(uri)) continue
      entry.uris.delete(uri)
      await worker.request('resources/unsubscribe', rawObject({ uri }), timeoutMs)
    }
    return isAccepted
  }

  const syncListen = async (worker: Worker, entry: SentState, wanted: SubscriptionCounts): Promise<boolean> => {
    const uris = [...wanted.uris()].sort()
    const key = JSON.stringify(uris)
    if (entry.listen?.key === key) return true
    const before = entry.listen
    entry.listen = undefined
    if (uris.length > 0) worker.workFor(wanted.client)
    const notifications = uris.length === 0 ? changes : { ...changes, resourceSubscriptions: uris }
    const opening = new Promise<void>((resolve) => {
      const params = withMeta(rawObject({ notifications }), envelope(group.caller.client, rawObject(group.announced)))
      const listen = worker.open('subscriptions/listen', params, () => {
        // Another listen request may have replaced this one already.
        if (entry.listen?.id === listen.id) entry.listen = entry.mark = undefined
        resolve()
        // A server may end a subscription at any time; the clients still want it.
        clock.after(relistenMs, () => void subscriptions.sync(worker))
      })
      entry.listen = { key, ...listen, acknowledged: resolve }
      // A server that never acknowledges must not delay its clients.
      clock.after(timeoutMs, resolve)
    })
    await opening.catch((error: unknown) => {
      // A worker that does not read keeps its current listen request; it is tried again later.
      entry.listen ??= before
      clock.after(relistenMs, () => void subscriptions.sync(worker))
      throw error
    })
    before?.stop()
    return entry.listen !== undefined
  }

  const subscriptions: Subscriptions = {
    noteSubscribe(worker, uri) {
      if (typeof uri !== 'string') return
      const entry = stateOf(worker)
      entry.uris.add(uri)
      // If no subscriber wants it in the end, `sync` must unsubscribe.
      entry.mark = undefined
    },
    sync(worker) {
      const entry = stateOf(worker)
      if (entry.mark === subscriptionCounts().mark) return entry.lastChange
      entry.lastChange = entry.lastChange.then(async () => {
        const wanted = subscriptionCounts()
        const { mark } = wanted
        if (worker.closed || entry.mark === mark) return
        // Set before the first `await`: a change in between resets it.
        entry.mark = mark
        const isLegacy = group.codec.era === 'legacy'
        const telling = isLegacy ? syncUris(worker, entry, wanted) : syncListen(worker, entry, wanted)
        // Failures are ignored: a replacement worker gets all subscriptions again.
        if (!(await telling.catch(() => false))) entry.mark = undefined
      })
      return entry.lastChange
    },
    acknowledge(worker, method, params) {
      if (method !== 'notifications/subscriptions/acknowledged') return false
      const meta = params?.value['_meta']
      const entry = stateOf(worker)
      if (isObject(meta) && meta[metaKeys.subscription] === entry.listen?.id) entry.listen?.acknowledged()
      return true
    },
  }
  return subscriptions
}

/** Whether a filter asks for a notification. */
export function isWanted(filter: Filter, method: string, params: RawObject | undefined): boolean {
  switch (method) {
    case 'notifications/tools/list_changed':
      return filter.toolsListChanged
    case 'notifications/prompts/list_changed':
      return filter.promptsListChanged
    case 'notifications/resources/list_changed':
      return filter.resourcesListChanged
    case 'notifications/resources/updated':
      return typeof params?.value['uri'] === 'string' && filter.resourceUris.has(params.value['uri'])
    default:
      return false
  }
}
