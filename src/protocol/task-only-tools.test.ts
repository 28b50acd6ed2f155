import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonObject, parseObject, type RawObject, rawObject } from './json-text.ts'
import { type Answer, errorAnswer } from './jsonrpc.ts'
import { asTask, isTaskOnly, resultOfTask, taskBegun, taskSeen } from './task-only-tools.ts'

const raw = (text: string): RawObject => {
  const object = parseObject(text)
  assert(object)
  return object
}
const gave = (value: JsonObject): Answer => ({ kind: 'result', result: rawObject(value) })

test('a tool runs only as a task if its taskSupport is required', () => {
  expect(isTaskOnly({ execution: { taskSupport: 'required' } })).toBe(true)
  for (const execution of ['required', {}, { taskSupport: 'optional' }, null])
    expect(isTaskOnly({ execution })).toBe(false)
  fc.assert(fc.property(fc.jsonValue(), (odd) => !isTaskOnly({ execution: odd })))
})

test('a call asks for a task and keeps its other params', () => {
  expect(asTask(raw('{"name":"t","arguments":{"n":1.0}}')).text).toBe('{"name":"t","arguments":{"n":1.0},"task":{}}')
  expect(asTask(undefined).text).toBe('{"task":{}}')
})

test('a task is read from the answers that contain one, and from no other', () => {
  const said = { taskId: 't', status: 'working', statusMessage: 'm', pollInterval: 500 }
  const task = { id: 't', status: 'working', message: 'm', pollMs: 500 }
  expect(taskBegun(gave({ task: said }))).toEqual(task)
  expect(taskSeen(gave(said))).toEqual(task)
  for (const odd of [gave({ content: [] }), gave({ task: { taskId: 1 } }), errorAnswer(-32601, 'no')]) {
    expect(taskBegun(odd)).toBeUndefined()
    expect(taskSeen(odd)).toBeUndefined()
  }
})

test('the poll interval stays within bounds, whatever the server says', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (pollInterval) => {
      const { pollMs } = taskSeen(gave({ taskId: 't', status: 'working', pollInterval })) ?? { pollMs: 0 }
      expect(pollMs).toBeGreaterThanOrEqual(100)
      expect(pollMs).toBeLessThanOrEqual(10_000)
    }),
  )
})

test('a result loses the metadata of its task, and nothing else', () => {
  const of = (result: RawObject): string => {
    const answer = resultOfTask({ kind: 'result', result })
    return answer.kind === 'result' ? answer.result.text : ''
  }
  const related = '"io.modelcontextprotocol/related-task":{"taskId":"t"}'
  expect(of(raw(`{"content":[1.0],"_meta":{${related},"own":1.0}}`))).toBe('{"content":[1.0],"_meta":{"own":1.0}}')
  expect(of(raw(`{"content":[1.0],"_meta":{${related}}}`))).toBe('{"content":[1.0]}')
  expect(of(raw('{"content":[1.0]}'))).toBe('{"content":[1.0]}')
})
