/**
 * An upstream that is still being started, as a member of a router: its lists and calls wait until the start is over, so
 * that a client that connects at once misses nothing of a server that needs a little longer. The router waits for lists,
 * within one deadline for all of them; all else is refused at once, as the upstream itself refuses it.
 */
import { unlessCancelled } from '../base/unless-cancelled.ts'
import type { Call, Reply } from '../protocol/call.ts'
import { type Member, MemberStart } from '../router/member.ts'
import { type Upstream, withCall } from '../upstreams/upstream.ts'

/** @param over resolves when the start has succeeded or failed */
export function startingMember({ name, upstream, catalog }: Member, over: Promise<void>): Member {
  const starting = new MemberStart(over)
  return { name, upstream: withCall(upstream, (call) => callAfter(over, call, upstream)), catalog, starting }
}

async function* callAfter(over: Promise<void>, call: Call, upstream: Upstream): Reply {
  await unlessCancelled(call.cancel, over)
  return yield* upstream.call(call)
}
