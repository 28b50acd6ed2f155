/** The log level of a group, which is set at all its workers before the next call begins. */
import type { Call } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { logLevels } from '../../protocol/revisions.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'

const sendMs = 5000

/** Whether a call needs another log level than its group has. */
export function hasOtherLevel(group: IsolationGroup, call: Call): boolean {
  return levelFor(group, call) !== group.logLevel
}

/**
 * Sets the log level that a call needs at the workers of its group. Never rejects.
 * @param worker that the call begins on, at which it must have a place: another call could take the last one meanwhile
 */
export async function setLogLevel(group: IsolationGroup, call: Call, worker: Worker): Promise<void> {
  group.logLevel = levelFor(group, call)
  // The other workers are sent it now, and so before their next call; they are not waited for.
  for (const other of group.workers) if (other !== worker) void sendLogLevel(group, other)
  await sendLogLevel(group, worker)
}

/** Sends a worker the log level of its group, if there is one. Never rejects. */
export async function sendLogLevel({ codec, logLevel }: IsolationGroup, worker: Worker): Promise<void> {
  if (codec.era !== 'legacy' || logLevel === undefined) return
  await worker.request('logging/setLevel', rawObject({ level: logLevel }), sendMs).catch(() => undefined)
}

/** The level for a group: that of its session, or else the most verbose one that its callers asked for. */
function levelFor({ attribution, logLevel }: IsolationGroup, call: Call): string | undefined {
  if (attribution === 'session') return call.session === undefined ? (call.logLevel ?? logLevel) : call.logLevel
  if (attribution === 'several' || call.logLevel === undefined) return logLevel
  if (logLevel === undefined) return call.logLevel
  return logLevels.indexOf(call.logLevel) < logLevels.indexOf(logLevel) ? call.logLevel : logLevel
}
