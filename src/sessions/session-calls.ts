/** The calls of a session that are in flight on this instance. */
import type { Cancel } from '../base/cancel.ts'
import type { LiveSession } from './sessions.ts'

/** Adds a call to those in flight, so that it can be cancelled by its id. Returns a function that removes it. */
export function trackCall(liveSession: LiveSession, id: string, cancel: Cancel): () => void {
  const call = { id, cancel }
  liveSession.calls.push(call)
  liveSession.callsTotal++
  return () => {
    const at = liveSession.calls.indexOf(call)
    if (at >= 0) liveSession.calls.splice(at, 1)
  }
}

/** The newest call with an id: a client may reuse the id of an older one. */
export function callById(liveSession: LiveSession, id: string): Cancel | undefined {
  return liveSession.calls.findLast((call) => call.id === id)?.cancel
}
