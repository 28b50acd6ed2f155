/** What operators are shown of the workers of an upstream. */
import type { WorkerSlots } from '../pooling/worker-slots.ts'
import type { WorkerFacts } from '../upstream.ts'
import type { ConnectedInstance } from './connected-instance.ts'

export function workerFacts(slots: WorkerSlots<ConnectedInstance>, nowMs: number): readonly WorkerFacts[] {
  return slots.all.map(({ state, purpose, isReplaced, owner: { group }, instance, worker }) => ({
    worker: instance?.transport.worker,
    state,
    purpose,
    isReplaced,
    pid: instance?.transport.pid,
    memoryBytes: instance?.memoryBytes,
    ageMs: instance ? nowMs - instance.startedMs : 0,
    calls: worker?.callsBegun ?? 0,
    callsInFlight: worker?.callsInFlight ?? 0,
    session: group?.attribution === 'session' ? group.caller.session : undefined,
  }))
}
