/**
 * The gates that decide whether what a request asks for may run, and take what it needs. admit.ts has their order, and
 * says why it is so. "Refuses with" lists the codes of the refusals that a gate throws.
 */
import type { Cancel } from '../base/cancel.ts'
import { reserve } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { Clock } from '../base/clock.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Admission, PlaceWait } from '../admission/admission.ts'
import type { LimitSettings } from '../admission/options.ts'
import type { Overload } from '../admission/overload.ts'
import { acceptedForms } from '../protocol/accept.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import { sessionsOnly } from '../protocol/http-sse.ts'
import { header } from '../protocol/inbound.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'
import { checkMethod, readInitialize } from '../protocol/legacy-server.ts'
import { notServed, readEnvelope } from '../protocol/modern-server.ts'
import { taskFollowUps } from '../protocol/methods.ts'
import { checkParams } from '../protocol/params.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { RateLimits } from '../tenants/rate-limits.ts'
import { bothLeases, type TenantUse } from '../tenants/tenant-use.ts'
import { callBytes } from './calls/run-call.ts'
import { type OperationOf, operationsIn } from './charged-operations.ts'
import type { ClientMemory } from './client-memory.ts'
import type { Drain } from './drain.ts'
import type { GatedRequest } from './gated-request.ts'
import type { RequestStateCodec } from './interaction/request-state.ts'
import { type AdmittedCall, admitCall } from './legacy/admitted-call.ts'
import { needsSession } from './legacy/http-sse.ts'
import { isLocal } from './legacy/local-requests.ts'
import { openState } from './modern/begin-or-resume.ts'
import { mirrorsIn } from './modern/discovery.ts'
import { checkMirroredParams } from './modern/mirrored-params.ts'
import { createPendingPlace } from './placed-call.ts'
import type { StartWait } from './wait-for-start.ts'

export interface MessageGateNeeds {
  readonly startWait: Pick<StartWait, 'server'>
  readonly sessions: Pick<Sessions, 'find'>
  readonly requestState: Pick<RequestStateCodec, 'open'>
  readonly drain: Pick<Drain, 'draining' | 'enter'>
  readonly overload: Pick<Overload, 'step' | 'isOff' | 'busyCalls' | 'refusal'>
  readonly rateLimits: Pick<RateLimits, 'isActive' | 'charge'>
  readonly tenantUse: Pick<TenantUse, 'take'>
  readonly operationOf: OperationOf
  readonly limits: Pick<LimitSettings, 'callsPerSession'>
  readonly catalog: Pick<Catalog, 'isList' | 'mirrorsHeaders' | 'mirrored'>
  readonly admission: Pick<Admission, 'take' | 'wait'>
  readonly clientMemory: ClientMemory
  readonly clock: Clock
}

/** Refuses with: `stateless_refused`, `discover_refused`. */
export function refuseUnservedEra(request: GatedRequest, { startWait }: MessageGateNeeds): void {
  if (!request.isStateless) return
  const { message } = request
  if (message && request.isOverSse) throw notServed(message, request.version, sessionsOnly)
  if (message?.kind === 'request' && startWait.server?.refusesStateless === true)
    throw notServed(message, request.version)
}

/**
 * Refuses with: `already_initialized`, `store_unavailable`; over HTTP+SSE also `invalid_request` for a request before
 * `initialize`.
 */
export function checkHandshake(request: GatedRequest, { sessions }: MessageGateNeeds): Promise<void> | void {
  const { kind } = request
  if (request.isOverSse) {
    if (kind === 'initialize' && (request.sseSession.liveSession || request.sseSession.opening))
      throw new Refusal('already_initialized')
    const rpcRequest = kind === 'session_messages' && !request.hasSession ? request.rpcRequest : undefined
    if (rpcRequest && rpcRequest.method !== 'ping')
      throw new Refusal('invalid_request', { message: 'A session begins with initialize.' })
    return
  }
  // Clients that lost their session may still send its id: only the id of a session that exists is an error.
  const id = kind === 'initialize' ? header(request.inbound, 'mcp-session-id') : undefined
  if (id === undefined) return
  return Promise.resolve(sessions.find(request.principal, id)).then((liveSession) => {
    if (liveSession?.session.endpoint === request.at.name) throw new Refusal('already_initialized')
  })
}

/**
 * Refuses with: `request_metadata_missing`, `header_mismatch`, `unsupported_version`, `invalid_params`,
 * `method_not_found`.
 */
