/**
 * Answers list requests from the catalogue. The encoded text is kept with the page, so that each list is encoded once.
 */
import type { Outcome, Caller } from '../../protocol/call.ts'
import { type Answer, type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import { encodeLegacyAnswer } from '../../protocol/legacy-server.ts'
import { statusOf, encodeModernAnswer } from '../../protocol/modern-server.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Page } from '../../catalog/pages.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** The whole response, and the HTTP status of the stateless era. */
export interface ListAnswer {
  readonly text: string
  readonly status: number
  /** The page that it shows; undefined for an error of the server. */
  readonly page?: Page
}

/** Answers a list request. Throws `invalid_params` for a cursor that mcplex did not issue. */
export async function answerList(
  caller: Caller,
  request: RequestMessage,
  catalog: Pick<Catalog, 'page' | 'descriptionAtHand'>,
): Promise<ListAnswer> {
  const { id, method } = request
  const { version } = caller.client
  const listed = await catalog.page(caller, method, request.params?.value['cursor'])
  if ('error' in listed) {
    const answer = encoded(caller, method, { answer: listed.error, era: listed.era, worker: undefined }, catalog)
    return { text: responseText(id, answer), status: statusOf(answer) }
  }
  const { page, ttlMs } = listed
  let text = page.encoded.get(version)
  if (text === undefined) {
    const given: Answer = { kind: 'result', result: page.result }
    const outcome: Outcome = { answer: given, era: page.era, worker: undefined }
    const answer = encoded(caller, method, outcome, catalog, page.isForAll)
    text = answer.kind === 'result' ? answer.result.text : '{}'
    page.encoded.keep(version, text)
  }
  // The text is kept for all clients; how long the list is fresh changes with each answer.
  const ttl = caller.session === undefined ? `"ttlMs":${ttlMs},` : ''
  return { text: `{"jsonrpc":"2.0","id":${id},"result":{${ttl}${text.slice(1)}}`, status: 200, page }
}

/** Encodes an outcome for the client's revision. There are few revisions, so the texts kept with a page are bounded. */
function encoded(
  caller: Caller,
  method: string,
  outcome: Outcome,
  catalog: Pick<Catalog, 'descriptionAtHand'>,
  isForAll = false,
): Answer {
  if (caller.session !== undefined) return encodeLegacyAnswer(outcome, method, caller.client.version)
  return encodeModernAnswer(method, outcome, serverInfoOf(catalog.descriptionAtHand(caller)), 'later', isForAll)
}
