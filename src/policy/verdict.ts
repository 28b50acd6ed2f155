/** Reads what a policy has said: it may come from another program. Pure. */
import { isObject } from '../base/json.ts'
import type { MayBeTold, MayRun, Refused } from './call-policy.ts'
import type { PolicyPhase } from './policy-call-of.ts'

export type Verdict = MayRun & MayBeTold

/** The verdict on a call of a method. Throws a TypeError if it is none; other members than those of a verdict are left out. */
export function verdictOf(said: unknown, method: string, phase: PolicyPhase): Verdict | Refused {
  if (!isObject(said)) throw new TypeError('the policy answered with no object')
  const { decision, reason } = said
  if (decision === 'refuse') {
    if (typeof reason !== 'string') throw new TypeError('the policy refuses without a reason')
    return { decision, reason }
  }
  if (decision !== 'pass') throw new TypeError('the decision of the policy is neither pass nor refuse')
  const member = phase === 'before' ? 'arguments' : 'result'
  const change = said[member]
  if (change === undefined) return { decision }
  if (!isObject(change)) throw new TypeError(`the policy gives ${member} that are no object`)
  if (phase === 'before' && method === 'resources/read') throw new TypeError('a resource is read without arguments')
  return { decision, [member]: change }
}
