/** What the messages of a request ask for, as the rules about scopes see it. */
import type { Asked, AskedTarget } from '../identity/scope-rules.ts'
import type { Message, RequestMessage } from '../protocol/jsonrpc.ts'
import { isOfServer } from '../protocol/methods.ts'
import type { OperationOf } from './charged-operations.ts'

/** A request without messages: the stream of a session, or its end. */
const withoutMessages: readonly Asked[] = [{ method: '' }]

export function askedBy(messages: readonly Message[], operationOf: OperationOf): readonly Asked[] {
  if (messages.length === 0) return withoutMessages
  return messages.map((message) => {
    if (message.kind !== 'request') return { method: 'method' in message ? message.method : '' }
    const { method } = message
    // Lists and handshakes are for everybody: a client can ask for a scope only if it knows what there is.
    return isOfServer(method) ? { method, target: () => targetOf(message, operationOf) } : { method }
  })
}

function targetOf(request: RequestMessage, operationOf: OperationOf): AskedTarget {
  const { upstreams, mayBeOther, names } = operationOf(request)
  if (request.method !== 'tools/call') return { upstreams, tools: [] }
  return { upstreams, tools: mayBeOther ? 'any' : names() }
}
