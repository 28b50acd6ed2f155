/** Reads what a policy has said: it may come from another program. Pure. */
import { isObject, type JsonObject } from '../base/json.ts'
import type { MayBeTold, MayRun, Refused } from './call-policy.ts'
import { NoDecision } from './no-decision.ts'
import type { PolicyPhase } from './policy-call-of.ts'

export type Verdict = MayRun & MayBeTold

/** The list that a result of a method has at least. */
const content: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'content'],
  ['prompts/get', 'messages'],
  ['resources/read', 'contents'],
])

/** The verdict on a call of a method. Throws a `NoDecision` if it is none; other members than those of a verdict are left out. */
export function verdictOf(said: unknown, method: string, phase: PolicyPhase): Verdict | Refused {
  if (!isObject(said)) throw new NoDecision('the policy answered with no object')
  const { decision, reason } = said
  if (decision === 'refuse') {
    if (typeof reason !== 'string') throw new NoDecision('the policy refuses without a reason')
    return { decision, reason }
  }
  if (decision !== 'pass') throw new NoDecision('the decision of the policy is neither pass nor refuse')
  const member = phase === 'before' ? 'arguments' : 'result'
  const change = said[member]
  if (change === undefined) return { decision }
  if (!isObject(change)) throw new NoDecision(`the policy gives ${member} that are no object`)
  if (phase === 'before' && method === 'resources/read') throw new NoDecision('a resource is read without arguments')
  if (phase === 'after') checkResult(change, method)
  return { decision, [member]: change }
}

function checkResult(result: JsonObject, method: string): void {
  const list = content.get(method)
  if (list !== undefined && !Array.isArray(result[list]))
    throw new NoDecision(`the policy gives a result without ${list}`)
}