export function readMetadata(request: GatedRequest, { startWait }: MessageGateNeeds): void {
  const rpcRequest = statelessRequest(request)
  if (rpcRequest)
    request.envelope = readEnvelope(rpcRequest, mirrorsIn(request.inbound), startWait.server?.extensions === true)
}

/** Refuses with: `invalid_params`, `suspended_call_gone`. */
export function openRequestState(request: GatedRequest, needs: MessageGateNeeds): void {
  const rpcRequest = statelessRequest(request)
  if (rpcRequest) request.state = openState(rpcRequest, request.principal, needs.requestState)
}

/** Refuses with: `draining`. */
export function refuseNewWork(request: GatedRequest, needs: MessageGateNeeds): void {
  if (needs.drain.draining && beginsWork(request, needs)) throw new Refusal('draining')
}

/** Refuses with: `overloaded`. */
export function refuseUnderLoad(request: GatedRequest, needs: MessageGateNeeds): void {
  const { overload } = needs
  if (overload.step === 0 || taskFollowUps.has(request.rpcRequest?.method ?? '')) return
  if (overload.isOff('new_sessions') && opensSession(request)) throw overload.refusal('new sessions')
  const { busyCalls } = overload
  if (busyCalls !== undefined && callsIn(request, needs).length > 0 && request.liveSession.calls >= busyCalls)
    throw overload.refusal('further calls of a session with so many in flight')
  // A later round belongs to a call that has begun.
  if (overload.isOff('new_work') && !request.state && beginsWork(request, needs)) throw overload.refusal('new work')
}

function opensSession({ kind, isOverSse }: GatedRequest): boolean {
  // Over HTTP+SSE, the stream is the session.
  return kind === 'sse_stream' || (kind === 'initialize' && !isOverSse)
}

function beginsWork(request: GatedRequest, needs: MessageGateNeeds): boolean {
  const { inbound, messages } = request
  switch (request.kind) {
    case 'session_stream':
      // A client that resumes a stream still gets the rest of it.
      return (header(inbound, 'last-event-id') ?? '') === ''
    case 'session_messages':
      return request.isBatch ? messages.some((one) => one.kind === 'request') : isCall(request, needs)
    case 'sse_messages': {
      const { liveSession, opening } = request.sseSession
      return !liveSession && !opening && messages.some((one) => needsSession(one, request.version))
    }
    case 'stateless':
      return request.rpcRequest !== undefined && request.state?.kind !== 'suspended'
    default:
      return request.kind === 'initialize' || request.kind === 'sse_stream'
  }
}

/** Refuses with: `rate_limited`. */
export function limitRate(request: GatedRequest, { rateLimits, operationOf }: MessageGateNeeds): void {
  if (!rateLimits.isActive) return
  const operations = operationsIn(request, operationOf)
  if (operations.length > 0) request.answerHeaders = rateLimits.charge(request.principal, operations)
}

/** Refuses with: `too_many_calls`. */
export function limitCalls(request: GatedRequest, needs: MessageGateNeeds): void {
  const calls = callsIn(request, needs)
  if (calls.length === 0) return
  if (request.liveSession.calls + calls.length > needs.limits.callsPerSession) throw new Refusal('too_many_calls')
  request.callRequests = calls
}

/**
 * Refuses with: `invalid_params`, `method_not_found`, `not_acceptable`. The requests of a batch are refused one by one,
 * as they run.
 */
export function checkRequestParams(request: GatedRequest, needs: MessageGateNeeds): void {
  const rpcRequest = request.rpcRequest
  if (!rpcRequest) return
  const { method } = rpcRequest
  if (request.kind === 'initialize') request.client = readInitialize(rpcRequest.params)
  else if (request.kind === 'session_messages' && isCall(request, needs)) {
    checkMethod(method)
    checkParams(method, rpcRequest.params)
  } else if (request.isStateless) {
    checkParams(method, rpcRequest.params)
    if (method === listenMethod && acceptedForms(header(request.inbound, 'accept')) === 'json')
      throw new Refusal('not_acceptable')
  }
}

/**
 * Refuses with: `header_mismatch`, and what fetching the list of tools throws (`upstream_unavailable`, `overloaded`).
 */
export function checkParamHeaders(request: GatedRequest, { catalog }: MessageGateNeeds): Promise<void> | void {
  const rpcRequest = statelessRequest(request)
  if (rpcRequest?.method !== 'tools/call' || !catalog.mirrorsHeaders) return
  const caller = { principal: request.principal, client: request.envelope.client, session: undefined }
  return checkMirroredParams(caller, rpcRequest, request.inbound, catalog)
}

