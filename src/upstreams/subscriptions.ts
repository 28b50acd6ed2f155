/**
 * Keeps the processes of a unit told of what its listeners want to hear: the union of their filters, as
 * `resources/subscribe` in the session-based era and as one `subscriptions/listen` in the stateless one.
 * What is already said is not said again; a new process is told everything.
 */
import type { Clock } from '../base/clock.ts'
import type { Filter } from '../protocol/call.ts'
import { isObject, type JsonObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import { withMeta } from '../protocol/jsonrpc.ts'
import { envelope } from '../protocol/modern-client.ts'
import { metaKeys } from '../protocol/revisions.ts'
import type { Connection } from './connection.ts'
import type { Listener, Unit } from './unit.ts'

const timeoutMs = 10_000
const relistenMs = 1000

/** What one process has been told. */
interface Told {
  uris: Set<string>
  /** The open listen of the stateless era: what it asks for, as a key, and how to end it. */
  listen: { key: string; id: number; stop(): void; acknowledged: () => void } | undefined
  /** Serialises changes: each begins when the one before it is through. */
  turn: Promise<void>
}

export interface Subscriptions {
  /** A call of the client itself subscribes to a resource on this process: it need not be said again. */
  noteSubscribe(connection: Connection, uri: unknown): void
  /** Tells a process what the listeners want now; resolves when it has confirmed. Never rejects. */
  sync(connection: Connection): Promise<void>
  /** Takes a notification of a listen stream: true if it was its acknowledgement, so that nobody else needs it. */
  acknowledge(connection: Connection, method: string, params: RawObject | undefined): boolean
}

export function createSubscriptions(unit: Unit, listeners: () => Iterable<Listener>, clock: Clock): Subscriptions {
  const told = new WeakMap<Connection, Told>()
  const toldTo = (connection: Connection): Told => {
    let entry = told.get(connection)
    if (!entry) told.set(connection, (entry = { uris: new Set(), listen: undefined, turn: Promise.resolve() }))
    return entry
  }

  const syncUris = async (connection: Connection, entry: Told, wanted: ReadonlySet<string>): Promise<void> => {
    for (const uri of wanted) {
      if (entry.uris.has(uri)) continue
      entry.uris.add(uri)
      const answer = await connection.request('resources/subscribe', rawObject({ uri }), timeoutMs)
      if (answer.kind === 'error') entry.uris.delete(uri)
    }
    for (const uri of entry.uris) {
      if (wanted.has(uri)) continue
      entry.uris.delete(uri)
      await connection.request('resources/unsubscribe', rawObject({ uri }), timeoutMs)
    }
  }

  const syncListen = async (connection: Connection, entry: Told, wanted: Filter): Promise<void> => {
    const notifications = filterParams(wanted)
    const key = JSON.stringify(notifications)
    if ((entry.listen?.key ?? '{}') === key) return
    const before = entry.listen
    entry.listen = undefined
    if (key !== '{}') {
      await new Promise<void>((resolve) => {
        const params = withMeta(rawObject({ notifications }), envelope(unit.seat.speaker, rawObject(unit.announced)))
        const listen = connection.open('subscriptions/listen', params, () => {
          // The one that took its place may be there already.
          if (entry.listen?.id === listen.id) entry.listen = undefined
          resolve()
          // A server may end a subscription for reasons of its own; what clients asked for is asked for again.
          clock.after(relistenMs, () => void subscriptions.sync(connection))
        })
        entry.listen = { key, ...listen, acknowledged: resolve }
        // A server that never acknowledges must not hold up its clients.
        clock.after(timeoutMs, resolve)
      })
    }
    before?.stop()
  }

  const subscriptions: Subscriptions = {
    noteSubscribe(connection, uri) {
      if (typeof uri === 'string') toldTo(connection).uris.add(uri)
    },
    sync(connection) {
      const entry = toldTo(connection)
      entry.turn = entry.turn.then(async () => {
        if (connection.closed) return
        const wanted = union(listeners())
        try {
          if (unit.dialect.era === 'legacy') await syncUris(connection, entry, wanted.resourceUris)
          else await syncListen(connection, entry, wanted)
        } catch {
          // The process is gone or does not answer: its successor is told everything.
        }
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

/** What all listeners together want. */
function union(listeners: Iterable<Listener>): Filter {
  const uris = new Set<string>()
  let [tools, prompts, resources] = [false, false, false]
  for (const { filter } of listeners) {
    tools ||= filter.toolsListChanged
    prompts ||= filter.promptsListChanged
    resources ||= filter.resourcesListChanged
    for (const uri of filter.resourceUris) uris.add(uri)
  }
  return { toolsListChanged: tools, promptsListChanged: prompts, resourcesListChanged: resources, resourceUris: uris }
}

function filterParams(filter: Filter): JsonObject {
  const params: Record<string, true | string[]> = {}
  if (filter.toolsListChanged) params['toolsListChanged'] = true
  if (filter.promptsListChanged) params['promptsListChanged'] = true
  if (filter.resourcesListChanged) params['resourcesListChanged'] = true
  if (filter.resourceUris.size > 0) params['resourceSubscriptions'] = [...filter.resourceUris].sort()
  return params
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
