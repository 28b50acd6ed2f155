/**
 * The listening stream of a client without a session: an acknowledgement, then the changes that were asked for, each
 * stamped with the id of the request. Changes that nobody has read yet are told once. [2026-07-28 subscriptions]
 */
import { Wakeup } from '../../base/wakeup.ts'
import { bytesOf, keep } from '../../base/memory-budget.ts'
import type { Lease } from '../../base/lease.ts'
import { Refusal } from '../../base/refusal.ts'
import { capabilitiesIn } from '../../catalog/catalog.ts'
import type { Filter, Caller, Update } from '../../protocol/call.ts'
import { acceptedForms } from '../../protocol/accept.ts'
import { header, type Inbound, type Outbound } from '../../protocol/inbound.ts'
import { objectMember, replaceMember } from '../../protocol/json-edit.ts'
import { emptyObject, isObject, type JsonObject, type RawObject, rawObject } from '../../protocol/json-text.ts'
import { notificationText, type RequestMessage, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { metaKeys } from '../../protocol/revisions.ts'
import { sseComment, sseHeaders, sseMessage } from '../../protocol/sse.ts'
import { createPendingChanges } from './pending-changes.ts'
import type { GatewayServices } from '../services.ts'

const maxUris = 1000
const acknowledged = 'notifications/subscriptions/acknowledged'

/** Opens the stream; `place` is held as long as it is open. Throws `invalid_params`. */
export async function openSubscription(
  caller: Caller,
  message: RequestMessage,
  place: Lease,
  inbound: Inbound,
  services: GatewayServices,
): Promise<Outbound> {
  // Alone: the stream must not keep the params.
  const { id } = message
  const memory = services.clientMemory.account(inbound.connection)
  try {
    if (acceptedForms(header(inbound, 'accept')) === 'json') throw new Refusal('not_acceptable')
    const capabilities = capabilitiesIn(await services.catalog.serverDescription(caller))
    const filter = honoured(readFilter(message.params), capabilities)
    keep(memory, heldBytesOfFilter(filter))
    const changes = createPendingChanges(memory)
    const news = new Wakeup(services.timers, services.sessionSettings.keepAliveMs)
    const take = (update: Update): void => {
      if (update.kind === 'ask') return
      changes.add(update)
      news.notify()
    }
    const listening = await services.upstream.listen(caller, filter, { take, isRead: () => true })
    const stopDrain = services.inflight.onDrain(() => news.notify())
    const gone = (): void => {
      listening.stop()
      stopDrain()
      memory.close()
      place.release()
      news.notify()
    }
    inbound.closed.onCancel(gone)

    /** A function of its own: while a reader takes its time with the text, the change must not be kept beside it. */
    const nextText = (): string | undefined => {
      const change = changes.take()
      return change && sseMessage(notificationText(change.method, stamped(change.params, id)))
    }

    const body = async function* (): AsyncGenerator<string> {
      try {
        yield sseMessage(
          notificationText(acknowledged, stamped(rawObject({ notifications: filterParams(filter) }), id)),
        )
        while (!inbound.closed.cancelled && !services.inflight.draining && !changes.areLost) {
          const text = nextText()
          if (text !== undefined) yield text
          else if ((await news.next()) === 'quiet') yield sseComment
        }
        const result = stamped(rawObject({ resultType: 'complete' }), id)
        if (!inbound.closed.cancelled) yield sseMessage(responseText(id, { kind: 'result', result }))
      } finally {
        gone()
      }
    }
    return { status: 200, headers: sseHeaders, body: body() }
  } catch (error) {
    memory.close()
    place.release()
    throw error
  }
}

/** What a stream takes that listens, and each address that it listens to, besides its characters. In bytes. */
const listenBytes = 4 * 1024
const uriBytes = 256

function heldBytesOfFilter({ resourceUris }: Filter): number {
  let bytes = listenBytes
  for (const uri of resourceUris) bytes += uriBytes + bytesOf(uri)
  return bytes
}

/** Names the request to the letter: a number that is not exact here may be for its client. */
function stamped(params: RawObject | undefined, id: RpcId): RawObject {
  const value = JSON.parse(id) as string | number // readMessage has let only these through
  const own = params ?? emptyObject
  const meta = replaceMember(objectMember(own, '_meta') ?? emptyObject, metaKeys.subscription, value, id)
  return replaceMember(own, '_meta', meta.value, meta.text)
}

function readFilter(params: RawObject | undefined): Filter {
  const wanted = params?.value['notifications']
  if (!isObject(wanted))
    throw new Refusal('invalid_params', { message: 'The parameter notifications must be an object.' })
  const uris = wanted['resourceSubscriptions'] ?? []
  if (!Array.isArray(uris) || uris.length > maxUris || !uris.every((uri) => typeof uri === 'string')) {
    throw new Refusal('invalid_params', { message: `resourceSubscriptions must be a list of at most ${maxUris} URIs.` })
  }
  return {
    toolsListChanged: wanted['toolsListChanged'] === true,
    promptsListChanged: wanted['promptsListChanged'] === true,
    resourcesListChanged: wanted['resourcesListChanged'] === true,
    resourceUris: new Set(uris),
  }
}

/** What of the filter this server can tell at all. */
function honoured(filter: Filter, capabilities: JsonObject): Filter {
  const can = (kind: string, what: string): boolean => {
    const capability = capabilities[kind]
    return isObject(capability) && capability[what] === true
  }
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
