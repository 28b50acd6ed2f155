/** Requests of sessions that need no worker: lists, and requests about state that is kept with the session. */
import { Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { capabilitiesIn } from '../../protocol/server-description.ts'
import { emptyObject, isObject, type RawObject } from '../../protocol/json-text.ts'
import { type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import { summarizeTools } from '../../protocol/listed-tools.ts'
import { logLevels } from '../../protocol/revisions.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import { callerOf, type SessionNotifications } from './notifications.ts'
import { answerList } from '../calls/list-responses.ts'

/** What answers requests without a worker. */
export interface LocalRequestNeeds {
  readonly catalog: Pick<Catalog, 'isList' | 'page' | 'descriptionAtHand' | 'serverDescription'>
  readonly sessions: Pick<Sessions, 'update'>
  readonly sessionNotifications: Pick<SessionNotifications, 'refilter'>
}

/** Requests that are answered without a worker; lists are too. */
const localMethods = new Set(['ping', 'logging/setLevel', 'resources/unsubscribe'])

export function isLocal(
  { method }: RequestMessage,
  { catalog }: { readonly catalog: Pick<Catalog, 'isList'> },
): boolean {
  return localMethods.has(method) || catalog.isList(method)
}

/** The text of the answer to a request that needs no worker. Throws a `Refusal`. */
export async function answerLocally(
  liveSession: LiveSession,
  request: RequestMessage,
  needs: LocalRequestNeeds,
): Promise<string> {
  if (needs.catalog.isList(request.method)) {
    const { text, page } = await answerList(callerOf(liveSession), request, needs.catalog)
    if (page && request.method === 'tools/list')
      liveSession.noteListed(
        (page.listed ??= summarizeTools(page.result)),
        request.params?.value['cursor'] !== undefined,
      )
    return text
  }
  switch (request.method) {
    case 'logging/setLevel':
      await setLevel(liveSession, request.params?.value['level'], needs)
      break
    case 'resources/unsubscribe': {
      const uri = uriOf(request.params)
      await needs.sessions.update(liveSession, (session) =>
        session.uris.includes(uri) ? { ...session, uris: session.uris.filter((known) => known !== uri) } : session,
      )
      await needs.sessionNotifications.refilter(liveSession)
      break
    }
    default: // ping [basic, ping]
  }
  return responseText(request.id, { kind: 'result', result: emptyObject })
}

/** Stores the level in the session; the worker is told with the next call. */
async function setLevel(liveSession: LiveSession, level: unknown, needs: LocalRequestNeeds): Promise<void> {
  if (typeof level !== 'string' || !logLevels.includes(level)) throw new Refusal('invalid_params')
  const capabilities = capabilitiesIn(await needs.catalog.serverDescription(callerOf(liveSession)))
  if (!isObject(capabilities['logging'])) throw new Refusal('method_not_found')
  await needs.sessions.update(liveSession, (session) => ({ ...session, logLevel: level }))
}

/** The URI of a resource. Throws `invalid_params`. */
export function uriOf(params: RawObject | undefined): string {
  const uri = params?.value['uri']
  if (typeof uri !== 'string') throw new Refusal('invalid_params', { message: 'The parameter uri must be a string.' })
  return uri
}
