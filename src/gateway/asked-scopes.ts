/** What the messages of a request ask for, as the rules about scopes see it. */
import type { ScopedRequest, AskedTarget } from '../identity/scope-rules.ts'
import type { Message, RequestMessage } from '../protocol/jsonrpc.ts'
import { isObject, rawObject } from '../protocol/json-text.ts'
import { isOfServer } from '../protocol/methods.ts'
import type { OperationOf } from './charged-operations.ts'
import { maxListenedUris } from './modern/subscriptions-listen.ts'

type RequestOfClient = Pick<RequestMessage, 'method' | 'params'>

/** A request without messages: the stream of a session, or its end. */
const withoutMessages: readonly ScopedRequest[] = [{ method: '' }]

export function askedBy(messages: readonly Message[], operationOf: OperationOf): readonly ScopedRequest[] {
  if (messages.length === 0) return withoutMessages
  return messages.map((message) => {
    if (message.kind === 'request') return askedByRequest(message, operationOf)
    return { method: 'method' in message ? message.method : '' }
  })
}

export function askedByRequest(request: RequestOfClient, operationOf: OperationOf): ScopedRequest {
  const { method } = request
  if (method === 'subscriptions/listen') return { method, target: () => listenedTo(request, operationOf) }
  // Lists and handshakes are for everybody: a client can ask for a scope only if it knows what there is.
  return isOfServer(method) ? { method, target: () => targetOf(request, operationOf) } : { method }
}

function targetOf(request: RequestOfClient, operationOf: OperationOf): AskedTarget {
  const { upstreams, mayBeOther, names } = operationOf(request)
  if (request.method !== 'tools/call') return { upstreams, tools: [] }
  return { upstreams, tools: mayBeOther ? 'any' : names() }
}

/** A client without sessions subscribes to resources in this way; changes of lists are for everybody, as lists are. */
function listenedTo({ params }: RequestOfClient, operationOf: OperationOf): AskedTarget {
  const wanted = params?.value['notifications']
  const uris = isObject(wanted) ? wanted['resourceSubscriptions'] : undefined
  // With more of them, it is refused by its params.
  const few = Array.isArray(uris) && uris.length <= maxListenedUris ? uris : []
  const upstreams = few.flatMap((uri) =>
    typeof uri === 'string' ? operationOf({ method: 'resources/subscribe', params: rawObject({ uri }) }).upstreams : [],
  )
  return { upstreams: [...new Set(upstreams)], tools: [] }
}
