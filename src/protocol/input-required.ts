/** An answer that asks for input instead of giving a result, and what comes back. [2026-07-28 multi round-trip requests] */
import { type JsonObject, memberText, type RawObject } from './json-text.ts'

/** Methods that may ask the client for input and go on in another request. */
const multiRound = new Set(['tools/call', 'prompts/get', 'resources/read'])

export function mayTakeRounds(method: string): boolean {
  return multiRound.has(method)
}

/**
 * The result that asks: questions by key, and the state that the client is to send back with the answers.
 * @param inputRequests as of `inputRequestsOf`
 */
export function inputRequired(inputRequests: RawObject, requestState: string): RawObject {
  return {
    value: { resultType: 'input_required', inputRequests: inputRequests.value, requestState },
    text: `{"resultType":"input_required","inputRequests":${inputRequests.text},"requestState":${JSON.stringify(requestState)}}`,
  }
}

/** Whether a result asks for input, with a state that is to come back. */
export function stateOf(result: JsonObject): string | undefined {
  const { resultType, requestState } = result
  return resultType === 'input_required' && typeof requestState === 'string' ? requestState : undefined
}

/** The text of the answer that a client gives under a key; undefined if it gives none. */
export function inputResponse(params: RawObject | undefined, key: string): string | undefined {
  const all = params && memberText(params.text, 'inputResponses')
  return all?.startsWith('{') === true ? memberText(all, key) : undefined
}
