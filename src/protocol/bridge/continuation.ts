/**
 * A call of a client with a session whose server asks by ending the call: what must be known to go on with it once
 * the client has answered, as plain data, and what may become of that. Pure; whoever holds the data can go on.
 * How a question and its answer are worded is question-shapes.ts. [2026-07-28 multi round-trip requests]
 */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome, ClientDescription } from '../call.ts'
import { acrossEras } from '../capabilities.ts'
import { mayTakeRounds } from '../input-required.ts'
import { editMembers, type JsonObject, parseObject, rawObject, type RawObject } from '../json-text.ts'
import { type Answer, errorAnswer, type RpcId } from '../jsonrpc.ts'
import { inputResponseOf, type InputRequestContent, questionFor, questionsIn, undeclared } from './input-requests.ts'

/** A question that is with the client. */
export interface OpenInputRequest {
  /** What the server calls it. */
  readonly key: string
  readonly method: string
}

/** A call between its rounds. Plain JSON, so that it can be stored and taken up elsewhere. */
export interface Continuation {
  /** Told apart from all others of its session; part of the ids of its questions. */
  readonly id: string
  /** The client's id of the request, as it was written. */
  readonly request: RpcId
  readonly method: string
  /** The params of the request, as they were written. */
  readonly params: string
  /** How often the client was asked. */
  readonly round: number
  /** `asking`: the client is to answer. `calling`: the server was called again; what it says to that comes once. */
  readonly step: 'asking' | 'calling'
  /** What the server wants to see again, if anything. */
  readonly requestState?: string
  /** The process that asked, on the instance that began the flow. */
  readonly process?: number
  /** The questions of this round, by the id under which the client is asked. */
  readonly questions: Readonly<Record<string, OpenInputRequest>>
  /** What was answered, by the same id, as JSON text. */
  readonly answers: Readonly<Record<string, string>>
}

/** What a server may ask at once. */
const maxQuestions = 64
/** What all answers of a round may be together, in characters: they go to the server in one line. */
const maxAnswers = 8 * 1024 * 1024

/** Whether a call ended with questions, or with the wish to be called again. */
export function needsInput(call: Call, { era, answer }: Outcome): boolean {
  return (
    era === 'modern' &&
    answer.kind === 'result' &&
    answer.result.value['resultType'] === 'input_required' &&
    mayTakeRounds(call.method)
  )
}

/**
 * What this client is to be asked, in the words of its revision; no questions if the server wants only to be called
 * again. Throws `upstream_invalid` for what asks nothing, `not_supported_by_client_revision` for what this revision has no words for.
 * @param visitId gives the id of a page to visit, which in these revisions has one
 * @returns the answer that ends the call, if it asks for what the client did not declare
 */
export function questionsTo(
  client: ClientDescription,
  { answer }: Outcome,
  visitId: () => string,
): ReadonlyMap<string, InputRequestContent> | Answer {
  const asked = new Map<string, InputRequestContent>()
  if (answer.kind === 'error') return asked
  const announced = acrossEras(client, true).value
  const known: ClientDescription = { ...client, capabilities: announced }
  const questions = questionsIn(answer.result)
  if (questions.size > maxQuestions) {
    throw new Refusal('upstream_invalid', { message: `The server asked more than ${maxQuestions} things at once.` })
  }
  for (const [key, question] of questions) {
    const lacking = undeclared(question, announced)
    if (lacking) return lacks(lacking)
    const fitting = questionFor(known, question, visitId())
    if (!fitting) throw new Refusal('not_supported_by_client_revision')
    asked.set(key, fitting)
  }
  if (asked.size === 0 && typeof answer.result.value['requestState'] !== 'string') {
    throw new Refusal('upstream_invalid', { message: 'The server asked for input, but not for which.' })
  }
  return asked
}

/** These revisions have no code for it. [2026-07-28 basic, error codes: -32021] */
function lacks(requiredCapabilities: JsonObject): Answer {
  const message = 'The server asked for something that this client did not declare at initialize.'
  return errorAnswer(-32602, message, { reason: 'missing_capability', requiredCapabilities })
}

