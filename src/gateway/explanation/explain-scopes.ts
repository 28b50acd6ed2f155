/** Which scopes a call needs, and whether it has them. Pure. */
import { ScopeRules } from '../../identity/scope-rules.ts'
import { askedByRequest } from '../asked-scopes.ts'
import type { OperationOf } from '../charged-operations.ts'
import { type AskedCall, askedRequest } from './asked-call.ts'
import { type ExplainedSettings, refused } from './explain-reach.ts'
import type { ExplainedStep } from './explanation.ts'

/** No step where nothing asks for credentials, or no rule names the call. */
export function scopeSteps(
  asked: AskedCall,
  operationOf: OperationOf,
  { auth }: Pick<ExplainedSettings, 'auth'>,
): readonly ExplainedStep[] {
  const rules = new ScopeRules(auth.scopes)
  const what = [askedByRequest(askedRequest(asked), operationOf)]
  const needed = rules.lackedBy([], what)
  if (auth.methods.includes('none') || !needed) return []
  const { method, scopes } = asked
  const by = { option: 'auth.scopes' }
  const names = needed.join(' ')
  if (rules.lackedBy(scopes, what))
    return [refused('scopes', `${method} needs ${names}, and not all of it is granted`, 'insufficient_scope', by)]
  const who = scopes === undefined ? ' of a token, and of a key that has scopes' : ''
  return [{ step: 'scopes', passes: true, says: `${method} needs the scopes${who}: ${names}`, by }]
}
