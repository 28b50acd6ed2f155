/** A call as a line sees it: whose it is, and of which client. */
import { Cancel } from '../../src/base/cancel.ts'
import type { Call } from '../../src/protocol/call.ts'

/** A call of a client without a session, by its tenant and the key of its turns. */
export function waitingCall(tenant: string, fairnessKey: string, more: Partial<Call> = {}): Call {
  return {
    id: '1',
    method: 'tools/call',
    params: undefined,
    client: { era: 'modern', version: '2026-07-28', capabilities: {}, info: undefined },
    principal: { tenant, subject: 'same' },
    session: undefined,
    fairnessKey,
    clientKey: fairnessKey,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
    ...more,
  }
}
