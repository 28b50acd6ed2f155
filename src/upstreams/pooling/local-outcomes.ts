/** Calls that are answered without a worker. */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import type { IsolationGroup } from './isolation-group.ts'

/** Requests of sessions that a stateless server does not know: it gets the subscription and the level in its own way. */
const sessionMethods = new Set(['resources/subscribe', 'logging/setLevel'])

/** The outcome of a call that needs no worker. Throws `method_not_found` for tasks where clients share a worker. */
export function answerWithoutWorker(group: IsolationGroup, call: Call): Outcome | undefined {
  if (group.codec.era === 'modern') {
    if (!sessionMethods.has(call.method)) return undefined
    return { answer: { kind: 'result', result: emptyObject }, era: 'legacy', worker: undefined }
  }
  // A server shows tasks to every client of a worker. mcplex itself (`round`) asks only about tasks that it began.
  const isOwn = (group.attribution === 'session' && call.session !== undefined) || call.round !== undefined
  if (!isOwn && call.method.startsWith('tasks/')) throw new Refusal('method_not_found')
  return undefined
}
