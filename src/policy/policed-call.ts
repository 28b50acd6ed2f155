/**
 * A call that a policy decides on. Promises: nothing is sent to the server before the policy has passed the call, the client
 * gets no result that the policy has not passed, and a call on which no decision can be made is refused.
 */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import { Refusal } from '../base/refusal.ts'
import { unlessCancelled } from '../base/unless-cancelled.ts'
import { needsInput } from '../protocol/bridge/continuation.ts'
import type { Call, Outcome, Reply } from '../protocol/call.ts'
import { editObject, emptyObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import type { CallPolicy, MayBeTold, MayRun, PolicyCall } from './call-policy.ts'
import { deepFreeze } from './deep-freeze.ts'
import { NoDecision } from './no-decision.ts'
import { beginning, type PolicyPhase, policyCallOf } from './policy-call-of.ts'
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

/**
 * Runs a call with `run` as its policy allows. Throws `policy_refused`, `policy_unavailable` and `invalid_params`, and what `run`
 * throws.
 */
export async function* callWithPolicy(call: Call, needs: PolicedCallNeeds, run: (call: Call) => Reply): Reply {
  const { policy } = needs
  const asked = policyCallOf(call, needs.upstream)
  const gone = new AbortController()
  const stop = call.cancel.onCancel(() => gone.abort())
  try {
    let changed = call
    if (policy.before && asked.isStart) {
      const ask = (): unknown => policy.before?.(asked.call, gone.signal)
      changed = await decide(call, asked.call, needs, { phase: 'before', about: call.params, ask }, (verdict) =>
        withArguments(call, verdict),
      )
    }
    const outcome = yield* run(changed)
    const result = resultOf(call, outcome)
    if (!policy.after || !result) return outcome
    const ask = (): unknown => policy.after?.(asked.call, deepFreeze(result.value), gone.signal)
    return await decide(call, asked.call, needs, { phase: 'after', about: result, ask }, (verdict) =>
      withResult(outcome, result, verdict),
    )
  } finally {
    stop()
  }
}

interface Question {
  readonly phase: PolicyPhase
  readonly about: RawObject | undefined
  readonly ask: () => unknown
}

/** What the verdict makes of the call. Throws the refusal if it may not go on. */
async function decide<Made>(
  call: Call,
  asked: PolicyCall,
  { policy, upstream, faults, clock, events }: PolicedCallNeeds,
  { phase, about, ask }: Question,
  make: (verdict: Verdict) => Made,
): Promise<Made> {
  const startedMs = clock.now()
  const report = (result: 'passed' | 'changed' | 'refused' | 'failed'): void =>
    events.emit('policyDecision', { upstream, phase, result, durationMs: clock.now() - startedMs })
  // A client must know whether the call may have had its effects.
  const isLaterRound = call.worker !== undefined || (call.round ?? 0) > 0
  const details = { data: { executed: phase === 'after' ? true : isLaterRound ? 'unknown' : false } }
  let reason: string
  try {
    if ((about?.text.length ?? 0) > (policy.maxChars ?? Infinity))
      throw new NoDecision(`more than ${policy.maxChars ?? 0} characters`, { isTooLarge: true })
    const verdict = verdictOf(await unlessCancelled(call.cancel, (async () => ask())()), asked.method, phase)
    faults.answered()
    if (verdict.decision === 'pass') {
      const made = make(verdict)
      report(verdict.arguments || verdict.result ? 'changed' : 'passed')
      return made
    }
    reason = verdict.reason
  } catch (error) {
    if (call.cancel.cancelled) throw new Refusal('cancelled', { cause: error })
    report('failed')
    faults.failed(error, asked, phase)
    if (policy.failClosed === false) return make({ decision: 'pass' })
    throw new Refusal('policy_unavailable', { ...details, cause: error })
  }
  report('refused')
  throw new Refusal('policy_refused', { ...details, message: shownReason(reason) })
}

/** A reason as one line of text: a detector may quote in it what it has found. */
function shownReason(reason: string): string {
  const line = reason.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line === '' ? 'A policy of the operator does not allow this call.' : beginning(line, maxReasonChars)
}

function withArguments(call: Call, { arguments: args }: MayRun): Call {
  return args === undefined ? call : { ...call, params: editObject(call.params ?? emptyObject, { arguments: args }) }
}

/** What a result has that a client could be told: without any of it, it says only that a task has begun, or goes on. */
const told = ['content', 'structuredContent', 'messages', 'contents', 'result']

/** The result that a policy is to see; undefined for a question to the user, and for news of a task. */
function resultOf(call: Call, outcome: Outcome): RawObject | undefined {
  const { answer } = outcome
  if (answer.kind !== 'result' || needsInput(call, outcome)) return undefined
  const { value } = answer.result
  const isNews = call.method === 'tasks/get' || value['resultType'] === 'task' || value['task'] !== undefined
  return isNews && told.every((member) => value[member] === undefined) ? undefined : answer.result
}

/** A result of the stateless revision says what it is; a policy need not repeat that. [2026-07-28, `resultType`] */
function withResult(outcome: Outcome, { value: before }: RawObject, { result }: MayBeTold): Outcome {
  if (result === undefined) return outcome
  const resultType = before['resultType'] === undefined ? undefined : 'complete'
  const value = resultType === undefined || 'resultType' in result ? result : { ...result, resultType }
  return { ...outcome, answer: { kind: 'result', result: rawObject(value) } }
}
