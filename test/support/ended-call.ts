/** A call that has ended, for tests of what observes calls. */
import type { CallEnded } from '../../src/base/events.ts'

export const endedCall: CallEnded = {
  requestId: 'r',
  method: 'tools/call',
  tool: 'echo',
  tenant: 't',
  session: undefined,
  client: 'c',
  clientVersion: '1',
  upstream: 'files',
  era: 'stateless',
  upstreamEra: 'stateless',
  status: 'ok',
  durationMs: 150,
  queueMs: 100,
}
