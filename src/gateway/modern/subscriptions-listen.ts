/**
 * The stream of `subscriptions/listen`, for a client without a session: an acknowledgement, then the changes that the
 * client asked for, each marked with the id of the request. Unread changes of the same thing are sent once. [2026-07-28
 * subscriptions]
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { Wakeup } from '../../base/wakeup.ts'
import { bytesOf, reserve, type MemoryAccount } from '../../base/memory-budget.ts'
import type { Lease } from '../../base/lease.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { capabilitiesIn } from '../../protocol/server-description.ts'
import type { Caller, Filter, Notification, Update } from '../../protocol/call.ts'
import { offers } from '../../protocol/capabilities.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { Inbound, Outbound } from '../../protocol/inbound.ts'
import { objectMember, replaceMember } from '../../protocol/json-edit.ts'
import { emptyObject, isObject, type JsonObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { notificationText, type RequestMessage, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import { sseComment, sseHeaders, sseMessage } from '../../protocol/sse.ts'
import type { SessionSettings } from '../../sessions/options.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import type { ClientMemory } from '../client-memory.ts'
import type { Drain } from '../drain.ts'

/** How many resources one subscription is for at most. */
export const maxListenedUris = 1000
const acknowledged = 'notifications/subscriptions/acknowledged'

export interface SubscriptionNeeds {
  readonly catalog: Pick<Catalog, 'serverDescription'>
  readonly upstream: Pick<Upstream, 'subscribe'>
  readonly drain: Pick<Drain, 'draining' | 'onDrain'>
  readonly clientMemory: ClientMemory
  readonly sessionSettings: Pick<SessionSettings, 'keepAliveMs'>
  readonly timers: CoarseTimers
}

/** Opens the stream; `lease` is held as long as it is open. Throws a `Refusal`, such as `invalid_params`. */
export async function openSubscription(
  caller: Caller,
  message: RequestMessage,
  lease: Lease,
  inbound: Inbound,
  needs: SubscriptionNeeds,
): Promise<Outbound> {
  // Only the id: the stream must not keep the params in memory.
  const { id } = message
  const memory = needs.clientMemory.account(inbound.connection)
  try {
    const capabilities = capabilitiesIn(await needs.catalog.serverDescription(caller))
    const filter = supported(readFilter(message.params), capabilities)
    reserve(memory, heldBytesOfFilter(filter))
    const changes = createPendingChanges(memory)
    const wakeup = new Wakeup(needs.timers, needs.sessionSettings.keepAliveMs)
    const deliver = (update: Update): void => {
      if (update.kind === 'input_request') return
      changes.add(update)
      wakeup.notify()
    }
    const subscription = await needs.upstream.subscribe(caller, filter, { deliver, isRead: () => true })
    const stopDrain = needs.drain.onDrain(() => wakeup.notify())
    const end = (): void => {
      subscription.stop()
      stopDrain()
      memory.close()
      lease.release()
      wakeup.notify()
    }
    inbound.closed.onCancel(end)

    /** A function of its own: while the text waits for a slow reader, the change must not stay in memory beside it. */
    const nextText = (): string | undefined => {
      const change = changes.take()
      return change && sseMessage(notificationText(change.method, withSubscription(change.params, id)))
    }

    const body = async function* (): AsyncGenerator<string> {
      try {
        yield sseMessage(
          notificationText(acknowledged, withSubscription(rawObject({ notifications: filterParams(filter) }), id)),
        )
        while (!inbound.closed.cancelled && !needs.drain.draining && !changes.areLost) {
          const text = nextText()
          if (text !== undefined) yield text
          else if ((await wakeup.next()) === 'quiet') yield sseComment
        }
        const result = withSubscription(rawObject({ resultType: 'complete' }), id)
        if (!inbound.closed.cancelled) yield sseMessage(responseText(id, { kind: 'result', result }))
      } finally {
        end()
      }
    }
    return { status: 200, headers: sseHeaders, body: body() }
  } catch (error) {
    memory.close()
    lease.release()
    throw error
  }
}

