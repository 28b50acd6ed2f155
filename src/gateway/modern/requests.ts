/**
 * Answers the requests of clients without sessions: each is independent of others, and its answer lives as long as its
 * connection. [2026-07-28 basic; transports; multi round-trip requests]
 */
import type { EventSink } from '../../base/events.ts'
import type { Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Call, Reply } from '../../protocol/call.ts'
import { jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import type { RpcId } from '../../protocol/jsonrpc.ts'
import { statusOf } from '../../protocol/modern-server.ts'
import { errorAnswerOf, errorResponse } from '../../protocol/error-response.ts'
import { answerList } from '../calls/list-responses.ts'
import type { GatedRequest } from '../gated-request.ts'
import type { PendingPlace } from '../placed-call.ts'
import { answerCallRequest, type CallRequestNeeds } from './call-request.ts'
import { discovery } from './discovery.ts'
import { openSubscription, type SubscriptionNeeds } from './subscriptions-listen.ts'

export type StatelessNeeds = CallRequestNeeds &
  SubscriptionNeeds & {
    readonly catalog: Pick<Catalog, 'isList' | 'page'>
    readonly events: EventSink
    /** Runs a call as soon as its client has a place. */
    readonly runPlacedCall: (call: Call, pending: PendingPlace) => Reply
  }

const empty: Outbound = { status: 202, headers: {}, body: '' }

/** Answers an admitted message of a client without a session. Throws a `Refusal`. */
export async function answerStateless(request: GatedRequest, needs: StatelessNeeds): Promise<Outbound> {
  const { rpcRequest, inbound, principal } = request
  if (!rpcRequest) {
    // [2026-07-28 basic] notifications are accepted and ignored over HTTP
    needs.events.emit('dropped', { what: 'client_notification', count: 1 })
    return empty
  }
  const { method } = rpcRequest
  const { envelope } = request
  const caller = { principal, client: envelope.client, session: undefined }
  if (needs.catalog.isList(method)) {
    const { text, status } = await answerList(caller, rpcRequest, needs.catalog)
    return { status, headers: jsonHeaders, body: text }
  }
  if (method === 'server/discover') return discovery(rpcRequest.id, await needs.catalog.serverDescription(caller))
  const { place } = request
  if (method === 'subscriptions/listen') return openSubscription(caller, rpcRequest, place, inbound, needs)
  const { state, memory } = request
  const admitted = { request: rpcRequest, envelope, principal, inbound, state, memory }
  const { pendingPlace } = request
  if (!pendingPlace) return answerCallRequest(admitted, place, needs)
  return answerCallRequest(admitted, place, { ...needs, runCall: (call) => needs.runPlacedCall(call, pendingPlace) })
}

/** A refusal as this era encodes it: an unknown method has HTTP status 404. */
export function refusedStateless(refusal: Refusal, id: RpcId | undefined): Outbound {
  if (refusal.code === 'cancelled') return empty
  const outbound = errorResponse(refusal, id)
  // It tells the client that this era is not served at all; 404 would tell it the opposite. [2026-07-28 versioning]
  if (refusal.code === 'discover_refused') return outbound
  return outbound.status === 200 ? { ...outbound, status: statusOf(errorAnswerOf(refusal)) } : outbound
}