/**
 * How a call ends whose client did not give what the server asked for. A tool says it to the model; other requests
 * end with the refusal.
 */
export function endUnanswered(call: Call, refusal: Refusal): Outcome {
  if (call.method !== 'tools/call') throw refusal
  const result = rawObject({ content: [{ type: 'text', text: refusal.message }], isError: true })
  return { answer: { kind: 'result', result }, era: call.client.era, process: undefined }
}

/** A call whose client was asked nothing yet. */
export function beginFlow(id: string, call: Call): Continuation {
  const { id: request, method, params } = call
  return {
    id,
    request,
    method,
    params: params?.text ?? '{}',
    round: 0,
    step: 'calling',
    questions: {},
    answers: {},
  }
}

/** The server has asked: the next round, and the questions under the ids that the client is to see. */
export function askedAgain(
  continuation: Continuation,
  outcome: Outcome,
  questions: ReadonlyMap<string, InputRequestContent>,
): { readonly continuation: Continuation; readonly asked: ReadonlyMap<string, InputRequestContent> } {
  const { requestState: _, process: __, ...rest } = continuation
  const round = questions.size === 0 ? continuation.round : continuation.round + 1
  const asked = new Map<string, InputRequestContent>()
  const open: Record<string, OpenInputRequest> = {}
  for (const [key, question] of questions) {
    // No id is used twice: a late answer to an earlier round then answers nothing.
    const id = `ask-${continuation.id}.${round}.${asked.size + 1}`
    asked.set(id, question)
    open[id] = { key, method: question.method }
  }
  const said = outcome.answer.kind === 'result' ? outcome.answer.result.value['requestState'] : undefined
  const next: Continuation = {
    ...rest,
    round,
    step: asked.size === 0 ? 'calling' : 'asking',
    ...(typeof said === 'string' && { requestState: said }),
    ...(outcome.process !== undefined && { process: outcome.process }),
    questions: open,
    answers: {},
  }
  return { continuation: next, asked }
}

/** Whether an answer is still wanted under that id. */
export function isOpen(continuation: Continuation, id: string): boolean {
  return (
    continuation.step === 'asking' &&
    Object.hasOwn(continuation.questions, id) &&
    !Object.hasOwn(continuation.answers, id)
  )
}

/**
 * The flow with an answer of the client: the same one if nothing is open under that id.
 * @returns undefined if the server cannot be told such an answer, or so much in one round: the call is over
 */
export function answered(continuation: Continuation, id: string, answer: Answer): Continuation | undefined {
  const asked = isOpen(continuation, id) ? continuation.questions[id] : undefined
  if (!asked) return continuation
  const response = inputResponseOf({ method: asked.method, params: undefined }, answer)
  if (!response) return undefined
  let chars = response.text.length
  for (const text of Object.values(continuation.answers)) chars += text.length
  return chars > maxAnswers ? undefined : { ...continuation, answers: { ...continuation.answers, [id]: response.text } }
}

/** Whether the server can be called again. */
export function isComplete(continuation: Continuation): boolean {
  return Object.keys(continuation.questions).every((id) => Object.hasOwn(continuation.answers, id))
}

/** The server is called again. */
export function calledAgain(continuation: Continuation): Continuation {
  return continuation.step === 'calling' ? continuation : { ...continuation, step: 'calling' }
}

/** The params to call the server with again: the client's own, the answers of this round, and the server's state. */
export function paramsAgain(continuation: Continuation): RawObject {
  const responses = Object.entries(continuation.answers).map(([id, text]) => {
    return `${JSON.stringify(continuation.questions[id]?.key ?? id)}:${text}`
  })
  const state = continuation.requestState === undefined ? null : JSON.stringify(continuation.requestState)
  const text = editMembers(continuation.params, {
    inputResponses: responses.length === 0 ? null : `{${responses.join(',')}}`,
    requestState: state,
    task: null,
  })
  return parseObject(text) ?? { value: {}, text: '{}' }
}
