/**
 * Dispatches an HTTP exchange: has it admitted, then answered by the part of its endpoint for its kind. What it holds
 * is released if anything fails before it is answered.
 */
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { acceptedForms } from '../protocol/accept.ts'
import { answerable, errorResponse, refusalText, requestIdOf, withRequestId } from '../protocol/error-response.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import { sseHeaders, sseMessage } from '../protocol/sse.ts'
import { clientName } from '../sessions/live-session.ts'
import type { Answers } from './answers.ts'
import { GatedRequest } from './gated-request.ts'
import { refusedStateless } from './modern/requests.ts'

export interface DispatchNeeds {
  /** Admits a request; resolves with the answers of its endpoint. Rejects with the refusal. */
  readonly admit: (request: GatedRequest) => Promise<{ readonly answers: Answers }>
  readonly events: EventSink
  readonly log: Log
}

/** Answers one exchange on an MCP endpoint. Never rejects. */
export async function dispatch(inbound: Inbound, needs: DispatchNeeds): Promise<Outbound> {
  const request = new GatedRequest(inbound)
  try {
    const { answers } = await needs.admit(request)
    const answer = inAcceptedForm(request, await answers[request.kind](request))
    const { answerHeaders, held } = request
    const outbound = answerHeaders ? { ...answer, headers: { ...answer.headers, ...answerHeaders } } : answer
    return held ? held.follow(outbound) : outbound
  } catch (error) {
    request.held?.release()
    request.release()
    return inAcceptedForm(request, refused(error, request, needs))
  }
}

/** Reports a refusal, and encodes it for the client. */
function refused(
  error: unknown,
  request: GatedRequest,
  { events, log }: Pick<DispatchNeeds, 'events' | 'log'>,
): Outbound {
  const found = answerable(error, log)
  const requestId = requestIdOf(found)
  const refusal = withRequestId(found, requestId)
  if (refusal.code !== 'cancelled') {
    const { tenant, knownClient } = request
    events.emit('refused', {
      code: refusal.code,
      tenant,
      client: knownClient && clientName({ client: knownClient }),
      requestId,
    })
  }
  if (request.inbound.method === 'POST' && !request.isBodyRead) return refusalText(refusal)
  return request.isStateless ? refusedStateless(refusal, request.id) : errorResponse(refusal, request.id)
}

/**
 * The answer in a form that the client accepts: if that is only event streams, a JSON answer becomes a stream of one
 * message. The answers to POSTs of HTTP+SSE are no messages.
 */
function inAcceptedForm({ inbound, at }: GatedRequest, outbound: Outbound): Outbound {
  const isJson = outbound.status === 200 && typeof outbound.body === 'string' && outbound.body !== ''
  if (!isJson || inbound.method !== 'POST' || at.kind === 'messages') return outbound
  if (acceptedForms(header(inbound, 'accept')) !== 'stream') return outbound
  return { ...outbound, headers: { ...outbound.headers, ...sseHeaders }, body: sseMessage(outbound.body) }
}
