/**
 * A call of a session's client to a stateless server, which requests input by ending the call: the state needed to continue
 * the call once the client has answered, as plain data, and its transitions. Pure; any instance with the data can continue.
 * input-requests.ts translates input requests and answers. [2026-07-28 multi round-trip requests]
 */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome, ClientDescription, WorkerId } from '../call.ts'
import { acrossEras } from '../capabilities.ts'
import { mayTakeRounds } from '../input-required.ts'
import { editMembers, type JsonObject, parseObject, rawObject, type RawObject } from '../json-text.ts'
import { type Answer, errorAnswer, type RpcId } from '../jsonrpc.ts'
import {
  inputResponseOf,
  type InputRequestContent,
  inputRequestForClient,
  inputRequestsIn,
  undeclared,
} from './input-requests.ts'

/** An input request that was sent to the client. */
export interface OpenInputRequest {
  /** The server's key for it. */
  readonly key: string
  readonly method: string
}

/** A call between its rounds. Plain JSON, so that it can be stored and continued on another instance. */
export interface Continuation {
  /** Unique in its session; part of the ids of its input requests. */
  readonly id: string
  /** The client's id of the request, exactly as the client wrote it. */
  readonly request: RpcId
  readonly method: string
  /** The params of the request, exactly as the client wrote them. */
  readonly params: string
  /** How many rounds of input requests the client got. */
  readonly round: number
  /** `asking`: the client has to answer. `calling`: the server was called again and has not answered yet. */
  readonly step: 'asking' | 'calling'
  /** The state that the server wants back, if any. */
  readonly requestState?: string
  /** The worker that asked: the server is called again on it, if this instance has it. */
  readonly worker?: WorkerId
  /** The input requests of this round, by the id that the client sees. */
  readonly inputRequests: Readonly<Record<string, OpenInputRequest>>
  /** The answers so far, by the same id, as JSON text. */
  readonly answers: Readonly<Record<string, string>>
}

/** Input requests in one round, at most. */
const maxInputRequests = 64
/** The size of all answers of a round together, in characters: they are sent to the server in one line. */
const maxAnswers = 8 * 1024 * 1024

/** Whether a call ended with a request for input (perhaps only to be called again). */
export function needsInput(call: Call, { era, answer }: Outcome): boolean {
  return (
    era === 'modern' &&
    answer.kind === 'result' &&
    answer.result.value['resultType'] === 'input_required' &&
    mayTakeRounds(call.method)
  )
}

/**
 * The input requests for this client, in the form of its revision, by the server's keys; none if the server only wants to be
 * called again. Throws `upstream_invalid` if the result requests nothing, `not_supported_by_client_revision` if the client's
 * revision has no such request.
 * @param elicitationId returns a new id for a URL elicitation, which needs one in these revisions
 * @returns the answer that ends the call, if the server requests input that the client did not declare
 */
export function inputRequestsForClient(
  client: ClientDescription,
  { answer }: Outcome,
  elicitationId: () => string,
): ReadonlyMap<string, InputRequestContent> | Answer {
  const fitted = new Map<string, InputRequestContent>()
  if (answer.kind === 'error') return fitted
  const announced = acrossEras(client, true).value
  const known: ClientDescription = { ...client, capabilities: announced }
  const inputRequests = inputRequestsIn(answer.result)
  if (inputRequests.size > maxInputRequests) {
    throw new Refusal('upstream_invalid', {
      message: `The server sent more than ${maxInputRequests} input requests at once.`,
    })
  }
  for (const [key, inputRequest] of inputRequests) {
    const lacking = undeclared(inputRequest, announced)
    if (lacking) return lacks(lacking)
    const fitting = inputRequestForClient(known, inputRequest, elicitationId())
    if (!fitting) throw new Refusal('not_supported_by_client_revision')
    fitted.set(key, fitting)
  }
  if (fitted.size === 0 && typeof answer.result.value['requestState'] !== 'string') {
    throw new Refusal('upstream_invalid', { message: 'The server asked for input without an input request.' })
  }
  return fitted
}

/** The error for undeclared capabilities: session-based revisions have no code of their own for it. [2026-07-28 basic, error codes: -32021] */
function lacks(requiredCapabilities: JsonObject): Answer {
  const message = 'The server asked for something that this client did not declare at initialize.'
  return errorAnswer(-32602, message, { reason: 'missing_capability', requiredCapabilities })
}

