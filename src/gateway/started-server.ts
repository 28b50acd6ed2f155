/** What a start of several servers has found out, for the clients of an endpoint. Pure. */
import { isObject } from '../protocol/json-text.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { StartedServer } from './wait-for-start.ts'

/** What is known of the upstreams behind an endpoint. One that has not started yet counts as session-based. */
export function startedServer(members: readonly ServedUpstream[]): StartedServer {
  return {
    refusesStateless: members.some(({ facts }) => facts === undefined || facts.sharing.stateless === 'refuse'),
    extensions: members.some(({ facts }) =>
      facts?.serverEras.some((one) => isObject(capabilitiesIn(one.serverDescription)['extensions'])),
    ),
  }
}
