/** Lists, from the catalogue: the text of the answer is kept with the page, so that a list costs its bytes and no more. */
import type { Outcome, Caller } from '../../protocol/call.ts'
import { type Answer, type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import { encodeLegacyAnswer as wordForSessions } from '../../protocol/legacy-server.ts'
import { statusOf, encodeModernAnswer as wordForRequests } from '../../protocol/modern-server.ts'
import { announcesChanges } from '../../catalog/catalog.ts'
import type { GatewayServices } from '../services.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** The whole response, and the HTTP status of the stateless era. */
export interface ListAnswer {
  readonly text: string
  readonly status: number
}

/** How long a client may keep a list whose changes it can be told of, if the server itself says nothing. */
const announcedMs = 60_000

/** Throws `invalid_params` for a cursor that is not ours. */
export async function answerList(
  caller: Caller,
  request: RequestMessage,
  services: GatewayServices,
): Promise<ListAnswer> {
  const { id, method } = request
  const { version } = caller.client
  const page = await services.catalog.page(caller, method, request.params?.value['cursor'])
  if ('error' in page) {
    const answer = worded(caller, method, { answer: page.error, era: page.era, process: undefined }, services)
    return { text: responseText(id, answer), status: statusOf(answer) }
  }
  let text = page.worded.get(version)
  if (text === undefined) {
    const given: Answer = { kind: 'result', result: page.result }
    const answer = worded(caller, method, { answer: given, era: page.era, process: undefined }, services)
    text = answer.kind === 'result' ? answer.result.text : '{}'
    page.worded.keep(version, text)
  }
  return { text: `{"jsonrpc":"2.0","id":${id},"result":${text}}`, status: 200 }
}

/** In the words of the client's revision; of those there are few, so what is kept of a page is bounded. */
function worded(caller: Caller, method: string, outcome: Outcome, services: GatewayServices): Answer {
  if (caller.session !== undefined) return wordForSessions(outcome, method, caller.client.version)
  const serverDescription = services.catalog.descriptionAtHand(caller)
  return wordForRequests(
    method,
    outcome,
    serverInfoOf(serverDescription),
    announcesChanges(serverDescription, method) ? announcedMs : 0,
  )
}
