/** An upstream whose tools are called with the arguments that the operator has bound, whatever clients say. */
import { unlessCancelled } from '../base/unless-cancelled.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { JsonObject } from '../protocol/json-text.ts'
import { type Upstream, withCall } from '../upstreams/upstream.ts'
import { bindCall } from './bound-args.ts'
import type { LearntCatalog } from './catalog.ts'

export function bindUpstream(
  upstream: Upstream,
  catalog: Pick<LearntCatalog, 'boundArgsOf'>,
  boundArgs: JsonObject,
): Upstream {
  return withCall(upstream, (call) =>
    call.method === 'tools/call' ? callBound(call, upstream, catalog, boundArgs) : upstream.call(call),
  )
}

/** Without a list of tools, a call is refused as the list is: nothing runs without what the operator wants. */
async function* callBound(
  call: Call,
  upstream: Upstream,
  catalog: Pick<LearntCatalog, 'boundArgsOf'>,
  boundArgs: JsonObject,
): Reply {
  const { params } = call
  const tool = params?.value['name']
  if (!params || typeof tool !== 'string') return yield* upstream.call(call)
  const declared = await unlessCancelled(call.cancel, catalog.boundArgsOf(call, tool))
  return yield* upstream.call({ ...call, params: bindCall(params, boundArgs, declared) })
}
