/** What a policy is told of a call. Pure, but for the id. */
import { unguessableId } from '../base/ids.ts'
import { isObject } from '../base/json.ts'
import type { Call } from '../protocol/call.ts'
import type { PolicyCall } from './call-policy.ts'

export type PolicyPhase = 'before' | 'after'

/** The member that names what a call is for, by method: the calls that a policy decides on. */
const targets: ReadonlyMap<string, 'name' | 'uri' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  // The result of a call that was passed on before.
  ['tasks/get', 'taskId'],
  ['tasks/result', 'taskId'],
])

/** Whether a policy is asked about calls of a method. */
export function isPoliced(method: string): boolean {
  return targets.has(method)
}

const maxClientChars = 128

/**
 * The call as a policy sees it, and whether it starts something. Undefined for a call without a proper name, which its server
 * refuses: no policy has to guess what is meant.
 */
export function policyCallOf(call: Call, upstream: string): { call: PolicyCall; isStart: boolean } | undefined {
  const { method, params, principal, client, round = 0 } = call
  const member = targets.get(method)
  const name = member === undefined ? undefined : params?.value[member]
  if (typeof name !== 'string') return undefined
  const given = params?.value['arguments']
  const clientName = client.info?.['name']
  const { tenant, subject, issuer } = principal
  return {
    call: {
      id: unguessableId(),
      method,
      name,
      arguments: isObject(given) ? given : {},
      upstream,
      tenant,
      subject,
      issuer,
      client: typeof clientName === 'string' ? clientName.slice(0, maxClientChars) : undefined,
      round,
    },
    isStart: member !== 'taskId',
  }
}
