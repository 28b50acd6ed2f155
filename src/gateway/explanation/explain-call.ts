/**
 * What would happen to a call, and why: the same functions decide here as for a request, in the same order. Nothing is
 * taken and nothing is sent. With the settings alone it says what they come to; a gateway that runs adds what it knows.
 */
import { createOperationOf } from '../charged-operations.ts'
import { type AskedCall, askedRequest } from './asked-call.ts'
import { explainName, targetAt } from './explain-name.ts'
import { boundSteps, limitSteps } from './explain-limits.ts'
import type { ExplainNeeds, RunningState } from './explain-needs.ts'
import { explainReach, refused } from './explain-reach.ts'
import { scopeSteps } from './explain-scopes.ts'
import { isAnsweredHere, upstreamSteps } from './explain-upstream.ts'
import type { ExplainedStep, Explanation } from './explanation.ts'

export function explainCall(asked: AskedCall, needs: ExplainNeeds): Explanation {
  const { settings, running, listed } = needs
  const { plan, settingsOf, steps: reached } = explainReach(asked, settings)
  if (!plan) return finished(reached, undefined, running)
  const named = explainName(plan, asked, settingsOf, listed)
  const operationOf = createOperationOf({ targetOf: () => targetAt(plan, asked, listed) }, () => settings)
  const isSeen = named.steps.every(({ passes }) => passes)
  const atUpstream =
    isSeen && named.member !== undefined ? upstreamSteps(named.member, named.own, asked, settingsOf, needs) : []
  const here = 'it is answered from what mcplex knows of the servers: no worker is needed'
  const lastSteps = isAnsweredHere(asked.method) ? [{ step: 'workers', passes: true, says: here } as const] : atUpstream
  const steps = [
    ...reached,
    ...scopeSteps(asked, operationOf, settings),
    ...loadSteps(running),
    ...limitSteps(asked, operationOf(askedRequest(asked)), settingsOf, needs),
    ...boundSteps(settingsOf, needs),
    ...named.steps,
    ...lastSteps,
  ]
  return finished(steps, isAnsweredHere(asked.method) ? undefined : named.member, running)
}

function finished(
  steps: readonly ExplainedStep[],
  upstream: string | undefined,
  running: RunningState | undefined,
): Explanation {
  const refusal = steps.find(({ passes }) => !passes)?.refusal
  const runs = steps.every(({ passes }) => passes)
  const waits = runs && upstream !== undefined && running?.upstream(upstream)?.control.access === 'paused'
  return { runs, waits, refusal, upstream, steps }
}

function loadSteps(running: RunningState | undefined): readonly ExplainedStep[] {
  if (running?.isDraining === true) return [refused('load', 'this mcplex drains, and takes no new work', 'draining')]
  if (running?.refusesWork === true)
    return [refused('load', 'this mcplex is overloaded, and takes no new work', 'overloaded')]
  return []
}
