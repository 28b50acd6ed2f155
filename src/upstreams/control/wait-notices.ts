/** What a client that streams is told while its call waits for its turn. */
import type { Call, Notification } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import type { Place } from './call-line.ts'

/** From when on a client is told, and how often, in milliseconds. */
export const noticeMs = 5000

/**
 * The notification for a call that waits: progress if its client has asked for that, else a log message if it wants those;
 * undefined if it wants neither.
 * @param count the how many-th it is, from 1
 */
export function waitNotice(call: Call, { ahead, expectedMs }: Place, count: number): Notification | undefined {
  const wait = expectedMs === undefined ? '' : `, about ${Math.max(1, Math.ceil(expectedMs / 1000))} s from now`
  const message = `The call waits for its turn: place ${ahead + 1} in line${wait}.`
  const { progressToken } = call
  if (progressToken !== undefined) {
    const token = JSON.parse(progressToken) as string | number
    // It has to rise, and the server begins at 0 at the lowest. [2025-11-25 utilities, progress]
    const params = rawObject({ progressToken: token, progress: -1 / count, message })
    return { kind: 'notification', method: 'notifications/progress', params }
  }
  const params = rawObject({ level: 'info', logger: 'mcplex', data: message })
  return wantsLog(call, params) ? { kind: 'notification', method: 'notifications/message', params } : undefined
}
