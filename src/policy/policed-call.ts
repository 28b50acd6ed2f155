/**
 * A call that a policy decides on. Promises: nothing is sent to the server before the policy has passed the call, the client
 * gets no result that the policy has not passed, and a call on which no decision can be made is refused.
 */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { JsonObject } from '../base/json.ts'
import { Refusal } from '../base/refusal.ts'
import { unlessCancelled } from '../base/unless-cancelled.ts'
import type { Call, Outcome, Reply } from '../protocol/call.ts'
import { editObject, emptyObject, rawObject } from '../protocol/json-text.ts'
import type { CallPolicy, MayBeTold, MayRun, PolicyCall, Refused } from './call-policy.ts'
import { type PolicyPhase, policyCallOf } from './policy-call-of.ts'
import type { PolicyFaults } from './policy-faults.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export interface PolicedCallNeeds {
  readonly policy: CallPolicy
  readonly faults: PolicyFaults
  /** The name of the server that the call is for. */
  readonly upstream: string
  readonly clock: Clock
  readonly events: EventSink
}

/** Of a reason that the client is told. */
const maxReasonChars = 500

/** Runs a call with `run` as its policy allows. Throws `policy_refused` and `policy_unavailable`, and what `run` throws. */
export async function* callWithPolicy(call: Call, needs: PolicedCallNeeds, run: (call: Call) => Reply): Reply {
  const { policy } = needs
  const asked = policyCallOf(call, needs.upstream)
  if (!asked) return yield* run(call)
  const gone = new AbortController()
  const stop = call.cancel.onCancel(() => gone.abort())
  try {
    let changed = call
    if (policy.before && asked.isStart) {
      const before = await decide(call, asked.call, needs, 'before', () => policy.before?.(asked.call, gone.signal))
      changed = withArguments(call, before)
    }
    const outcome = yield* run(changed)
    const result = resultOf(outcome)
    if (!policy.after || !result) return outcome
    const after = await decide(call, asked.call, needs, 'after', () => policy.after?.(asked.call, result, gone.signal))
    return withResult(outcome, after)
  } finally {
    stop()
  }
}

/** The verdict that lets the call go on. Throws the refusal otherwise. */
async function decide(
  call: Call,
  asked: PolicyCall,
  { policy, upstream, faults, clock, events }: PolicedCallNeeds,
  phase: PolicyPhase,
  ask: () => unknown,
): Promise<Verdict> {
  const startedMs = clock.now()
  const report = (result: 'passed' | 'changed' | 'refused' | 'failed'): void =>
    events.emit('policyDecision', { upstream, phase, result, durationMs: clock.now() - startedMs })
  // A client must know whether the call may have had its effects.
  const details = { data: { executed: phase === 'after' } }
  let verdict: Verdict | Refused
  try {
    verdict = verdictOf(await unlessCancelled(call.cancel, (async () => ask())()), asked.method, phase)
  } catch (error) {
    if (call.cancel.cancelled) throw error
    report('failed')
    faults.failed(error, asked, phase)
    if (policy.failClosed === false) return { decision: 'pass' }
    throw new Refusal('policy_unavailable', { ...details, cause: error })
  }
  faults.answered()
  if (verdict.decision === 'refuse') {
    report('refused')
    throw new Refusal('policy_refused', { ...details, message: shownReason(verdict.reason) })
  }
  report(verdict.arguments || verdict.result ? 'changed' : 'passed')
  return verdict
}

/** A reason as one line of text: a detector may quote in it what it has found. */
function shownReason(reason: string): string {
  const line = reason.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line === '' ? 'A policy of the operator does not allow this call.' : line.slice(0, maxReasonChars)
}

function withArguments(call: Call, { arguments: args }: MayRun): Call {
  return args === undefined ? call : { ...call, params: editObject(call.params ?? emptyObject, { arguments: args }) }
}

/** The result that a policy is to see: what the server has answered, unless it asks the user something. */
function resultOf({ answer }: Outcome): JsonObject | undefined {
  if (answer.kind !== 'result' || answer.result.value['resultType'] === 'input_required') return undefined
  return answer.result.value
}

/** A result of the stateless revision says what it is; a policy need not repeat that. [2026-07-28, `resultType`] */
function withResult(outcome: Outcome, { result }: MayBeTold): Outcome {
  if (result === undefined) return outcome
  const before = resultOf(outcome)?.['resultType']
  const value = before === undefined || 'resultType' in result ? result : { ...result, resultType: before }
  return { ...outcome, answer: { kind: 'result', result: rawObject(value) } }
}
