/** Progress notifications for a request that continues a call begun by another request. */
import type { Notification } from './call.ts'
import { editMembers, type RawObject } from './json-text.ts'

/**
 * The params of a notification for a request with another progress token.
 * @param began the progress token of the first request, as JSON text
 * @param now the progress token of the current request
 * @returns `unwanted` if the current request did not ask for progress
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
