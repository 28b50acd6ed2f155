/**
 * Tools that a session-based server runs only as tasks, for clients that do not know tasks of that era: the messages to start
 * a task and to read its state. Pure; gateway/calls/task-only-tools.ts runs the task. [2025-11-25 tasks]
 */
import {
  editObject,
  emptyObject,
  isObject,
  type JsonObject,
  type JsonValue,
  type RawObject,
  rawObject,
} from './json-text.ts'
import { type Answer, withMeta } from './jsonrpc.ts'

/** A call that the server continues after it has answered the request. */
export interface Task {
  readonly id: string
  /** `working`, `input_required`, or one of the three final ones. */
  readonly status: string
  /** The server's status message, for people. */
  readonly message: string | undefined
  /** How long to wait before asking again, in milliseconds. */
  readonly pollMs: number
}

const defaultPollMs = 1000
const minPollMs = 100
const maxPollMs = 10_000

/** Whether the server runs this tool only as a task. */
export function isTaskOnly(tool: JsonObject): boolean {
  const { execution } = tool
  return isObject(execution) && execution['taskSupport'] === 'required'
}

/** The params of a call that asks for a task. */
export function asTask(params: RawObject | undefined): RawObject {
  return editObject(params ?? emptyObject, { task: {} })
}

/** The task that a call has started; undefined if the answer is not a task. */
export function taskBegun(answer: Answer): Task | undefined {
  const task = answer.kind === 'result' ? answer.result.value['task'] : undefined
  return isObject(task) ? readTask(task) : undefined
}

/** The task in the answer to `tasks/get`. */
export function taskSeen(answer: Answer): Task | undefined {
  return answer.kind === 'result' ? readTask(answer.result.value) : undefined
}

function readTask({ taskId, status, statusMessage, pollInterval }: JsonObject): Task | undefined {
  if (typeof taskId !== 'string' || typeof status !== 'string') return undefined
  const pollMs = typeof pollInterval === 'number' ? pollInterval : defaultPollMs
  return {
    id: taskId,
    status,
    message: typeof statusMessage === 'string' ? statusMessage : undefined,
    pollMs: Math.min(Math.max(pollMs, minPollMs), maxPollMs),
  }
}

/** The params of any request about a task. */
export function aboutTask(task: Task): RawObject {
  return rawObject({ taskId: task.id })
}

/** The result of the tool, without the metadata that relates it to the task. */
export function resultOfTask(answer: Answer): Answer {
  const meta: JsonValue | undefined = answer.kind === 'result' ? answer.result.value['_meta'] : undefined
  if (answer.kind === 'error' || !isObject(meta) || !(relatedTask in meta)) return answer
  return { kind: 'result', result: withMeta(answer.result, { [relatedTask]: undefined }) }
}

/** The member of `_meta` that relates a message to a task. */
export const relatedTask = 'io.modelcontextprotocol/related-task'
