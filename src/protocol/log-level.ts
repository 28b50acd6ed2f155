/** Which log messages of a server a client wants. */
import type { Call } from './call.ts'
import type { RawObject } from './json-text.ts'
import { logLevels } from './revisions.ts'

/**
 * Whether a client wants a log message. A stateless client wants those from the level in its request on; a client with a
 * session wants all, because the server already filters by the session's level. [2026-07-28 logging; 2025-11-25 logging]
 */
export function wantsLog(call: Call, params: RawObject | undefined): boolean {
  if (call.logLevel === undefined) return call.session !== undefined
  const level = params?.value['level']
  return typeof level === 'string' && logLevels.indexOf(level) >= logLevels.indexOf(call.logLevel)
}
