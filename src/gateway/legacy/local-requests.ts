/** Requests of sessions that are answered here, without a process of the server: what is kept with the session, and lists. */
import { Refusal } from '../../base/refusal.ts'
import { capabilitiesIn } from '../../catalog/catalog.ts'
import { emptyObject, isObject, type RawObject } from '../../protocol/json-text.ts'
import { type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import { logLevels } from '../../protocol/revisions.ts'
import type { LiveSession } from '../../sessions/sessions.ts'
import type { GatewayServices } from '../services.ts'
import { seatOf } from './notifications.ts'
import { answerList } from '../calls/list-responses.ts'

/** Requests that are answered without a process. */
const localMethods = new Set(['ping', 'logging/setLevel', 'resources/unsubscribe'])

export function isLocal(request: RequestMessage, house: GatewayServices): boolean {
  return localMethods.has(request.method) || house.catalog.isList(request.method)
}

/** The text of the answer to a request that needs no process. Throws a `Refusal`. */
export async function answerLocally(seat: LiveSession, request: RequestMessage, house: GatewayServices): Promise<string> {
  if (house.catalog.isList(request.method)) return (await answerList(seatOf(seat), request, house)).text
  switch (request.method) {
    case 'logging/setLevel':
      await setLevel(seat, request.params?.value['level'], house)
      break
    case 'resources/unsubscribe': {
      const uri = uriOf(request.params)
      await house.sessions.change(seat, { uris: seat.session.uris.filter((known) => known !== uri) })
      await house.listeners.refilter(seat)
      break
    }
    default: // ping [basic, ping]
  }
  return responseText(request.id, { kind: 'result', result: emptyObject })
}

/** The level is kept with the session; its process is told with the next call. */
async function setLevel(seat: LiveSession, level: unknown, house: GatewayServices): Promise<void> {
  if (typeof level !== 'string' || !logLevels.includes(level)) throw new Refusal('invalid_params')
  const capabilities = capabilitiesIn(await house.catalog.serverDescription(seatOf(seat)))
  if (!isObject(capabilities['logging'])) throw new Refusal('method_not_found')
  await house.sessions.change(seat, { logLevel: level })
}

/** The address of a resource. Throws `invalid_params`. */
export function uriOf(params: RawObject | undefined): string {
  const uri = params?.value['uri']
  if (typeof uri !== 'string') throw new Refusal('invalid_params', { message: 'The parameter uri must be a string.' })
  return uri
}
