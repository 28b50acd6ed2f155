/** An answer that asks for input instead of giving a result, and what comes back. [2026-07-28 multi round-trip requests] */
import { eachMember, type JsonObject, memberText, type RawObject } from './json-text.ts'

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

/** The texts of the answers that a client gives, by key. */
export function inputResponses(params: RawObject | undefined): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  const all = params && memberText(params.text, 'inputResponses')
  if (all?.startsWith('{') === true) eachMember(all, 0, (key, start, end) => texts.set(key, all.slice(start, end)))
  return texts
}
