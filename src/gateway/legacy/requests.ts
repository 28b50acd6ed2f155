/**
 * Handles the messages of clients with sessions. The encoding is in protocol/legacy-server.ts, the streams are in
 * sessions/journalled-output.ts, the calls run in calls/run-call.ts. [2025-11-25 lifecycle; transports]
 */
import { reserve } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import { type Call, type Outcome, progressTokenOf, type Reply } from '../../protocol/call.ts'
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import { memberText } from '../../protocol/json-text.ts'
import {
  idKey,
  type Message,
  type NotificationMessage,
  type ResponseMessage,
  type RequestMessage,
} from '../../protocol/jsonrpc.ts'
import { checkMethod, outcomeIn } from '../../protocol/legacy-server.ts'
import { checkParams } from '../../protocol/params.ts'
import { hasPrimingEvent } from '../../protocol/revisions.ts'
import { sseHeaders } from '../../protocol/sse.ts'
import { journalledOutput } from '../../sessions/journalled-output.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { bytesOfUri, completed } from '../../sessions/session.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import type { AdmittedCall } from './admitted-call.ts'
import { abandonRequest, respondToBatch, type ResponseNeeds, type RunningRequest, respondToOne } from './responses.ts'
import { answerLocally, isLocal, type LocalRequestNeeds, uriOf } from './local-requests.ts'
import { callerOf, type SessionNotifications } from './notifications.ts'
import type { PendingInput } from '../interaction/pending-input.ts'

/** What handles the messages of sessions. */
export interface SessionRequestNeeds extends ResponseNeeds, LocalRequestNeeds {
  readonly runCall: (call: Call) => Reply
  readonly upstream: Pick<Upstream, 'notify'>
  readonly pendingInput: PendingInput
  readonly sessionNotifications: SessionNotifications
}

/** Bounded because every new worker is told of each subscription. */
const maxUris = 1000

const accepted: Outbound = { status: 202, headers: {}, body: '' }

/** The admitted messages of a session. */
export interface SessionMessages {
  readonly liveSession: LiveSession
  readonly inbound: Inbound
  readonly messages: readonly Message[]
  /** The message, unless it is a batch. */
  readonly message: Message | undefined
  /** Those that are calls. */
  readonly calls: readonly AdmittedCall[]
}

/** Answers one message of a session, or a batch. Throws a `Refusal`. */
export function answerInSession(
  { liveSession, inbound, messages, message, calls }: SessionMessages,
  needs: SessionRequestNeeds,
): Promise<Outbound> {
  if (!message) return answerBatch(liveSession, messages, calls, inbound, needs)
  const [call] = calls
  return call ? answerOneCall(liveSession, call, inbound, needs) : answerMessage(liveSession, message, needs)
}

/** Answers an admitted call of a session. Throws `session_not_found` if the session has ended meanwhile. */
function answerOneCall(
  liveSession: LiveSession,
  call: AdmittedCall,
  inbound: Inbound,
  needs: SessionRequestNeeds,
): Promise<Outbound> {
  // The common case first, without an await: a further call of a session that has called before.
  if (liveSession.session.ready && liveSession.workerSubscription !== undefined)
    return respondToOne(liveSession, startCall(liveSession, call, replyToCall, needs), inbound, needs)
  return answerFirstCall(liveSession, call, inbound, needs)
}

async function answerFirstCall(
  liveSession: LiveSession,
  call: AdmittedCall,
  inbound: Inbound,
  needs: SessionRequestNeeds,
): Promise<Outbound> {
  if (!liveSession.session.ready) await needs.sessions.update(liveSession, completed)
  await needs.sessionNotifications.attach(liveSession)
  return respondToOne(liveSession, startCall(liveSession, call, replyToCall, needs), inbound, needs)
}

/** Answers a message of a session that is no call: a notification, a response, or a request that needs no worker. */
async function answerMessage(
  liveSession: LiveSession,
  message: Message,
  needs: SessionRequestNeeds,
): Promise<Outbound> {
  if (message.kind !== 'request') {
    await handleClientMessage(liveSession, message, needs)
    return accepted
  }
  if (!liveSession.session.ready) await needs.sessions.update(liveSession, completed)
  return { status: 200, headers: jsonHeaders, body: await answerLocally(liveSession, message, needs) }
}

/** Handles several messages of a session in one body; `calls` are the requests among them. */
async function answerBatch(
  liveSession: LiveSession,
  messages: readonly Message[],
  calls: readonly AdmittedCall[],
  inbound: Inbound,
  needs: SessionRequestNeeds,
): Promise<Outbound> {
  for (const message of messages) if (message.kind !== 'request') await handleClientMessage(liveSession, message, needs)
  if (calls.length === 0) return accepted
  if (!liveSession.session.ready) await needs.sessions.update(liveSession, completed)
  await needs.sessionNotifications.attach(liveSession)
  const running: RunningRequest[] = []
  try {
    for (const call of calls) running.push(startCall(liveSession, call, replyToRequest, needs))
  } catch (error) {
    for (const one of running) {
      one.cancel.cancel('its batch was refused')
      abandonRequest(one)
    }
    throw error
  }
  return respondToBatch(liveSession, running, inbound, needs)
}

