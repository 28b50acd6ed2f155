import { expect, test } from 'vitest'
import type { IsolationModes } from '../../upstreams/pooling/isolation-modes.ts'
import type { ExplainNeeds } from './explain-needs.ts'
import { upstreamSteps } from './explain-upstream.ts'

test.each<[IsolationModes, string]>([
  [{ sessions: 'session', stateless: 'refuse' }, 'the mode is session; clients without sessions are refused'],
  [{ sessions: 'session', stateless: 'call' }, 'the mode is session; for clients without sessions it is call'],
  [{ sessions: 'tenant', stateless: 'tenant' }, 'the mode is tenant'],
])('who shares workers is told in words: %j', (sharing, says) => {
  const upstream = {
    standing: 'started',
    control: { access: 'open', breaker: { state: 'closed' } },
    sharing,
    isHeldBack: () => false,
  }
  const needs = {
    settings: { upstreams: { one: {} }, tenants: {} },
    running: { upstream: () => upstream },
  } as unknown as ExplainNeeds
  const asked = { method: 'tools/call' } as Parameters<typeof upstreamSteps>[2]
  const steps = upstreamSteps('one', 'echo', asked, undefined, needs)
  expect(steps.find(({ step }) => step === 'workers')?.says).toBe(says)
})
