/**
 * Answers list requests from the catalogue. The encoded text is kept with the page, so that each list is encoded once.
 */
import type { Outcome, Caller } from '../../protocol/call.ts'
import { type Answer, type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import { encodeLegacyAnswer } from '../../protocol/legacy-server.ts'
import { statusOf, encodeModernAnswer } from '../../protocol/modern-server.ts'
import { announcesChanges, type Catalog } from '../../catalog/catalog.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** The whole response, and the HTTP status of the stateless era. */
export interface ListAnswer {
  readonly text: string
  readonly status: number
}

/** How long a client may cache a list if the server announces its changes and states no time of its own. */
const announcedMs = 60_000

/** Answers a list request. Throws `invalid_params` for a cursor that mcplex did not issue. */
export async function answerList(
  caller: Caller,
  request: RequestMessage,
  catalog: Pick<Catalog, 'page' | 'descriptionAtHand'>,
): Promise<ListAnswer> {
  const { id, method } = request
  const { version } = caller.client
  const page = await catalog.page(caller, method, request.params?.value['cursor'])
  if ('error' in page) {
    const answer = encoded(caller, method, { answer: page.error, era: page.era, worker: undefined }, catalog)
    return { text: responseText(id, answer), status: statusOf(answer) }
  }
  let text = page.encoded.get(version)
  if (text === undefined) {
    const given: Answer = { kind: 'result', result: page.result }
    const answer = encoded(caller, method, { answer: given, era: page.era, worker: undefined }, catalog)
    text = answer.kind === 'result' ? answer.result.text : '{}'
    page.encoded.keep(version, text)
  }
  return { text: `{"jsonrpc":"2.0","id":${id},"result":${text}}`, status: 200 }
}

/** Encodes an outcome for the client's revision. There are few revisions, so the texts kept with a page are bounded. */
function encoded(
  caller: Caller,
  method: string,
  outcome: Outcome,
  catalog: Pick<Catalog, 'descriptionAtHand'>,
): Answer {
  if (caller.session !== undefined) return encodeLegacyAnswer(outcome, method, caller.client.version)
  const serverDescription = catalog.descriptionAtHand(caller)
  return encodeModernAnswer(
    method,
    outcome,
    serverInfoOf(serverDescription),
    announcesChanges(serverDescription, method) ? announcedMs : 0,
  )
}
