/** What a policy is told of a call. Pure, but for the id. */
import { unguessableId } from '../base/ids.ts'
import { isObject } from '../base/json.ts'
import { Refusal } from '../base/refusal.ts'
import type { Call } from '../protocol/call.ts'
import type { PolicyCall } from './call-policy.ts'
import { deepFreeze } from './deep-freeze.ts'
import { readTwice } from './read-twice.ts'

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
 * The call as a policy sees it, and whether it starts something. Throws `invalid_params` for a call of which it is not certain
 * what its server will take it for.
 */
export function policyCallOf(call: Call, upstream: string): { call: PolicyCall; isStart: boolean } {
  const { method, params, principal, client, round = 0 } = call
  const member = targets.get(method) ?? 'name'
  const name = params?.value[member]
  if (!params || typeof name !== 'string')
    throw new Refusal('invalid_params', { message: `params.${member} is a string.` })
  const fault = readTwice(params)
  if (fault !== undefined) throw new Refusal('invalid_params', { message: `The call is not clear: ${fault}.` })
  const given = params.value['arguments']
  const clientName = client.info?.['name']
  const { tenant, subject, issuer } = principal
  return {
    call: {
      id: unguessableId(),
      method,
      name,
      arguments: isObject(given) ? deepFreeze(given) : {},
      upstream,
      tenant,
      subject,
      issuer,
      client: typeof clientName === 'string' ? beginning(clientName, maxClientChars) : undefined,
      round,
    },
    isStart: member !== 'taskId',
  }
}

/** So many characters of a text, without the half of one at the end. */
export function beginning(text: string, chars: number): string {
  return text.slice(0, chars).replace(/[\ud800-\udbff]$/, '')
}
