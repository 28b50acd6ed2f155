/** Which part of the gateway answers a request of each kind, once it is admitted. */
import type { Outbound } from '../protocol/inbound.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { GatedRequest, RequestKind } from './gated-request.ts'
import type { SseSessions } from './legacy/http-sse-sessions.ts'
import { type HttpSseNeeds, openSseStream, receiveOverStream } from './legacy/http-sse.ts'
import { initialize } from './legacy/open-session.ts'
import { answerInSession, endSession, openStream } from './legacy/requests.ts'
import { discovery } from './modern/discovery.ts'
import { answerStateless, type StatelessNeeds } from './modern/requests.ts'

/** What answers clients with sessions, on both of their transports. */
export interface SessionNeeds extends HttpSseNeeds {
  readonly sessions: HttpSseNeeds['sessions'] & Pick<Sessions, 'end'>
  readonly sseSessions: HttpSseNeeds['sseSessions'] & Pick<SseSessions, 'open'>
}

/** Answers an admitted request. Throws a `Refusal`. */
export type Answers = Readonly<Record<RequestKind, (request: GatedRequest) => Promise<Outbound> | Outbound>>

/** @param admitMessage admits one message of a POST of HTTP+SSE; throws the refusal */
export function createAnswers(
  sessionNeeds: SessionNeeds,
  statelessNeeds: StatelessNeeds,
  admitMessage: (request: GatedRequest) => Promise<void>,
): Answers {
  return {
    initialize: (request) => initialize(request, sessionNeeds),
    session_messages: (request) => answerInSession(request, sessionNeeds),
    session_stream: ({ liveSession, inbound }) => openStream(liveSession, inbound, sessionNeeds),
    session_end: ({ liveSession }) => endSession(liveSession, sessionNeeds),
    sse_stream: ({ principal, place, inbound }) => openSseStream(principal, place, inbound, sessionNeeds),
    sse_messages: (request) => receiveOverStream(request, admitMessage, sessionNeeds),
    stateless: (request) => answerStateless(request, statelessNeeds),
    early_discovery: ({ id, serverDescription }) => discovery(id, serverDescription),
  }
}
