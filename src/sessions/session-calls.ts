/** The calls of a session that are in flight here. */
import type { Cancel } from '../base/cancel.ts'
import type { LiveSession } from './sessions.ts'

/** Notes a call as in flight, so that it can be cancelled by its id; returns how to forget it. */
export function trackCall(liveSession: LiveSession, id: string, cancel: Cancel): () => void {
  const call = { id, cancel }
  liveSession.calls.push(call)
  liveSession.callsTotal++
  return () => {
    const at = liveSession.calls.indexOf(call)
    if (at >= 0) liveSession.calls.splice(at, 1)
  }
}

/** The youngest call under an id: older ones were there before the client used the id again. */
export function callById(liveSession: LiveSession, id: string): Cancel | undefined {
  return liveSession.calls.findLast((call) => call.id === id)?.cancel
}
