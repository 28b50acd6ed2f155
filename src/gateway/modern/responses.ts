/**
 * Encodes the answers to calls of clients without sessions, and seals the state that their next request brings back.
 */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { inputRequired, mayTakeRounds, stateOf } from '../../protocol/input-required.ts'
import { editObject, type JsonObject, type RawObject } from '../../protocol/json-text.ts'
import type { Answer, RequestMessage } from '../../protocol/jsonrpc.ts'
import { encodeModernAnswer } from '../../protocol/modern-server.ts'
import { undeclaredVisit, visitsIn } from '../../protocol/bridge/input-requests.ts'
import { errorAnswerOf } from '../../protocol/error-response.ts'
import type { GatewayServices } from '../services.ts'
import type { OpenedState } from '../interaction/request-state.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** Encodes an outcome as the answer to a request. Not async, because every call passes here. */
export function answerOf(request: RequestMessage, call: Call, outcome: Outcome, services: GatewayServices): Answer {
  if (outcome.era !== call.client.era) return translated(request, call, outcome, services)
  const answer = encodeModernAnswer(call.method, outcome, undefined)
  const state = answer.kind === 'result' ? stateOf(answer.result.value) : undefined
  if (answer.kind === 'error' || state === undefined) return answer
  const sealed = seal({ kind: 'server', state, worker: outcome.worker }, request, call, services)
  return { kind: 'result', result: editObject(answer.result, { requestState: sealed }) }
}

function translated(request: RequestMessage, call: Call, outcome: Outcome, services: GatewayServices): Answer {
  const { answer } = outcome
  const visits = answer.kind === 'error' && mayTakeRounds(call.method) ? visitsIn(answer.error) : undefined
  if (visits) {
    const requiredCapabilities = undeclaredVisit(call.client.capabilities)
    return requiredCapabilities
      ? errorAnswerOf(new Refusal('missing_capability', { data: { requiredCapabilities } }))
      : inputRequiredOf(request, call, visits, { kind: 'again', client: call.clientKey }, services)
  }
  return encodeModernAnswer(call.method, outcome, serverInfo(call, services))
}

/** Encodes input requests as the answer to a request; `state` leads the next request back to the call. */
export function inputRequiredOf(
  request: RequestMessage,
  call: Call,
  inputRequests: RawObject,
  state: OpenedState,
  services: GatewayServices,
): Answer {
  const result = inputRequired(inputRequests, seal(state, request, call, services))
  const outcome: Outcome = { answer: { kind: 'result', result }, era: call.client.era, worker: undefined }
  return encodeModernAnswer(call.method, outcome, serverInfo(call, services))
}

/** Only for display, so it is left out if it is not known yet: no answer waits for it. */
function serverInfo(call: Call, services: GatewayServices): JsonObject | undefined {
  return serverInfoOf(services.catalog.descriptionAtHand(call))
}

function seal(what: OpenedState, request: RequestMessage, call: Call, services: GatewayServices): string {
  return services.requestState.close(what, call.principal, call.method, request.params?.value ?? {})
}