type CreateReply = (
  liveSession: LiveSession,
  request: RequestMessage,
  admitted: AdmittedCall,
  needs: SessionRequestNeeds,
) => Reply

/** Begins an admitted call. Throws a `Refusal` if it is invalid, or if the session has ended meanwhile. */
export function startCall(
  liveSession: LiveSession,
  call: AdmittedCall,
  createReply: CreateReply,
  needs: SessionRequestNeeds,
): RunningRequest {
  if (liveSession.ended) throw new Refusal('session_not_found')
  const { request, cancel, memory } = call
  const reply = createReply(liveSession, request, call, needs)
  const { version } = liveSession.session.client
  return { id: request.id, method: request.method, version, reply, cancel, memory, over: call.release }
}

/** The reply to any request of a session, also to those that need no worker. */
export async function* replyToRequest(
  liveSession: LiveSession,
  request: RequestMessage,
  admitted: AdmittedCall,
  needs: SessionRequestNeeds,
): Reply {
  if (isLocal(request, needs)) return outcomeIn(await answerLocally(liveSession, request, needs))
  checkMethod(request.method)
  checkParams(request.method, request.params)
  return yield* replyToCall(liveSession, request, admitted, needs)
}

/** Not a generator itself: each generator that a reply passes through costs time in every call. */
function replyToCall(
  liveSession: LiveSession,
  request: RequestMessage,
  admitted: AdmittedCall,
  needs: SessionRequestNeeds,
): Reply {
  const call = callOf(liveSession, request, admitted)
  return request.method === 'resources/subscribe' ? subscribe(liveSession, call, needs) : needs.runCall(call)
}

function callOf(liveSession: LiveSession, request: RequestMessage, admitted: AdmittedCall): Call {
  const { session } = liveSession
  return {
    id: request.id,
    method: request.method,
    params: request.params,
    client: session.client,
    principal: session.principal,
    session: session.id,
    fairnessKey: session.id,
    clientKey: session.id,
    progressToken: progressTokenOf(request.params),
    logLevel: session.logLevel,
    worker: undefined,
    stage: { isAtWorker: false },
    cancel: admitted.cancel,
    memory: admitted.memory,
  }
}

async function* subscribe(liveSession: LiveSession, call: Call, needs: SessionRequestNeeds): Reply {
  if (liveSession.session.uris.length >= maxUris) {
    throw new Refusal('invalid_params', { message: `A session may subscribe to at most ${maxUris} resources.` })
  }
  const uri = uriOf(call.params)
  // Checked before the call: the server could not be made to forget the subscription.
  if (call.memory) reserve(call.memory, bytesOfUri(uri))
  const outcome: Outcome = yield* needs.runCall(call)
  call.memory?.release(bytesOfUri(uri))
  if (outcome.answer.kind === 'result') {
    await needs.sessions.update(liveSession, (session) =>
      session.uris.includes(uri) ? session : { ...session, uris: [...session.uris, uri] },
    )
    await needs.sessionNotifications.refilter(liveSession)
  }
  return outcome
}

/** Handles a notification or an answer of the client. Its POST is answered with 202 in any case. */
export async function handleClientMessage(
  liveSession: LiveSession,
  message: NotificationMessage | ResponseMessage,
  needs: SessionRequestNeeds,
): Promise<void> {
  if (message.kind === 'response') {
    if (message.id !== undefined) needs.pendingInput.answer(liveSession, message.id, message.answer)
    return
  }
  switch (message.method) {
    case 'notifications/initialized':
      if (!liveSession.session.ready) await needs.sessions.update(liveSession, completed)
      return
    case 'notifications/cancelled': {
      const id = message.params && memberText(message.params.text, 'requestId')
      if (id !== undefined) liveSession.callById(idKey(id))?.cancel.cancel('cancelled by the client')
      return
    }
    default:
      needs.upstream.notify(callerOf(liveSession), message.method, message.params)
  }
}

/** Opens the event stream of a session: a new one, or one that resumes after the last event that the client saw. */
export async function openStream(
  liveSession: LiveSession,
  inbound: Inbound,
  needs: { readonly sessionNotifications: Pick<SessionNotifications, 'attach'> },
): Promise<Outbound> {
  const last = header(inbound, 'last-event-id') ?? ''
  const { version } = liveSession.session.client
  if (last === '') await needs.sessionNotifications.attach(liveSession)
  const output = journalledOutput(liveSession)
  const body =
    last === '' ? await output.listen(hasPrimingEvent(version), inbound.closed) : output.resume(last, inbound.closed)
  return { status: 200, headers: sseHeaders, body }
}

/** Ends a session at the request of its client. */
export async function endSession(
  liveSession: LiveSession,
  needs: { readonly sessions: Pick<Sessions, 'end'> },
): Promise<Outbound> {
  await needs.sessions.end(liveSession, 'client')
  return { status: 200, headers: {}, body: '' }
}
