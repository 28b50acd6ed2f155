import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonObject, parseObject, rawObject } from '../json-text.ts'
import { formFor, messagesFor } from './input-request-downgrades.ts'

const formOf = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  message: 'm',
  requestedSchema: { type: 'object', properties, required },
})

test('choices with titles get the form that older clients know', () => {
  const asked = formFor(
    rawObject(
      formOf({
        size: { type: 'string', oneOf: [{ const: 's', title: 'Small' }, { const: 'l' }], default: 's' },
        name: { type: 'string' },
      }),
    ),
  )
  expect(asked?.value).toEqual(
    formOf({
      name: { type: 'string' },
      size: { type: 'string', enum: ['s', 'l'], enumNames: ['Small', 'l'], default: 's' },
    }),
  )
})

test('an optional multiple choice is left out; a required one makes the form impossible', () => {
  const tags = { type: 'array', items: { type: 'string', enum: ['a'] } }
  const name = { type: 'string' }
  expect(formFor(rawObject(formOf({ tags, name }, ['name'])))?.value).toEqual(formOf({ name }, ['name']))
  expect(formFor(rawObject(formOf({ tags, name }, ['tags'])))).toBeUndefined()
})

test('a form that older clients know keeps its text', () => {
  const params = parseObject('{"message":"m","requestedSchema":{"type":"object","properties":{"n":{"maximum":1.0}}}}')
  assert(params)
  expect(formFor(params)).toBe(params)
  const withMode = parseObject('{"mode":"form","requestedSchema":{"properties":{"n":{"maximum":1.0}}}}')
  expect(withMode && formFor(withMode)?.text).toBe('{"requestedSchema":{"properties":{"n":{"maximum":1.0}}}}')
})

test('a message of several blocks becomes several messages in their order', () => {
  const params = rawObject({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: { type: 'text', text: 'c' } },
    ],
  })
  expect(messagesFor(params, '2025-06-18')?.value['messages']).toEqual([
    { role: 'user', content: { type: 'text', text: 'a' } },
    { role: 'user', content: { type: 'text', text: 'b' } },
    { role: 'assistant', content: { type: 'text', text: 'c' } },
  ])
})

test('audio becomes a note for clients that do not know audio', () => {
  const params = rawObject({
    messages: [{ role: 'user', content: { type: 'audio', data: '', mimeType: 'audio/wav' } }],
  })
  expect(messagesFor(params, '2025-03-26')).toBe(params)
  expect(messagesFor(params, '2024-11-05')?.text).toContain('audio/wav')
  expect(messagesFor(params, '2024-11-05')?.text).not.toContain('"type":"audio"')
})

test('messages with tool results cannot be sent to a client without tools', () => {
  for (const type of ['tool_use', 'tool_result'])
    expect(messagesFor(rawObject({ messages: [{ role: 'user', content: { type } }] }), '2025-06-18')).toBeUndefined()
  expect(messagesFor(rawObject({ messages: [], tools: [] }), '2025-06-18')).toBeUndefined()
})

test('value and text stay equal, whatever the server wrote', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.dictionary(fc.string(), fc.jsonValue()), (messages, properties) => {
      for (const made of [messagesFor(rawObject({ messages }), '2024-11-05'), formFor(rawObject(formOf(properties)))])
        expect(JSON.parse(made?.text ?? '{}')).toEqual(JSON.parse(JSON.stringify(made?.value ?? {})))
    }),
  )
})