/**
 * Refuses with: `tenant_at_capacity`, `overloaded`, `cancelled`, `draining`. A call whose client can be told that it waits
 * is let through without its place, and waits for that once it runs.
 */
export function takePlace(request: GatedRequest, needs: MessageGateNeeds): Promise<void> | void {
  if (!needsPlace(request, needs)) return
  const { tenant } = request.principal
  const ofTenant = needs.tenantUse.take(tenant, 'clients')
  const free = needs.admission.take()
  if (free) {
    request.place = bothLeases(free, ofTenant)
    return
  }
  const wait = (cancel: Cancel): PlaceWait => needs.admission.wait([tenant, request.claimant], cancel)
  if (isStatelessCall(request, needs) && canBeTold(request)) {
    const { closed } = request.inbound
    request.pendingPlace = createPendingPlace(closed, wait, () => refuseNewWork(request, needs))
    request.place = bothLeases(request.pendingPlace, ofTenant)
    return
  }
  return wait(request.inbound.closed).lease.then(
    (lease) => {
      request.place = bothLeases(lease, ofTenant)
      refuseNewWork(request, needs)
    },
    (error: unknown) => {
      ofTenant?.release()
      throw error
    },
  )
}

/** Whether the client of a stateless call has asked to be told something before the outcome, and reads streams. */
function canBeTold({ envelope, state, inbound }: GatedRequest): boolean {
  const isAsked = envelope.progressToken !== undefined || envelope.logLevel !== undefined
  return isAsked && state?.kind !== 'suspended' && acceptedForms(header(inbound, 'accept')) !== 'json'
}

/** A session has a place for its whole life, a client without one for each call or subscription. */
function needsPlace(request: GatedRequest, needs: MessageGateNeeds): boolean {
  // Over HTTP+SSE, the stream has the place of the session.
  if (request.kind === 'initialize') return !request.isOverSse
  return request.kind === 'sse_stream' || isStatelessCall(request, needs) || isSubscription(request)
}

/** Refuses with: `tenant_at_capacity`, `memory_share_exceeded`, `overloaded`. */
export function takeMemory(request: GatedRequest, needs: MessageGateNeeds): void {
  if (request.callRequests.length > 0) {
    // Set before they are admitted, so that a refusal gives back what was taken before it.
    const calls: AdmittedCall[] = []
    request.calls = calls
    for (const rpcRequest of request.callRequests) calls.push(admitCall(request.liveSession, rpcRequest, needs))
  } else if (isStatelessCall(request, needs)) {
    // A call without a session lasts as long as its place.
    request.place = bothLeases(request.place, needs.tenantUse.take(request.principal.tenant, 'calls'))
    request.memory = needs.clientMemory.account(request.claimant)
    const resumes = request.state?.kind === 'suspended'
    reserve(request.memory, (resumes ? 0 : callBytes) + heldBytesOf(request.rpcRequest?.params))
  }
}

const listenMethod = 'subscriptions/listen'
const noCalls: readonly RequestMessage[] = []

/**
 * The requests that count as calls of their session: all of a batch. Over HTTP+SSE all count, or answers could pile up
 * for a client that does not read.
 */
function callsIn(request: GatedRequest, needs: MessageGateNeeds): readonly RequestMessage[] {
  const { kind, rpcRequest } = request
  if (kind !== 'session_messages' || !request.hasSession) return noCalls
  if (request.isBatch) return request.messages.filter((one) => one.kind === 'request')
  return rpcRequest && (request.isOverSse || isCall(request, needs)) ? [rpcRequest] : noCalls
}

/** Whether the message of a session is a request that needs a worker. */
function isCall({ rpcRequest }: GatedRequest, needs: MessageGateNeeds): boolean {
  return rpcRequest !== undefined && !isLocal(rpcRequest, needs)
}

function statelessRequest({ isStateless, rpcRequest }: GatedRequest): RequestMessage | undefined {
  return isStateless ? rpcRequest : undefined
}

function isSubscription(request: GatedRequest): boolean {
  return statelessRequest(request)?.method === listenMethod
}

/** Whether a stateless request needs a worker. */
function isStatelessCall(request: GatedRequest, { catalog }: MessageGateNeeds): boolean {
  const method = statelessRequest(request)?.method
  return method !== undefined && method !== 'server/discover' && method !== listenMethod && !catalog.isList(method)
}
