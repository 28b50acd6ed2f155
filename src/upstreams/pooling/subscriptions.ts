/**
 * Keeps the processes of a unit told of what its listeners want to hear: the union of their filters, as
 * `resources/subscribe` in the session-based era and as one `subscriptions/listen` in the stateless one.
 * What is already said is not said again; a new process is told everything.
 */
import type { Clock } from '../../base/clock.ts'
import type { Filter } from '../../protocol/call.ts'
import { isObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { withMeta } from '../../protocol/jsonrpc.ts'
import { envelope } from '../../protocol/modern-client.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { SubscriptionCounts } from './subscription-counts.ts'

const timeoutMs = 10_000
const relistenMs = 1000
/** The catalogue wants to know of every change, whoever else does. */
const changes = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

/** What one process has been told. */
interface Told {
  /** The mark of what was wanted when it was told all of it; undefined if something is left to be told. */
  mark: object | undefined
  uris: Set<string>
  /** The open listen of the stateless era: what it asks for, as a key, and how to end it. */
  listen: { key: string; id: number; stop(): void; acknowledged: () => void } | undefined
  /** Serialises changes: each begins when the one before it is through. */
  turn: Promise<void>
}

export interface Subscriptions {
  /** A call of the client itself subscribes to a resource on this process: it need not be said again. */
  noteSubscribe(connection: UpstreamConnection, uri: unknown): void
  /** Tells a process what the listeners want now; resolves when it has confirmed. Never rejects. */
  sync(connection: UpstreamConnection): Promise<void>
  /** Takes a notification of a listen stream: true if it was its acknowledgement, so that nobody else needs it. */
  acknowledge(connection: UpstreamConnection, method: string, params: RawObject | undefined): boolean
}

/** @param subscriptionCounts what is wanted at the moment; what it gives may change at any time */
export function createSubscriptions(
  group: IsolationGroup,
  subscriptionCounts: () => SubscriptionCounts,
  clock: Clock,
): Subscriptions {
  const told = new WeakMap<UpstreamConnection, Told>()
  const toldTo = (connection: UpstreamConnection): Told => {
    let entry = told.get(connection)
    if (!entry) {
      entry = { mark: undefined, uris: new Set(), listen: undefined, turn: Promise.resolve() }
      told.set(connection, entry)
    }
    return entry
  }

  /** False if the process refused something: it is asked again with the next change. */
  const syncUris = async (
    connection: UpstreamConnection,
    entry: Told,
    wanted: SubscriptionCounts,
  ): Promise<boolean> => {
    let isAccepted = true
    for (const uri of wanted.uris()) {
      if (entry.uris.has(uri)) continue
      entry.uris.add(uri)
      // It lasts, and what the process says of it names no call either.
      connection.workFor(wanted.client)
      const answer = await connection.request('resources/subscribe', rawObject({ uri }), timeoutMs)
      if (answer.kind === 'result') continue
      entry.uris.delete(uri)
      isAccepted = false
    }
    for (const uri of entry.uris) {
      if (wanted.has(uri)) continue
      entry.uris.delete(uri)
      await connection.request('resources/unsubscribe', rawObject({ uri }), timeoutMs)
    }
    return isAccepted
  }

  const syncListen = async (
    connection: UpstreamConnection,
    entry: Told,
    wanted: SubscriptionCounts,
  ): Promise<boolean> => {
    const uris = [...wanted.uris()].sort()
    const key = JSON.stringify(uris)
    if (entry.listen?.key === key) return true
    const before = entry.listen
    entry.listen = undefined
    if (uris.length > 0) connection.workFor(wanted.client)
    const notifications = uris.length === 0 ? changes : { ...changes, resourceSubscriptions: uris }
    const opening = new Promise<void>((resolve) => {
      const params = withMeta(rawObject({ notifications }), envelope(group.caller.client, rawObject(group.announced)))
      const listen = connection.open('subscriptions/listen', params, () => {
        // The one that took its place may be there already.
        if (entry.listen?.id === listen.id) entry.listen = entry.mark = undefined
        resolve()
        // A server may end a subscription for reasons of its own; what clients asked for is asked for again.
        clock.after(relistenMs, () => void subscriptions.sync(connection))
      })
      entry.listen = { key, ...listen, acknowledged: resolve }
      // A server that never acknowledges must not hold up its clients.
      clock.after(timeoutMs, resolve)
    })
    await opening.catch((error: unknown) => {
      // A process that takes nothing at the moment keeps the one that it has, and is asked again.
      entry.listen ??= before
      clock.after(relistenMs, () => void subscriptions.sync(connection))
      throw error
    })
    before?.stop()
    return entry.listen !== undefined
  }

  const subscriptions: Subscriptions = {
    noteSubscribe(connection, uri) {
      if (typeof uri !== 'string') return
      const entry = toldTo(connection)
      entry.uris.add(uri)
      // Nobody may want it in the end.
      entry.mark = undefined
    },
    sync(connection) {
      const entry = toldTo(connection)
      if (entry.mark === subscriptionCounts().mark) return entry.turn
      entry.turn = entry.turn.then(async () => {
        const wanted = subscriptionCounts()
        const { mark } = wanted
        if (connection.closed || entry.mark === mark) return
        // Set before the first wait: whatever comes in between takes it away again.
        entry.mark = mark
        const isLegacy = group.codec.era === 'legacy'
        const telling = isLegacy ? syncUris(connection, entry, wanted) : syncListen(connection, entry, wanted)
        // Who is gone or does not answer has a successor that is told everything.
        if (!(await telling.catch(() => false))) entry.mark = undefined
      })
      return entry.turn
    },
    acknowledge(connection, method, params) {
      if (method !== 'notifications/subscriptions/acknowledged') return false
      const meta = params?.value['_meta']
      const entry = toldTo(connection)
      if (isObject(meta) && meta[metaKeys.subscription] === entry.listen?.id) entry.listen?.acknowledged()
      return true
    },
  }
  return subscriptions
}

/** Whether a notification is one that this filter asked for. */
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
