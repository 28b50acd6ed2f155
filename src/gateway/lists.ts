/** Lists, from the catalogue: the text of the answer is kept with the page, so that a list costs its bytes and no more. */
import type { Outcome, Seat } from '../protocol/call.ts'
import { type RequestMessage, responseText } from '../protocol/jsonrpc.ts'
import { wordAnswer as wordForSessions } from '../protocol/legacy-server.ts'
import { statusOf, wordAnswer as wordForRequests } from '../protocol/modern-server.ts'
import type { House } from './house.ts'
import { serverInfoOf } from './server-info.ts'

/** The whole response, and the HTTP status of the stateless era. */
export interface ListAnswer {
  readonly text: string
  readonly status: number
}

/** Throws `invalid_params` for a cursor that is not ours. */
export async function answerList(seat: Seat, request: RequestMessage, house: House): Promise<ListAnswer> {
  const page = await house.catalog.page(seat, request.method, request.params?.value['cursor'])
  if ('error' in page) return { text: responseText(request.id, page.error), status: statusOf(page.error) }
  const { era } = seat.speaker
  let text = page.worded.get(era)
  if (text === undefined) {
    const outcome: Outcome = {
      answer: { kind: 'result', result: page.result },
      spoken: page.spoken,
      process: undefined,
    }
    const answer =
      seat.session === undefined
        ? wordForRequests(request.method, outcome, serverInfoOf(await house.catalog.hello(seat)))
        : wordForSessions(outcome)
    text = answer.kind === 'result' ? answer.result.text : '{}'
    page.worded.set(era, text)
  }
  return { text: `{"jsonrpc":"2.0","id":${request.id},"result":${text}}`, status: 200 }
}
