/** A call of a session from its admission to its end: what it holds, and gives back once. */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { Lease } from '../../base/lease.ts'
import { type MemoryAccount, Portion, reserve } from '../../base/memory-budget.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { idKey, type RequestMessage } from '../../protocol/jsonrpc.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { callBytes } from '../calls/run-call.ts'
import type { Drain } from '../drain.ts'

/** Released when the call is over, or not run after all. */
export interface AdmittedCall extends Lease {
  readonly request: RequestMessage
  readonly cancel: Cancel
  /** Counts what the call keeps. */
  readonly memory: MemoryAccount
}

/**
 * Admits a call: from now on its params count as memory of its session, and it counts among the calls of its session
 * of its tenant, and of the gateway. Throws `tenant_at_capacity`, and `memory_share_exceeded` or `overloaded` if its params
 * cannot be kept.
 */
export function admitCall(
  liveSession: LiveSession,
  request: RequestMessage,
  needs: {
    readonly drain: Pick<Drain, 'enter'>
    readonly tenantUse: { take(tenant: string, what: 'calls'): Lease | undefined }
    readonly clock: Clock
  },
): AdmittedCall {
  const memory = new Portion(liveSession.memory)
  const ofTenant = needs.tenantUse.take(liveSession.session.principal.tenant, 'calls')
  try {
    reserve(memory, callBytes + heldBytesOf(request.params))
  } catch (error) {
    ofTenant?.release()
    throw error
  }
  const cancel = new Cancel()
  const inFlight = liveSession.addCall(idKey(request.id), cancel)
  const leave = needs.drain.enter(cancel)
  const release = (): void => {
    liveSession.liveness.seenAtMs = needs.clock.now()
    memory.close()
    ofTenant?.release()
    liveSession.removeCall(inFlight)
    leave()
  }
  return { request, cancel, memory, release }
}
