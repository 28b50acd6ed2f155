/** Ends a worker with its call where no call of another client may use it. Reasons: docs/decisions/0019. */
import type { Call, Outcome } from '../../protocol/call.ts'
import { requiresUrlElicitation } from '../../protocol/bridge/input-requests.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'

/**
 * Ends the worker if it has to end with this call and has no other one; or keeps it for the client if the client's next
 * call continues there (URL elicitation).
 * @param outcome undefined for a call that was cancelled, or if that is not known
 */
export function endWithCall(group: IsolationGroup, worker: Worker, call: Call, outcome: Outcome | undefined): void {
  const hasToEnd = group.endsAfter === 'every call' || (group.endsAfter !== undefined && !outcome)
  if (!hasToEnd || worker.callsInFlight > 0 || worker.closed) return
  if (outcome && requiresUrlElicitation(outcome.answer, call.client.capabilities)) worker.pinnedTo = call.clientKey
  else void worker.close('client_gone')
}
