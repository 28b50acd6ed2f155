/** Tests what clients are shown of descriptions that could deceive a reader. */
import { expect, test } from 'vitest'
import { type JsonObject, rawObject, type RawObject } from '../protocol/json-text.ts'
import { safePage } from './safe-page.ts'

const pageOf = (...tools: readonly JsonObject[]): RawObject => rawObject({ tools })
const first = (page: RawObject): JsonObject => (page.value['tools'] as readonly JsonObject[])[0] ?? {}

test('control and bidirectional characters of descriptions and titles are escaped, at any depth', () => {
  const schema = { properties: { path: { description: 'a\u202eb', default: 'kept \u202e' } } }
  const page = safePage(
    pageOf({ name: 'x', title: 'T\u0007', description: 'one\u2066two\tthree\n', inputSchema: schema }),
    ['tools'],
  )
  expect(first(page)).toEqual({
    name: 'x',
    title: String.raw`T\u0007`,
    description: 'one\\u2066two\tthree\n',
    inputSchema: { properties: { path: { description: String.raw`a\u202eb`, default: 'kept \u202e' } } },
  })
  expect(JSON.parse(page.text)).toEqual(page.value)
})

test.each(['plain', 'Emoji 👩‍👩‍👧 stay, and so do العربية and עברית', 'line\nand\ttab', 'x'.repeat(16_000)])(
  'a page with the description %j is passed on as it is',
  (description) => {
    const page = pageOf({ name: 'x', description })
    expect(safePage(page, ['tools'])).toBe(page)
  },
)

test('characters that the text has as escapes are found', () => {
  const value = { tools: [{ name: 'x', description: 'a\u202eb' }] }
  const text = String.raw`{"tools":[{"name":"x","description":"a\u202eb"}]}`
  expect(first(safePage({ value, text }, ['tools']))['description']).toBe(String.raw`a\u202eb`)
})

test('a description longer than 16 KiB is cut, and the rest stays as it is', () => {
  const page = safePage(pageOf({ name: 'x', description: 'y'.repeat(20_000), inputSchema: { type: 'object' } }), [
    'tools',
  ])
  expect(first(page)['description']).toBe(`${'y'.repeat(16_384)}…`)
  expect(first(page)['inputSchema']).toEqual({ type: 'object' })
})
