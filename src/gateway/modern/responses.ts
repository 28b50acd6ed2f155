/**
 * Encodes the answers to calls of clients without sessions, and seals the state that their next request brings back.
 */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { inputRequired, mayTakeRounds, stateOf } from '../../protocol/input-required.ts'
import { editObject, type JsonObject, type RawObject } from '../../protocol/json-text.ts'
import type { Answer, RequestMessage } from '../../protocol/jsonrpc.ts'
import { encodeModernAnswer } from '../../protocol/modern-server.ts'
import { undeclaredUrlElicitation, urlElicitationsIn } from '../../protocol/bridge/input-requests.ts'
import { errorAnswerOf } from '../../protocol/error-response.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { OpenedState, RequestStateCodec } from '../interaction/request-state.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** What encodes answers to stateless calls. */
export interface EncodeNeeds {
  readonly catalog: Pick<Catalog, 'descriptionAtHand'>
  readonly requestState: Pick<RequestStateCodec, 'close'>
}

/** Encodes an outcome as the answer to a request. Not async, because every call passes here. */
export function answerOf(request: RequestMessage, call: Call, outcome: Outcome, needs: EncodeNeeds): Answer {
  if (outcome.era !== call.client.era) return translated(request, call, outcome, needs)
  const answer = encodeModernAnswer(call.method, outcome, undefined)
  const state = answer.kind === 'result' ? stateOf(answer.result.value) : undefined
  if (answer.kind === 'error' || state === undefined) return answer
  const sealed = seal({ kind: 'server', state, worker: outcome.worker }, request, call, needs)
  return { kind: 'result', result: editObject(answer.result, { requestState: sealed }) }
}

function translated(request: RequestMessage, call: Call, outcome: Outcome, needs: EncodeNeeds): Answer {
  const { answer } = outcome
  const urlElicitations =
    answer.kind === 'error' && mayTakeRounds(call.method) ? urlElicitationsIn(answer.error) : undefined
  if (urlElicitations) {
    const requiredCapabilities = undeclaredUrlElicitation(call.client.capabilities)
    return requiredCapabilities
      ? errorAnswerOf(new Refusal('missing_capability', { data: { requiredCapabilities } }))
      : inputRequiredOf(request, call, urlElicitations, { kind: 'again', client: call.clientKey }, needs)
  }
  return encodeModernAnswer(call.method, outcome, serverInfo(call, needs))
}

/** Encodes input requests as the answer to a request; `state` leads the next request back to the call. */
export function inputRequiredOf(
  request: RequestMessage,
  call: Call,
  inputRequests: RawObject,
  state: OpenedState,
  needs: EncodeNeeds,
): Answer {
  const result = inputRequired(inputRequests, seal(state, request, call, needs))
  const outcome: Outcome = { answer: { kind: 'result', result }, era: call.client.era, worker: undefined }
  return encodeModernAnswer(call.method, outcome, serverInfo(call, needs))
}

/** Only for display, so it is left out if it is not known yet: no answer waits for it. */
function serverInfo(call: Call, needs: EncodeNeeds): JsonObject | undefined {
  return serverInfoOf(needs.catalog.descriptionAtHand(call))
}

function seal(what: OpenedState, request: RequestMessage, call: Call, needs: EncodeNeeds): string {
  return needs.requestState.close(what, call.principal, call.method, request.params?.value ?? {})
}