/** Memory of a stream, and of each URI of its filter besides the characters, in bytes. */
const listenBytes = 4 * 1024
const uriBytes = 256

function heldBytesOfFilter({ resourceUris }: Filter): number {
  let bytes = listenBytes
  for (const uri of resourceUris) bytes += uriBytes + bytesOf(uri)
  return bytes
}

/** Marks params with the id of the request, as the client wrote it: JavaScript may not hold a large number exactly. */
function withSubscription(params: RawObject | undefined, id: RpcId): RawObject {
  const value = JSON.parse(id) as string | number // readMessage has let only these through
  const own = params ?? emptyObject
  const meta = replaceMember(objectMember(own, '_meta') ?? emptyObject, metaKeys.subscription, value, id)
  return replaceMember(own, '_meta', meta.value, meta.text)
}

/**
 * Changes that are not sent yet, at most one for each thing that changed, so that the memory for a slow reader is
 * bounded.
 */
interface PendingChanges {
  /** Adds a change; it replaces an earlier one of the same thing. */
  add(change: Notification): void
  /** Removes and returns the oldest change. */
  take(): Notification | undefined
  /** Whether a change was dropped for lack of memory: the stream must then end, or the client would miss it. */
  readonly areLost: boolean
}

/** Memory of a change besides its params, in bytes. */
const changeBytes = 256

function createPendingChanges(memory: MemoryAccount): PendingChanges {
  const changes = new Map<string, Notification>()
  let areLost = false
  const remove = (key: string, change: Notification | undefined): void => {
    if (change && changes.delete(key)) memory.release(changeBytes + heldBytesOf(change.params))
  }
  return {
    add(change) {
      const uri = change.params?.value['uri']
      const key = `${change.method} ${typeof uri === 'string' ? uri : ''}`
      remove(key, changes.get(key))
      if (memory.take(changeBytes + heldBytesOf(change.params)) === 'reserved') changes.set(key, change)
      else areLost = true
    },
    take() {
      const [key, change] = changes.entries().next().value ?? []
      if (key !== undefined) remove(key, change)
      return change
    },
    get areLost() {
      return areLost
    },
  }
}

function readFilter(params: RawObject | undefined): Filter {
  const wanted = params?.value['notifications']
  if (!isObject(wanted))
    throw new Refusal('invalid_params', { message: 'The parameter notifications must be an object.' })
  const uris = wanted['resourceSubscriptions'] ?? []
  if (!Array.isArray(uris) || uris.length > maxListenedUris || !uris.every((uri) => typeof uri === 'string')) {
    throw new Refusal('invalid_params', {
      message: `resourceSubscriptions must be a list of at most ${maxListenedUris} URIs.`,
    })
  }
  return {
    toolsListChanged: wanted['toolsListChanged'] === true,
    promptsListChanged: wanted['promptsListChanged'] === true,
    resourcesListChanged: wanted['resourcesListChanged'] === true,
    resourceUris: new Set(uris),
  }
}

/** The part of the filter that this server supports. */
function supported(filter: Filter, capabilities: JsonObject): Filter {
  const can = (kind: string, what: string): boolean => offers(capabilities, kind, what)
  return {
    toolsListChanged: filter.toolsListChanged && can('tools', 'listChanged'),
    promptsListChanged: filter.promptsListChanged && can('prompts', 'listChanged'),
    resourcesListChanged: filter.resourcesListChanged && can('resources', 'listChanged'),
    resourceUris: can('resources', 'subscribe') ? filter.resourceUris : new Set(),
  }
}

function filterParams(filter: Filter): JsonObject {
  return {
    ...(filter.toolsListChanged && { toolsListChanged: true }),
    ...(filter.promptsListChanged && { promptsListChanged: true }),
    ...(filter.resourcesListChanged && { resourcesListChanged: true }),
    ...(filter.resourceUris.size > 0 && { resourceSubscriptions: [...filter.resourceUris] }),
  }
}
