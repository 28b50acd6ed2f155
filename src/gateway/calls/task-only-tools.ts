/**
 * Runs a call that its server accepts only as a task, for a client without such tasks: holds the request open, polls
 * the task, and answers with its result. The messages are in protocol/task-only-tools.ts; docs/decisions/0020 says why
 * the client does not get the task itself. [2025-11-25 tasks]
 */
import { Cancel } from '../../base/cancel.ts'
import { type Clock, pauseUnless } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, WorkerReservation, Notification, Outcome, Reply } from '../../protocol/call.ts'
import { rawObject, type RawObject } from '../../protocol/json-text.ts'
import { aboutTask, asTask, resultOfTask, type Task, taskBegun, taskSeen } from '../../protocol/task-only-tools.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Upstream } from '../../upstreams/upstream.ts'

/** A task is given up after this time: no client holds a request open for longer. */
const maxMs = 60 * 60_000

/** Whether the server runs the tool of this call only as a task. */
export async function isTaskOnlyCall(call: Call, catalog: Pick<Catalog, 'isTaskOnly'>): Promise<boolean> {
  const tool = call.method === 'tools/call' ? call.params?.value['name'] : undefined
  return typeof tool === 'string' && catalog.isTaskOnly(call, tool)
}

export async function* callAsTask(call: Call, upstream: Pick<Upstream, 'call'>, clock: Clock): Reply {
  // Only the worker that began the task knows it, and all input requests of the task belong to the client of this call.
  const reservation: WorkerReservation = { lease: undefined }
  const release = (): void => reservation.lease?.release()
  let begun: Outcome | undefined
  let task: Task | undefined
  try {
    begun = yield* upstream.call({ ...call, params: asTask(call.params), round: 0, reservation })
    task = taskBegun(begun.answer)
    if (!task) return begun
  } finally {
    if (!task) release()
  }
  const { worker } = begun
  const about = (method: string, params: RawObject, cancel: Cancel): Call => {
    return { ...call, method, params, progressToken: undefined, worker, round: 0, reservation, cancel }
  }
  const params = aboutTask(task)
  const endMs = clock.now() + maxMs
  let isOver = false
  try {
    for (let steps = 1; task.status === 'working'; steps++) {
      if (call.progressToken !== undefined) yield progressOf(call.progressToken, steps, task)
      await pauseUnless([call.cancel], clock, task.pollMs)
      if (call.cancel.cancelled) throw new Refusal('cancelled')
      if (clock.now() >= endMs) throw new Refusal('upstream_timeout')
      const seen = yield* upstream.call(about('tasks/get', params, call.cancel))
      const next = taskSeen(seen.answer)
      isOver = next === undefined
      if (!next) return seen
      task = next
    }
    // The server answers tasks/result when the task has ended; until then its input requests arrive with it.
    const outcome = yield* upstream.call(about('tasks/result', params, call.cancel))
    isOver = true
    return { ...outcome, answer: resultOfTask(outcome.answer) }
  } finally {
    if (isOver) release()
    else void drainReply(upstream.call(about('tasks/cancel', params, new Cancel()))).then(release)
  }
}

/** The state of the task as progress. The server does not say how far it is, so each poll counts as one step. */
function progressOf(token: string, progress: number, { message }: Task): Notification {
  const progressToken = JSON.parse(token) as string | number
  const params = rawObject({ progressToken, progress, ...(message !== undefined && { message }) })
  return { kind: 'notification', method: 'notifications/progress', params }
}

/** Reads a reply to its end and drops what it says. */
async function drainReply(reply: Reply): Promise<void> {
  try {
    while ((await reply.next()).done !== true);
  } catch {
    // The server has ended, and the task with it.
  }
}
