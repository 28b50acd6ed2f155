/** What the end of a call says about its server. */
import { asRefusal, type RefusalCode } from '../../base/refusal.ts'
import type { BreakerResult } from './circuit-breaker.ts'
import type { CallEnd } from './controlled-reply.ts'

/**
 * For the breaker: whatever the server answers, it has answered, and a refusal for a rate is an answer. A call that its
 * client has left says nothing.
 */
export function breakerResultOf({ outcome, error }: CallEnd, isSlow: boolean): BreakerResult {
  const code = asRefusal(error)?.code
  const isLeft = outcome === undefined && (error === undefined || code === 'cancelled')
  if (isSlow && !isLeft) return 'bad'
  if (outcome) return 'good'
  return code !== undefined && faultsOfServer.includes(code) ? 'bad' : 'neither'
}

const faultsOfServer: readonly RefusalCode[] = [
  'upstream_closed',
  'upstream_timeout',
  'upstream_unavailable',
  'upstream_invalid',
  'worker_memory',
]

/** Whether the time of a call says how long calls take. One that was cancelled, or did not run, says nothing. */
export function isMeasured({ outcome }: CallEnd): boolean {
  return outcome !== undefined
}
