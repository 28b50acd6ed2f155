import { expect, test } from 'vitest'
import type { IsolationModes } from '../../upstreams/pooling/isolation-modes.ts'
import type { ControlState } from '../../upstreams/control/operations.ts'
import type { AskedCall } from './asked-call.ts'
import type { RunningUpstream } from './explain-needs.ts'
import { upstreamSteps } from './explain-upstream.ts'
import type { ExplainedStep } from './explanation.ts'

const asked: AskedCall = {
  tenant: 'default',
  subject: undefined,
  issuer: undefined,
  scopes: undefined,
  endpoint: '',
  method: 'tools/call',
  names: { tool: 'echo' },
}
const open: ControlState = {
  access: 'open',
  accessSinceMs: 0,
  resumesInMs: undefined,
  breaker: { state: 'closed', isForced: false, retryInMs: undefined },
  concurrency: undefined,
  waiting: 0,
  oldestWaitMs: 0,
}
const started: RunningUpstream = {
  standing: 'started',
  control: open,
  sharing: { sessions: 'tenant', stateless: 'tenant' },
  isHeldBack: () => false,
}

function stepsWith(upstream: Partial<RunningUpstream>): readonly ExplainedStep[] {
  const running = { upstream: () => ({ ...started, ...upstream }) }
  return upstreamSteps('one', 'echo', asked, undefined, { settings: { upstreams: {}, tenants: {} }, running })
}

test.each<[IsolationModes, string]>([
  [{ sessions: 'session', stateless: 'refuse' }, 'the mode is session; clients without sessions are refused'],
  [{ sessions: 'session', stateless: 'call' }, 'the mode is session; for clients without sessions it is call'],
  [{ sessions: 'tenant', stateless: 'tenant' }, 'the mode is tenant'],
])('who shares workers is told in words: %j', (sharing, says) => {
  expect(stepsWith({ sharing }).find(({ step }) => step === 'workers')?.says).toBe(says)
})

test.each<[RunningUpstream['standing'], ControlState['access'], string | undefined]>([
  ['starting', 'open', undefined],
  ['starting', 'paused', undefined],
  ['starting', 'disabled', 'upstream_disabled'],
  ['unopened', 'disabled', 'upstream_disabled'],
  ['failed', 'disabled', 'upstream_unavailable'],
  ['started', 'disabled', 'upstream_disabled'],
])('a call at a server that is %s and %s is refused with %s', (standing, access, refusal) => {
  const step = stepsWith({ standing, control: { ...open, access } }).find((one) => one.step === 'control')
  expect([step?.refusal, step?.passes]).toEqual([refusal, refusal === undefined])
})
