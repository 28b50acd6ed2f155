import fc from 'fast-check'
import { expect, test } from 'vitest'
import { metaOf, progressTokenOf } from './call.ts'
import { parseObject } from './json-text.ts'

const withToken = (token: string): ReturnType<typeof parseObject> => parseObject(`{"_meta":{"progressToken":${token}}}`)

test('a progress token is a string or an integer, and kept exactly as written', () => {
  const token = fc.oneof(
    fc.maxSafeInteger().map(String),
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom('12345678901234567890', '1.0', '"\\u0061"', '1e3'),
  )
  fc.assert(
    fc.property(token, (text) => {
      expect(progressTokenOf(withToken(text))).toBe(text)
    }),
  )
})

test.each(['null', 'true', '1.5', '1e400', '[]', '{}'])('%s is refused as a progress token', (text) => {
  expect(() => progressTokenOf(withToken(text))).toThrow(expect.objectContaining({ code: 'invalid_params' }))
})

test.each(['{}', '{"_meta":null}', '{"_meta":[1]}', '{"_meta":{}}', '{"_meta":"progressToken"}'])(
  '%s asks for no progress',
  (text) => {
    const params = parseObject(text)
    expect(progressTokenOf(params)).toBeUndefined()
    expect(metaOf(params) ?? {}).toEqual({})
  },
)

test('a request without params has no progress token', () => {
  expect(progressTokenOf(undefined)).toBeUndefined()
})
