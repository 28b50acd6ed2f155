/**
 * An upstream that is still being started, as a member of a router: its lists and calls wait until the start is over, so
 * that a client that connects at once misses nothing of a server that needs a little longer. The router waits for lists,
 * within its deadline; all else is refused at once, as the upstream itself refuses it.
 */
import { Refusal } from '../base/refusal.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { Member } from '../router/member.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** @param over resolves when the start has succeeded or failed */
export function startingMember({ name, upstream, catalog }: Member, over: Promise<void>): Member {
  return { name, upstream: startingUpstream(upstream, over), catalog, starting: over }
}

function startingUpstream(upstream: Upstream, over: Promise<void>): Upstream {
  return {
    start: (discovered) => upstream.start(discovered),
    call: (call) => callAfter(over, call, upstream),
    subscribe: (caller, filter, subscriber) => upstream.subscribe(caller, filter, subscriber),
    notify: (caller, method, params) => upstream.notify(caller, method, params),
    endSession: (caller) => upstream.endSession(caller),
    health: () => upstream.health(),
    counts: () => upstream.counts(),
    close: (how) => upstream.close(how),
  }
}

async function* callAfter(over: Promise<void>, call: Call, upstream: Upstream): Reply {
  await new Promise<void>((resolve, reject) => {
    const stop = call.cancel.onCancel(() => reject(new Refusal('cancelled')))
    void over.then(() => {
      stop()
      resolve()
    })
  })
  return yield* upstream.call(call)
}
