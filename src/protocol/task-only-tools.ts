/**
 * Tools that a session-based server runs as tasks alone, for a client that knows no tasks of that era: how such a call
 * begins, and what the server says of it. Pure; the course of it is gateway/calls/task-only-tools.ts. [2025-11-25 tasks]
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

/** A call that the server works on after it has answered. */
export interface Task {
  readonly id: string
  /** `working`, `input_required`, or one of three that end it. */
  readonly status: string
  /** What the server is at, for people. */
  readonly message: string | undefined
  /** How long to wait before asking again, in milliseconds. */
  readonly pollMs: number
}

const defaultPollMs = 1000
const minPollMs = 100
const maxPollMs = 10_000

/** Whether the server refuses to run this tool in any other way. */
export function isTaskOnly(tool: JsonObject): boolean {
  const { execution } = tool
  return isObject(execution) && execution['taskSupport'] === 'required'
}

/** The params of a call that asks for a task. */
export function asTask(params: RawObject | undefined): RawObject {
  return editObject(params ?? emptyObject, { task: {} })
}

/** The task that a call has become; undefined if the server answered in another way. */
export function taskBegun(answer: Answer): Task | undefined {
  const task = answer.kind === 'result' ? answer.result.value['task'] : undefined
  return isObject(task) ? readTask(task) : undefined
}

/** What the server says of a task when it is asked. */
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

/** The params of whatever is asked about a task. */
export function aboutTask(task: Task): RawObject {
  return rawObject({ taskId: task.id })
}

/** The result of the tool, without the word of the task that it came from. */
export function resultOfTask(answer: Answer): Answer {
  const meta: JsonValue | undefined = answer.kind === 'result' ? answer.result.value['_meta'] : undefined
  if (answer.kind === 'error' || !isObject(meta) || !(relatedTask in meta)) return answer
  return { kind: 'result', result: withMeta(answer.result, { [relatedTask]: undefined }) }
}

/** The member of `_meta` that ties a message to a task. */
export const relatedTask = 'io.modelcontextprotocol/related-task'
