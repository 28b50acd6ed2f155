/** Which log lines of a server a client has asked for. */
import type { Call } from './call.ts'
import type { RawObject } from './json-text.ts'
import { logLevels } from './revisions.ts'

/**
 * Whether a client wants a log line: one without a session only from the level that its request names, one with a
 * session all that its server sends by its level. [2026-07-28 logging; 2025-11-25 logging]
 */
export function wantsLog(call: Call, params: RawObject | undefined): boolean {
  if (call.logLevel === undefined) return call.session !== undefined
  const level = params?.value['level']
  return typeof level === 'string' && logLevels.indexOf(level) >= logLevels.indexOf(call.logLevel)
}
