/** Progress on its way to a client whose request is not the one that the call began with. */
import type { Notification } from './call.ts'
import { editMembers, type RawObject } from './json-text.ts'

/**
 * The params of a notification for a request with another progress token.
 * @param began the token that the call began with, as JSON text; `now` that of the request
 * @returns `unwanted` for progress that this request did not ask for
 */
export function progressFor(
  { method, params }: Notification,
  began: string | undefined,
  now: string | undefined,
): RawObject | undefined | 'unwanted' {
  if (began === now || method !== 'notifications/progress' || !params) return params
  if (now === undefined) return 'unwanted'
  const progressToken = JSON.parse(now) as string | number
  return { value: { ...params.value, progressToken }, text: editMembers(params.text, { progressToken: now }) }
}
