/** Results that request input, and the responses in the next request. [2026-07-28 multi round-trip requests] */
import { eachMember, type JsonObject, memberText, type RawObject } from './json-text.ts'

/** Methods whose results may request input and that continue in another request. */
const multiRound = new Set(['tools/call', 'prompts/get', 'resources/read'])

export function mayTakeRounds(method: string): boolean {
  return multiRound.has(method)
}

/**
 * A result that requests input: input requests by key, and the state that the client must send back with the answers.
 * @param inputRequests as made by `inputRequestsOf`
 */
export function inputRequired(inputRequests: RawObject, requestState: string): RawObject {
  return {
    value: { resultType: 'input_required', inputRequests: inputRequests.value, requestState },
    text: `{"resultType":"input_required","inputRequests":${inputRequests.text},"requestState":${JSON.stringify(requestState)}}`,
  }
}

/** The request state of a result that requests input; undefined for any other result. */
export function stateOf(result: JsonObject): string | undefined {
  const { resultType, requestState } = result
  return resultType === 'input_required' && typeof requestState === 'string' ? requestState : undefined
}

/** The client's input responses as JSON texts, by key. */
export function inputResponses(params: RawObject | undefined): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  const all = params && memberText(params.text, 'inputResponses')
  if (all?.startsWith('{') === true) eachMember(all, 0, (key, start, end) => texts.set(key, all.slice(start, end)))
  return texts
}