/**
 * Ends a call whose client did not give the requested input. The result of a tool tells the model so; other requests fail
 * with the refusal.
 */
export function endUnanswered(call: Call, refusal: Refusal): Outcome {
  if (call.method !== 'tools/call') throw refusal
  const result = rawObject({ content: [{ type: 'text', text: refusal.message }], isError: true })
  return { answer: { kind: 'result', result }, era: call.client.era, worker: undefined }
}

/** The state of a call before its first round. */
export function newContinuation(id: string, call: Call): Continuation {
  const { id: request, method, params } = call
  return {
    id,
    request,
    method,
    params: params?.text ?? '{}',
    round: 0,
    step: 'calling',
    inputRequests: {},
    answers: {},
  }
}

/** The server requested input: returns the next round, and the input requests by the ids that the client sees. */
export function nextRound(
  continuation: Continuation,
  outcome: Outcome,
  inputRequests: ReadonlyMap<string, InputRequestContent>,
): { readonly continuation: Continuation; readonly sent: ReadonlyMap<string, InputRequestContent> } {
  const { requestState: _, worker: __, ...rest } = continuation
  const round = inputRequests.size === 0 ? continuation.round : continuation.round + 1
  const sent = new Map<string, InputRequestContent>()
  const open: Record<string, OpenInputRequest> = {}
  for (const [key, inputRequest] of inputRequests) {
    // No id is used twice, so a late answer to an earlier round is ignored.
    const id = `ask-${continuation.id}.${round}.${sent.size + 1}`
    sent.set(id, inputRequest)
    open[id] = { key, method: inputRequest.method }
  }
  const said = outcome.answer.kind === 'result' ? outcome.answer.result.value['requestState'] : undefined
  const next: Continuation = {
    ...rest,
    round,
    step: sent.size === 0 ? 'calling' : 'asking',
    ...(typeof said === 'string' && { requestState: said }),
    ...(outcome.worker !== undefined && { worker: outcome.worker }),
    inputRequests: open,
    answers: {},
  }
  return { continuation: next, sent }
}

/** Whether the input request with that id waits for an answer. */
export function isOpen(continuation: Continuation, id: string): boolean {
  return (
    continuation.step === 'asking' &&
    Object.hasOwn(continuation.inputRequests, id) &&
    !Object.hasOwn(continuation.answers, id)
  )
}

/**
 * The continuation with an answer of the client; the same object if no input request with that id is open.
 * @returns undefined if the answer cannot be sent to the server, or the answers of the round are too large: the call ends
 */
export function answered(continuation: Continuation, id: string, answer: Answer): Continuation | undefined {
  const open = isOpen(continuation, id) ? continuation.inputRequests[id] : undefined
  if (!open) return continuation
  const response = inputResponseOf({ method: open.method, params: undefined }, answer)
  if (!response) return undefined
  let chars = response.text.length
  for (const text of Object.values(continuation.answers)) chars += text.length
  return chars > maxAnswers ? undefined : { ...continuation, answers: { ...continuation.answers, [id]: response.text } }
}

/** Whether all answers are there, so that the server can be called again. */
export function isComplete(continuation: Continuation): boolean {
  return Object.keys(continuation.inputRequests).every((id) => Object.hasOwn(continuation.answers, id))
}

/** The continuation while the server is called again. */
export function calledAgain(continuation: Continuation): Continuation {
  return continuation.step === 'calling' ? continuation : { ...continuation, step: 'calling' }
}

/** The params for calling the server again: the client's own, the answers of this round, and the server's state. */
export function paramsAgain(continuation: Continuation): RawObject {
  const responses = Object.entries(continuation.answers).map(([id, text]) => {
    return `${JSON.stringify(continuation.inputRequests[id]?.key ?? id)}:${text}`
  })
  const state = continuation.requestState === undefined ? null : JSON.stringify(continuation.requestState)
  const text = editMembers(continuation.params, {
    inputResponses: responses.length === 0 ? null : `{${responses.join(',')}}`,
    requestState: state,
    task: null,
  })
  return parseObject(text) ?? { value: {}, text: '{}' }
}
