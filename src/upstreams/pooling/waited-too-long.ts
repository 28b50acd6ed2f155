/** The refusal of a call that has waited too long for a worker, in words that say why. */
import { Refusal, type RefusalDetails } from '../../base/refusal.ts'
import type { Worker } from '../worker.ts'

const otherClient =
  'Only one process of the MCP server can run, and it works for another client. The call was not sent to it. Try again later; the operator can let clients share the process with --mode shared, if they may share its state.'

/**
 * @param workers those of its isolation group
 * @param isOnlyOne whether only one worker of the server can run
 * @param again when to try again
 */
export function waitedTooLong(
  workers: ReadonlySet<Worker>,
  isOnlyOne: boolean,
  again: Pick<RefusalDetails, 'retryAfterMs'>,
): Refusal {
  const areSilent = workers.size > 0 && [...workers].every(({ state }) => state === 'unresponsive')
  if (isOnlyOne && workers.size === 0) return new Refusal('upstream_unavailable', { message: otherClient })
  if (!areSilent) return new Refusal('overloaded', again)
  const message =
    'The process of the MCP server works on other calls and does not respond. The call was not sent to it.'
  return new Refusal('upstream_unavailable', { message, cause: new Error('no worker answers a ping') })
}
