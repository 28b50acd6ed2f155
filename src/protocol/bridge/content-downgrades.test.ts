import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { knownContent } from './content-downgrades.ts'
import { type JsonObject, type JsonValue, parseObject, type RawObject, rawObject } from '../json-text.ts'

const versions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
const raw = (text: string): RawObject => {
  const object = parseObject(text)
  assert(object)
  return object
}
const block = fc.oneof(
  fc.record({ type: fc.constant('text'), text: fc.string() }),
  fc.record({ type: fc.constant('audio'), data: fc.string(), mimeType: fc.string() }),
  fc.record({ type: fc.constant('resource_link'), uri: fc.webUrl(), name: fc.string() }),
  fc.jsonValue({ maxDepth: 2 }),
)
const results = fc.record({
  content: fc.oneof(fc.array(block), block),
  messages: fc.oneof(fc.array(fc.record({ role: fc.constant('user'), content: block })), fc.array(block)),
}) as fc.Arbitrary<JsonObject>
/** The types of the content blocks of a result. */
const typesIn = (method: string, { content, messages }: JsonObject): unknown[] => {
  const list = (value: JsonValue | undefined): JsonObject[] =>
    Array.isArray(value) ? [...(value as JsonObject[])] : []
  const blocks = method === 'tools/call' ? list(content) : list(messages).map((one) => one?.['content'] as JsonObject)
  return blocks.map((one) => one?.['type'])
}

describe.each(['tools/call', 'prompts/get'])('the answer to %s', (method) => {
  test('has no block that the client’s revision does not have', () => {
    fc.assert(
      fc.property(results, fc.constantFrom(...versions), (result, version) => {
        const { value, text } = knownContent(method, rawObject(result), version)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        const types = typesIn(method, value)
        expect(types.includes('audio') && version < '2025-03-26').toBe(false)
        expect(types.includes('resource_link') && version < '2025-06-18').toBe(false)
        expect(types).toHaveLength(typesIn(method, result).length)
      }),
    )
  })

  test('is the same object for a client that knows all its blocks', () => {
    fc.assert(
      fc.property(results, (result) => {
        const given = rawObject(result)
        expect(knownContent(method, given, '2025-06-18')).toBe(given)
        expect(knownContent('resources/read', given, '2024-11-05')).toBe(given)
      }),
    )
    const plain = rawObject({ content: [{ type: 'text', text: 'a' }], messages: [] })
    expect(knownContent(method, plain, '2024-11-05')).toBe(plain)
  })
})

test('a resource link becomes a text with its name and URI, and other blocks stay unchanged', () => {
  const result = raw(
    '{"content":[{"type":"image","n":1.0},{"type":"resource_link","uri":"file:///a","name":"a","title":"A","description":"the a","annotations":{"priority":1}}],"n":1.0}',
  )
  expect(knownContent('tools/call', result, '2025-03-26').text).toBe(
    '{"content":[{"type":"image","n":1.0},{"type":"text","text":"A\\nfile:///a\\nthe a","annotations":{"priority":1}}],"n":1.0}',
  )
})

test('audio becomes a text that says what is missing, for clients of the oldest revision only', () => {
  const result = raw('{"messages":[{"role":"user","content":{"type":"audio","data":"AA==","mimeType":"audio/wav"}}]}')
  expect(knownContent('prompts/get', result, '2025-03-26')).toBe(result)
  expect(knownContent('prompts/get', result, '2024-11-05').value['messages']).toEqual([
    { role: 'user', content: { type: 'text', text: expect.stringContaining('audio/wav') as string } },
  ])
})
