/**
 * The gates that find out what a request is, and whose. admit.ts has their order, and says why it is so. "Refuses with"
 * lists the codes of the refusals that a gate throws.
 */
import { isPending } from '../base/awaitable.ts'
import { Refusal } from '../base/refusal.ts'
import type { Authenticate } from '../identity/authenticate.ts'
import { sessionIdIn } from '../protocol/http-sse.ts'
import type { Principal } from '../protocol/call.ts'
import { header } from '../protocol/inbound.ts'
import { parseIncoming, readBatch, readIncoming } from '../protocol/incoming.ts'
import { checkVersionHeader, mayBatch } from '../protocol/legacy-server.ts'
import { isStateless } from '../protocol/revisions.ts'
import type { LiveSession } from '../sessions/live-session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { askedBy } from './asked-scopes.ts'
import type { OperationOf } from './charged-operations.ts'
import { type GatedRequest, kindOfMessage } from './gated-request.ts'
import type { CallerIdentity } from './caller-identity.ts'
import type { HeldRequests } from './held-requests.ts'
import type { SseSessions } from './legacy/http-sse-sessions.ts'
import { clientAnswersPing } from './legacy/notices.ts'
import type { StartWait } from './wait-for-start.ts'

/** What finds out whose a request is, and which endpoint it is for. */
export interface CallerGateNeeds<Endpoint> {
  readonly authenticate: Authenticate
  readonly heldRequests: HeldRequests
  readonly endpoints: {
    /** The endpoint with a name, for the callers of a tenant; empty for that of all upstreams. */
    find(name: string, tenant: string): Endpoint | undefined
    /** The refusal of a name for which `find` finds nothing. */
    refusalOf(name: string, tenant: string): Refusal
  }
}

/** What belongs to one endpoint here, and what all of them share. */
export interface RequestGateNeeds {
  /** Whether clients of the transport HTTP+SSE are served. */
  readonly offersHttpSse: boolean
  readonly identity: Pick<CallerIdentity, 'checkScopes'>
  readonly operationOf: OperationOf
  readonly startWait: Pick<StartWait, 'server' | 'wait'>
  readonly sessions: Pick<Sessions, 'find'>
  readonly sseSessions: Pick<SseSessions, 'find'>
}

/** Refuses with: what `authenticate` throws (identity/authenticate.ts). */
export function authenticateCaller(
  request: GatedRequest,
  { authenticate, heldRequests }: Pick<CallerGateNeeds<unknown>, 'authenticate' | 'heldRequests'>,
): Promise<void> | void {
  const take = (known: Principal): void => {
    request.principal = known
    request.hold(heldRequests)
  }
  const principal = authenticate(request.inbound)
  if (isPending(principal)) return Promise.resolve(principal).then(take)
  take(principal)
}

/** Refuses with: `not_found`, `unknown_tenant`; with too many tenants that have no name in the settings `overloaded`. */
export function findEndpoint<Endpoint>(
  { at, principal }: GatedRequest,
  { endpoints }: CallerGateNeeds<Endpoint>,
): Endpoint {
  const found = endpoints.find(at.name, principal.tenant)
  if (found === undefined) throw endpoints.refusalOf(at.name, principal.tenant)
  return found
}

/** Refuses with: `not_found`, `method_not_allowed`. */
export function checkEndpoint(request: GatedRequest, { offersHttpSse }: RequestGateNeeds): void {
  const { method } = request.inbound
  const { kind } = request.at
  if (kind !== 'mcp') {
    if (!offersHttpSse) throw new Refusal('not_found')
    const allowed = kind === 'stream' ? 'GET' : 'POST'
    if (method !== allowed) throw new Refusal('method_not_allowed', { headers: { Allow: allowed } })
    request.kind = kind === 'stream' ? 'sse_stream' : 'sse_messages'
  } else if (method !== 'POST') {
    if (isStateless(request.version)) throw new Refusal('method_not_allowed', { headers: { Allow: 'POST' } })
    if (method !== 'GET' && method !== 'DELETE') throw new Refusal('method_not_allowed')
    request.kind = method === 'GET' ? 'session_stream' : 'session_end'
  }
}

/** Refuses with: what `Inbound.body` throws, `parse_error`, `invalid_request`, `invalid_meta`. */
export function parseBody(request: GatedRequest): Promise<void> | void {
  if (request.inbound.method === 'POST') return request.inbound.body().then((text) => readMessages(request, text))
}

