/** What becomes of a call without a process. */
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import type { IsolationGroup } from './isolation-group.ts'

/** What a session asks of a server of its own era; a stateless one is told by the listen that follows. */
const sessionMethods = new Set(['resources/subscribe', 'logging/setLevel'])

/** An outcome that needs no process. Throws `method_not_found` for what sharing does not allow. */
export function answerWithoutWorker(group: IsolationGroup, call: Call): Outcome | undefined {
  if (group.codec.era === 'modern') {
    if (!sessionMethods.has(call.method)) return undefined
    return { answer: { kind: 'result', result: emptyObject }, era: 'legacy', process: undefined }
  }
  // Tasks of one connection can be seen by all who share it. What mcplex itself asks is about tasks that it began.
  const isOwn = (group.attribution === 'own' && call.session !== undefined) || call.round !== undefined
  if (!isOwn && call.method.startsWith('tasks/')) throw new Refusal('method_not_found')
  return undefined
}
