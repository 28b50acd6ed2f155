import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeader, headerMatches, headerParams, nameOf } from './headers.ts'
import type { JsonObject, JsonValue } from './json-text.ts'

/** Encodes a value that a header cannot contain, as the specification says. */
const encode = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`
/** Text without lone surrogates. */
const text = fc.string({ unit: 'grapheme' }).map((value) => Buffer.from(value).toString())
const plain = fc
  .string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCodePoint(code)), minLength: 1 })
  .filter((value) => !value.startsWith('=?base64?'))

describe('the value of a header', () => {
  test('is decoded to the text itself or the text in its base64 form', () => {
    fc.assert(
      fc.property(text, plain, fc.constantFrom('', ' ', '\t'), (any, visible, space) => {
        expect(decodeHeader(space + encode(any) + space)).toBe(any)
        expect(decodeHeader(space + visible + space)).toBe(visible)
      }),
    )
  })

  test.each([
    '=?base64?x?=',
    '=?base64?YQ?=',
    '=?base64?YQ=?=',
    '=?base64?Y Q=?=',
    '=?base64?gICA?=',
    '=?base64?____?=',
    '=?base64?YR==?=',
    '=?base64?YWJ=?=',
    '=?base64?YQ==YQ==?=',
  ])('%s says nothing', (value) => {
    expect(decodeHeader(value)).toBeUndefined()
  })

  test('keeps a byte order mark, because the body has it too', () => {
    expect(decodeHeader(encode('\ufeffa'))).toBe('\ufeffa')
  })

  test('never throws', () => {
    const odd = fc.oneof(
      fc.string(),
      fc.string().map((inner) => `=?base64?${inner}?=`),
    )
    fc.assert(fc.property(odd, (value) => void decodeHeader(value)))
  })
})

test('Mcp-Name mirrors a member of the params, for a few methods', () => {
  const params = { name: 'n', uri: 'u', taskId: 't' }
  const named = ['tools/call', 'prompts/get', 'resources/read', 'tasks/get', 'tasks/update', 'tasks/cancel']
  expect(named.map((method) => nameOf(method, params))).toEqual(['n', 'n', 'u', 't', 't', 't'])
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constantFrom('toString', '__proto__', 'constructor')), (method) => {
      fc.pre(!named.includes(method))
      expect(nameOf(method, params)).toBeUndefined()
    }),
  )
})

describe('mirrored arguments', () => {
  const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'properties'), fc.string())
  const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => ({
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom<JsonObject>(
        {},
        { 'x-mcp-header': 'Region' },
        { 'x-mcp-header': 'no good' },
        { 'x-mcp-header': 7 },
      ),
      fc.dictionary(key, tie('schema'), { maxKeys: 3 }).map((properties): JsonObject => ({ properties })),
    ),
  }))

  test('are found through properties alone, with a header in lower case', () => {
    fc.assert(
      fc.property(schema, (root) => {
        for (const { header, path } of headerParams(root)) {
          expect(header).toBe('mcp-param-region')
          let at: JsonValue | undefined = root
          for (const step of path) at = ((at as JsonObject)['properties'] as JsonObject)[step]
          expect(at).toMatchObject({ 'x-mcp-header': 'Region' })
        }
      }),
    )
  })

  test('are found only if reachable, and not in an invalid schema', () => {
    expect(headerParams({ items: { properties: { a: { 'x-mcp-header': 'A' } } } })).toEqual([])
    fc.assert(fc.property(fc.jsonValue(), (value) => void headerParams(value as JsonValue)))
  })

  test('match a header with the same value, and no other', () => {
    const param = { header: 'mcp-param-x', path: ['in', 'x'] }
    const value = fc.oneof(text, fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    fc.assert(
      fc.property(value, value, (one, other) => {
        const isSame = typeof one === typeof other ? one === other : false
        fc.pre(typeof one === typeof other)
        expect(headerMatches(param, { in: { x: one } }, encode(String(one)))).toBe(true)
        expect(headerMatches(param, { in: { x: one } }, encode(String(other)))).toBe(isSame)
      }),
    )
  })

  test('that are missing have no header, and those that are present must have one', () => {
    const param = { header: 'mcp-param-x', path: ['x'] }
    for (const args of [undefined, null, {}, { x: null }, [], 'x']) {
      expect(headerMatches(param, args, undefined)).toBe(true)
      expect(headerMatches(param, args, 'x')).toBe(false)
    }
    for (const x of ['', 0, false, [], {}]) expect(headerMatches(param, { x }, undefined)).toBe(false)
    expect(headerMatches({ ...param, path: ['__proto__', 'x'] }, {}, undefined)).toBe(true)
    expect(headerMatches(param, { x: 0 }, '')).toBe(false)
    // Only texts that JSON reads as that number.
    for (const same of ['16', '16.0', '1.6e1', '160e-1']) expect(headerMatches(param, { x: 16 }, same)).toBe(true)
    for (const odd of ['0x10', '+16', '016', '16.', '0b10000', '1_6', '16n']) {
      expect(headerMatches(param, { x: 16 }, odd), odd).toBe(false)
    }
    expect(headerMatches(param, { x: ['a'] }, 'a')).toBe(false)
  })
})
