/**
 * Checks the required params of the methods before a call costs anything: a client's mistake must not reach a server that may
 * not expect it. Only the server knows whether a name or URI exists.
 */
import { Refusal } from '../base/refusal.ts'
import { isObject, type RawObject } from './json-text.ts'

/** A longer name or URI is refused, because servers repeat it in their errors. */
const maxNameChars = 8192

const named = new Set(['tools/call', 'prompts/get'])
const addressed = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe'])

/** Throws `invalid_params` if a required param is missing or of the wrong type. */
export function checkParams(method: string, params: RawObject | undefined): void {
  const value = params?.value
  if (named.has(method)) checkName('name', value?.['name'])
  else if (addressed.has(method)) checkName('uri', value?.['uri'])
  else if (method === 'completion/complete' && !(isObject(value?.['ref']) && isObject(value['argument']))) {
    throw new Refusal('invalid_params', { message: 'The parameters ref and argument must be objects.' })
  }
  const args = value?.['arguments']
  if (args !== undefined && named.has(method) && !isObject(args)) {
    throw new Refusal('invalid_params', { message: 'The parameter arguments must be an object.' })
  }
}

function checkName(member: string, name: unknown): void {
  if (typeof name === 'string' && name.length <= maxNameChars) return
  throw new Refusal('invalid_params', {
    message: `The parameter ${member} must be a string of at most ${maxNameChars} characters.`,
  })
}
