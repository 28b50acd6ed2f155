/** What a request asks for, as the limits of tenants count it: each JSON-RPC request but a ping is one operation. */
import { type Names, plainNames, prefixedNames } from '../router/names.ts'
import type { NamedByRequest } from '../router/target.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'
import { knownMethod, unknownName } from '../protocol/methods.ts'
import type { Operation } from '../tenants/rate-limits.ts'
import type { EndpointPlanSettings } from './endpoint-plans.ts'
import type { GatedRequest } from './gated-request.ts'

/** Finds what an operation names, at one endpoint. */
export type OperationOf = (request: Pick<RequestMessage, 'method' | 'params'>) => Operation

/** What is behind an endpoint: it finds the upstream and the tool or prompt that a request names. */
interface NamesTargets {
  targetOf(request: Pick<RequestMessage, 'method' | 'params'>): NamedByRequest
}

type NamingSettingsInForce = Pick<EndpointPlanSettings, 'upstreams' | 'aliases'>

/** @param inForce the settings, which a reload replaces */
export function createOperationOf(behind: NamesTargets, inForce: () => NamingSettingsInForce): OperationOf {
  let settings: NamingSettingsInForce | undefined
  let [upstreams, names]: [readonly string[], Names] = [[], plainNames('')]
  return (request) => {
    if (settings !== inForce()) {
      settings = inForce()
      upstreams = Object.keys(settings.upstreams)
      const [only = ''] = upstreams
      const { aliases } = settings
      names = upstreams.length === 1 ? plainNames(only, aliases) : prefixedNames(upstreams, aliases)
    }
    const { member, own, mayBeOther = false, ...named } = behind.targetOf(request)
    // Of which upstream a bare name or URI is, that an App calls or reads, only lists can say, and which one has a method of
    // an extension only they themselves: such an operation counts for each of them.
    const mayBeOfAny = own !== undefined || named.mayBeOfAny === true || knownMethod(request.method) === unknownName
    const of = member === undefined ? (mayBeOfAny ? upstreams : []) : [member]
    return {
      method: request.method,
      upstreams: of,
      own,
      mayBeOther,
      names: () => (own === undefined ? [] : of.flatMap((one) => names.all(one, own))),
    }
  }
}

/** The requests of clients in a message or batch. Over HTTP+SSE, each message is counted on its own. */
export function operationsIn(request: GatedRequest, operationOf: OperationOf): readonly Operation[] {
  if (request.kind === 'sse_messages') return []
  return request.messages.flatMap((message) =>
    message.kind === 'request' && message.method !== 'ping' ? [operationOf(message)] : [],
  )
}
