/** What the end of a call says about its server. */
import { asRefusal, type RefusalCode } from '../../base/refusal.ts'
import type { BreakerResult } from './circuit-breaker.ts'
import type { CallEnd } from './controlled-reply.ts'

/**
 * For the breaker: whatever the server answers, it has answered, and a refusal for a rate is an answer. A call that its
 * client has left says nothing, nor does one that had to wait for too long, or that was refused without a start because
 * earlier starts have failed: a server that is well again would count as broken by it.
 * @param isSlow whether the server took too long for the outcome
 */
export function breakerResultOf({ outcome, error }: CallEnd, isSlow: boolean): BreakerResult {
  if (outcome) return isSlow ? 'bad' : 'good'
  return isOneOf(error, faultsOfRun) || hasFailedStart(error) ? 'bad' : 'neither'
}

/** Whether a worker did not start, or is there and silent: a refusal without that has no cause. */
function hasFailedStart(error: unknown): boolean {
  return isOneOf(error, ['upstream_unavailable']) && asRefusal(error)?.details.cause !== undefined
}

/** Whether the error of a call leaves it open that the server has run it, or the call was cancelled. */
export function mayHaveRun({ error }: CallEnd): boolean {
  return isOneOf(error, faultsOfRun) || isOneOf(error, ['cancelled', 'result_too_large'])
}

function isOneOf(error: unknown, codes: readonly RefusalCode[]): boolean {
  const code = asRefusal(error)?.code
  return code !== undefined && codes.includes(code)
}

/** How a server fails that was sent the call. */
const faultsOfRun: readonly RefusalCode[] = ['upstream_closed', 'upstream_timeout', 'upstream_invalid', 'worker_memory']

/** Whether the time of a call says how long calls take. One that was cancelled, or did not run, says nothing. */
export function isMeasured({ outcome, error }: CallEnd): boolean {
  return outcome !== undefined || isOneOf(error, ['upstream_timeout'])
}
