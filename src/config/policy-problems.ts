/** Settings `policy` that do nothing without each other. Pure. */
import type { Problem } from './problem.ts'
import { type Provided, spotOf } from './provided.ts'

export function policyProblems(provided: Provided): Problem[] {
  const [url, secret] = [provided.get('policy.url'), provided.get('policy.secret')]
  if (url && secret) return []
  const lone = url ?? secret ?? [...provided].find(([path]) => path.startsWith('policy.'))?.[1]
  if (!lone) return []
  const missing = url ? 'policy.secret' : 'policy.url'
  const how = url ? 'secret: ${POLICY_SECRET}' : 'url: https://policy.example.com/decide'
  return [
    {
      code: 'config_value',
      ...spotOf(lone, 'policy'),
      message: `${lone.quote} does nothing without ${missing}`,
      notes: [['try', how]],
    },
  ]
}
