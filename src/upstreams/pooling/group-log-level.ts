/** The log level of a unit's processes, which all of them are told before the next call on one of them begins. */
import type { Call } from '../../protocol/call.ts'
import { logLevels } from '../../protocol/revisions.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { restoreState } from '../connection/connector.ts'
import type { IsolationGroup } from './isolation-group.ts'

const replayMs = 5000

/** Whether a call asks for another level than the processes of its unit have. */
export function hasOtherLevel(group: IsolationGroup, call: Call): boolean {
  return levelFor(group, call) !== group.logLevel
}

/** Tells the processes of a unit the level that a call asks for. Never rejects. */
export async function setLogLevel(group: IsolationGroup, call: Call, connection: UpstreamConnection): Promise<void> {
  group.logLevel = levelFor(group, call)
  // Meanwhile the process is this call's: another one might be the one that it has room for.
  connection.reserve()
  // The others hear of it before their next call, whenever they come to read it.
  for (const other of group.connections) if (other !== connection) void restoreState(group, other, replayMs)
  await restoreState(group, connection, replayMs)
  connection.unreserve()
}

/** The log level that a unit's processes are to have: its session's, or what the most curious of its callers asked for. */
function levelFor({ attribution, logLevel }: IsolationGroup, call: Call): string | undefined {
  if (attribution === 'own') return call.session === undefined ? (call.logLevel ?? logLevel) : call.logLevel
  if (attribution === 'none' || call.logLevel === undefined) return logLevel
  if (logLevel === undefined) return call.logLevel
  return logLevels.indexOf(call.logLevel) < logLevels.indexOf(logLevel) ? call.logLevel : logLevel
}