function readMessages(request: GatedRequest, text: string): void {
  request.isBodyRead = true
  const isSse = request.at.kind === 'messages'
  const value = parseIncoming(text)
  if (Array.isArray(value)) {
    // [2025-03-26 batching] several messages in one body, for the one revision that has them
    if (isStateless(request.version)) throw new Refusal('invalid_request')
    request.isBatch = true
    request.messages = readBatch(text)
    if (!isSse) request.kind = 'session_messages'
    return
  }
  const one = readIncoming(text, value, request)
  request.messages = [one]
  if (!isSse) request.kind = kindOfMessage(one, request.version)
  // [2026-07-28 basic] clients send no responses
  if (request.isStateless && one.kind === 'response') throw new Refusal('invalid_request')
}

/** Refuses with: `insufficient_scope`. */
export function checkScopes(
  { principal, messages, inbound }: GatedRequest,
  { identity, operationOf }: RequestGateNeeds,
): void {
  if (principal.scopes !== undefined) identity.checkScopes(principal, askedBy(messages, operationOf), inbound.path)
}

/** Refuses with: `invalid_request` (an unknown version, a batch outside of a session), `session_required`. */
export function requireSessionId(request: GatedRequest): void {
  const { kind, inbound, version } = request
  if (kind === 'sse_messages') {
    if (!isStateless(version)) checkVersionHeader(version)
    const id = sessionIdIn(inbound.query)
    if (id === undefined)
      throw new Refusal('session_required', { message: 'The parameter sessionId is missing from the address.' })
    request.sessionId = id
  } else if (isOfSession(request)) {
    checkVersionHeader(version)
    const id = header(inbound, 'mcp-session-id')
    // Batches exist only in sessions of 2025-03-26, so one without a session id is invalid.
    if (id === undefined) throw new Refusal(request.isBatch ? 'invalid_request' : 'session_required')
    request.sessionId = id
  }
}

function isOfSession({ kind }: GatedRequest): boolean {
  return kind === 'session_messages' || kind === 'session_stream' || kind === 'session_end'
}

/**
 * Refuses with: `starting`, `upstream_unavailable`, `draining`, `cancelled`; `server/discover` with `discover_refused`
 * instead. Why that one waits less long, and may be answered before the start is over: see wait-for-start.ts.
 */
export function waitForStart(request: GatedRequest, { startWait }: RequestGateNeeds): Promise<void> | void {
  if (startWait.server) return
  return startWait.wait(request.inbound, request.rpcRequest).then((serverDescription) => {
    if (!serverDescription) return
    request.kind = 'early_discovery'
    request.serverDescription = serverDescription
  })
}

/**
 * Refuses with: `session_not_found`, `invalid_request` (a batch in a revision that has none), `store_unavailable`; for a
 * session that another instance has opened also `memory_share_exceeded`, `overloaded`.
 */
export function findSession(request: GatedRequest, needs: RequestGateNeeds): Promise<void> | void {
  if (isOfSession(request)) return findHttpSession(request, needs)
  if (request.kind === 'sse_messages') return findSseSession(request, needs)
}

function findHttpSession(request: GatedRequest, { sessions }: RequestGateNeeds): Promise<void> | void {
  const isAnswer = request.message !== undefined && clientAnswersPing(request.message)
  const found = sessions.find(request.principal, request.sessionId, isAnswer)
  if (isPending(found)) return Promise.resolve(found).then((liveSession) => takeSession(request, liveSession))
  takeSession(request, found)
}

function takeSession(request: GatedRequest, liveSession: LiveSession | undefined): void {
  // Not found, or opened over HTTP+SSE, which Streamable HTTP must not reach, or at another endpoint.
  if (liveSession?.output.kind !== 'journalled' || liveSession.session.endpoint !== request.at.name)
    throw new Refusal('session_not_found')
  if (request.isBatch && !mayBatch(liveSession.session.client.version)) throw new Refusal('invalid_request')
  request.liveSession = liveSession
}

/** The stream is the session; once its client has sent initialize, the session has a record as well. */
async function findSseSession(request: GatedRequest, needs: RequestGateNeeds): Promise<void> {
  const sseSession = needs.sseSessions.find(request.principal, request.sessionId)
  if (sseSession?.endpoint !== request.at.name) throw new Refusal('session_not_found')
  const { liveSession } = sseSession
  const isAnswer = request.messages.every(clientAnswersPing)
  // Counts as a sign of life, and checks whether the session has expired.
  if (liveSession && !(await needs.sessions.find(request.principal, liveSession.session.id, isAnswer)))
    throw new Refusal('session_not_found')
  if (sseSession.stream.isOver) throw new Refusal('session_not_found')
  if (request.isBatch && !(liveSession && mayBatch(liveSession.session.client.version)))
    throw new Refusal('invalid_request')
  request.sseSession = sseSession
}
