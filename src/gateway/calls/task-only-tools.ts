/**
 * The course of a call that its server runs only as a task, for a client that knows no such tasks: the request is held
 * open, the server is asked how far it is, and its result is the answer. How all of it is worded is protocol/task-only-tools.ts.
 * Why the task itself is not handed on: docs/decisions/0020. [2025-11-25 tasks]
 */
import { Cancel } from '../../base/cancel.ts'
import { pauseUnless } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, Hold, Notification, Outcome, Reply } from '../../protocol/call.ts'
import { rawObject, type RawObject } from '../../protocol/json-text.ts'
import { aboutTask, asTask, resultOfTask, type Task, taskBegun, taskSeen } from '../../protocol/task-only-tools.ts'
import type { GatewayServices } from '../services.ts'

/** A task is given up after this time: nobody holds a request open for longer. */
const maxMs = 60 * 60_000

/** Whether the server refuses to run the tool of this call but as a task. */
export async function isTaskOnlyCall(call: Call, services: GatewayServices): Promise<boolean> {
  const tool = call.method === 'tools/call' ? call.params?.value['name'] : undefined
  return typeof tool === 'string' && services.catalog.isTaskOnly(call, tool)
}

export async function* callAsTask(call: Call, services: GatewayServices): Reply {
  // The process alone knows its task, and whoever it asks in the course of it is the client of this call.
  const hold: Hold = { lease: undefined }
  const release = (): void => hold.lease?.release()
  let begun: Outcome | undefined
  let task: Task | undefined
  try {
    begun = yield* services.upstream.call({ ...call, params: asTask(call.params), round: 0, hold })
    task = taskBegun(begun.answer)
    if (!task) return begun
  } finally {
    if (!task) release()
  }
  const { process } = begun
  const about = (method: string, params: RawObject, cancel: Cancel): Call => {
    return { ...call, method, params, progressToken: undefined, process, round: 0, hold, cancel }
  }
  const params = aboutTask(task)
  const endMs = services.clock.now() + maxMs
  let isOver = false
  try {
    for (let steps = 1; task.status === 'working'; steps++) {
      if (call.progressToken !== undefined) yield progressOf(call.progressToken, steps, task)
      await pauseUnless([call.cancel], services.clock, task.pollMs)
      if (call.cancel.cancelled) throw new Refusal('cancelled')
      if (services.clock.now() >= endMs) throw new Refusal('upstream_timeout')
      const seen = yield* services.upstream.call(about('tasks/get', params, call.cancel))
      const next = taskSeen(seen.answer)
      isOver = next === undefined
      if (!next) return seen
      task = next
    }
    // It waits until the task has ended, and brings what the server wants to know before that.
    const outcome = yield* services.upstream.call(about('tasks/result', params, call.cancel))
    isOver = true
    return { ...outcome, answer: resultOfTask(outcome.answer) }
  } finally {
    if (isOver) release()
    else void runOut(services.upstream.call(about('tasks/cancel', params, new Cancel()))).then(release)
  }
}

/** What the server is at, as progress: how far that is nobody knows. */
function progressOf(token: string, progress: number, { message }: Task): Notification {
  const progressToken = JSON.parse(token) as string | number
  const params = rawObject({ progressToken, progress, ...(message !== undefined && { message }) })
  return { kind: 'notification', method: 'notifications/progress', params }
}

/** Takes a reply that nobody waits for to its end. */
async function runOut(reply: Reply): Promise<void> {
  try {
    while ((await reply.next()).done !== true);
  } catch {
    // The server is gone, and the task with it.
  }
}
