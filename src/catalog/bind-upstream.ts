/** An upstream whose tools are called with the arguments that the operator has bound, whatever clients say. */
import { Refusal } from '../base/refusal.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { JsonObject } from '../protocol/json-text.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { bindCall } from './bound-args.ts'
import type { LearntCatalog } from './catalog.ts'

export function bindUpstream(
  upstream: Upstream,
  catalog: Pick<LearntCatalog, 'boundArgsOf'>,
  boundArgs: JsonObject,
): Upstream {
  return {
    start: (discovered) => upstream.start(discovered),
    call: (call) =>
      call.method === 'tools/call' ? callBound(call, upstream, catalog, boundArgs) : upstream.call(call),
    subscribe: (caller, filter, subscriber) => upstream.subscribe(caller, filter, subscriber),
    notify: (caller, method, params) => upstream.notify(caller, method, params),
    endSession: (caller) => upstream.endSession(caller),
    health: () => upstream.health(),
    counts: () => upstream.counts(),
    close: (how) => upstream.close(how),
  }
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
  const declared = await unlessCancelled(call, catalog.boundArgsOf(call, tool))
  return yield* upstream.call({ ...call, params: bindCall(params, boundArgs, declared) })
}

/** Rejects with the refusal `cancelled` when the call is. */
async function unlessCancelled<Value>({ cancel }: Call, value: Promise<Value>): Promise<Value> {
  let stop = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    stop = cancel.onCancel(() => reject(new Refusal('cancelled')))
  })
  try {
    return await Promise.race([value, cancelled])
  } finally {
    stop()
  }
}
