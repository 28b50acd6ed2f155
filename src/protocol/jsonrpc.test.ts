import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObject, memberText, parseObject } from './json-text.ts'
import { errorAnswer, idKey, notificationText, readMessage, requestText, responseText, withMeta } from './jsonrpc.ts'

/** Any ids that JSON allows; integers in any notation. */
const idText = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom('0', '-0', '1.0', '1e3', '12345678901234567890', '""', '"1"', '"\\u0031"', '"a\\/b"', '"__proto__"'),
  fc.string().map((text) => JSON.stringify(text)),
)
const notIdText = fc.constantFrom('null', 'true', '{}', '[1]', '1.5', '1e400', '-0.1')
const objectText = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc.constantFrom('{}', '{ "big" : 12345678901234567890 }', '{"__proto__":{"x":1}}', '{"_meta":{"progressToken":1.0}}'),
)
const methodText = fc.oneof(fc.constantFrom('tools/call', 'ping', 'ünïcode', 'toString'), fc.string())
const errorText = fc.constantFrom('{"code":-32601,"message":"no"}', '{"message":"","code":1,"data":{"n":1e400}}')
const gap = fc.constantFrom('', ' ', '\n\t')

/** The members in any order, with white space anywhere. */
const written = (members: Readonly<Record<string, string>>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.shuffledSubarray(Object.entries(members), { minLength: Object.keys(members).length }), gap)
    .map(
      ([entries, space]) =>
        `${space}{${entries.map(([key, value]) => `"${key}"${space}:${space}${value}${space}`).join(',')}}${space}`,
    )

const version = { jsonrpc: '"2.0"' }
const read = (text: string): ReturnType<typeof readMessage> => readMessage(text, JSON.parse(text))

describe('a message', () => {
  test('that is a request keeps the exact text of its id and params', () => {
    const request = fc.tuple(idText, methodText, fc.option(objectText, { nil: undefined })).chain((parts) => {
      const [id, method, params] = parts
      return fc.tuple(
        fc.constant(parts),
        written({ ...version, id, method: JSON.stringify(method), ...(params !== undefined && { params }) }),
      )
    })
    fc.assert(
      fc.property(request, ([[id, method, params], text]) => {
        expect(read(text)).toEqual({
          kind: 'request',
          id,
          method,
          params: params === undefined ? undefined : parseObject(params),
        })
      }),
    )
  })

  test('that is a response keeps the exact text of its id and answer', () => {
    const response = fc.oneof(
      fc.tuple(idText, objectText).map(([id, result]) => ({ id, result })),
      fc.tuple(idText, errorText).map(([id, error]) => ({ id, error })),
      errorText.map((error) => ({ id: 'null', error })),
    )
    fc.assert(
      fc.property(
        response.chain((parts) =>
          fc.tuple(fc.constant<Record<string, string>>(parts), written({ ...version, ...parts })),
        ),
        ([parts, text]) => {
          const message = read(text)
          assert(message.kind === 'response')
          expect(message.id).toBe(parts['id'] === 'null' ? undefined : parts['id'])
          const { answer } = message
          expect(answer.kind === 'result' ? answer.result.text : answer.error.text).toBe(parts[answer.kind])
        },
      ),
    )
  })

  test('that mcplex writes is read back the same', () => {
    fc.assert(
      fc.property(idText, methodText, objectText, fc.integer(), (id, method, params, code) => {
        const raw = parseObject(params)
        assert(raw)
        expect(read(requestText(id, method, raw))).toEqual({ kind: 'request', id, method, params: raw })
        expect(read(notificationText(method, raw))).toEqual({ kind: 'notification', method, params: raw })
        expect(read(notificationText(method, undefined))).toEqual({ kind: 'notification', method, params: undefined })
        const answers = [errorAnswer(code, method), { kind: 'result', result: raw } as const]
        for (const answer of answers) expect(read(responseText(id, answer))).toEqual({ kind: 'response', id, answer })
        expect(read(responseText(undefined, errorAnswer(code, method)))).toMatchObject({
          kind: 'response',
          id: undefined,
        })
      }),
    )
  })

  test('with any invalid member is malformed, and keeps its id if that is valid', () => {
    const proper = fc.constantFrom<Record<string, string>>(
      { ...version, id: '7', method: '"m"', params: '{}' },
      { ...version, method: '"m"' },
      { ...version, id: '"a"', result: '{}' },
      { ...version, id: '7', error: '{"code":1,"message":""}' },
    )
    const wrong = fc.oneof(
      fc.constantFrom('1', '"1.0"', 'null', '2.0').map((value) => ({ jsonrpc: value })),
      notIdText.filter((text) => text !== 'null').map((id) => ({ id })),
      fc.constantFrom('1', 'null', '{}').map((method) => ({ method })),
      fc.constantFrom('[]', 'null', '1', '"x"').map((params) => ({ params })),
      fc
        .constantFrom('{"code":1}', '{"message":"x"}', '[]', 'null', '{"code":1.5,"message":""}')
        .map((error) => ({ error })),
      fc.constantFrom('[]', 'null', '1').map((result) => ({ result })),
      fc.constant({ result: '{}', error: '{"code":1,"message":""}' }),
      fc.constant({ method: '"m"', result: '{}' }),
    )
    fc.assert(
      fc.property(
        fc.tuple(proper, wrong).chain(([right, fault]) => {
          const all: Record<string, string> = { ...right, ...fault }
          return fc.tuple(fc.constant(all), written(all))
        }),
        ([members, text]) => {
          const id = members['id'] === '7' || members['id'] === '"a"' ? { id: members['id'] } : {}
          expect(read(text)).toEqual({ kind: 'malformed', ...id })
        },
      ),
    )
  })

  test('with a duplicate key, in it, in its params or their metadata, is malformed, however the key is escaped', () => {
    const twice = fc.constantFrom(
      ['"k"', '"k"'],
      ['"k"', '"\\u006b"'],
      ['"__proto__"', '"__proto__"'],
      ['"é"', '"\\u00e9"'],
    )
    const place = fc.constantFrom(
      (pair: string) => `{"jsonrpc":"2.0","id":1,"method":"m",${pair}}`,
      (pair: string) => `{"jsonrpc":"2.0","id":1,"method":"m","params":{${pair}}}`,
      (pair: string) => `{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{${pair}}}}`,
    )
    fc.assert(
      fc.property(twice, place, fc.jsonValue(), fc.jsonValue(), ([one, other], put, a, b) => {
        const text = put(`${one}:${JSON.stringify(a)},${other}:${JSON.stringify(b)}`)
        expect(read(text)).toEqual({ kind: 'malformed', id: '1' })
      }),
    )
  })

  test('is read without a throw, whatever JSON it is', () => {
    const member = fc.tuple(
      fc
        .constantFrom('jsonrpc', 'id', 'method', 'params', 'result', 'error', '_meta', '__proto__', 'constructor')
        .map((key) => JSON.stringify(key)),
      fc.oneof(idText, notIdText, objectText, errorText, fc.constantFrom('"2.0"', '"ping"', '[]'), fc.json()),
    )
    const text = fc.oneof(
      fc.json(),
      fc.array(member).map((members) => `{${members.map((pair) => pair.join(':')).join(',')}}`),
    )
    fc.assert(
      fc.property(text, (json) => {
        const message = read(json)
        expect(['request', 'notification', 'response', 'malformed']).toContain(message.kind)
        // The message has the values of the text.
        if (message.kind === 'request' || message.kind === 'malformed')
          assert.equal(message.id, message.id && memberText(json, 'id'))
      }),
      { numRuns: 1000 },
    )
  })
})

test('ids have the same key exactly if they are equal as JSON', () => {
  fc.assert(
    fc.property(idText, idText, (one, other) => {
      const safe = [one, other].every((id) => id.startsWith('"') || Number.isSafeInteger(Number(id)))
      fc.pre(safe || one === other)
      const isEqual = JSON.parse(one) === JSON.parse(other)
      expect(idKey(one) === idKey(other)).toBe(isEqual)
    }),
    { numRuns: 1000 },
  )
})

test('ids beyond the exact integers are distinguished by their text', () => {
  expect(idKey('12345678901234567890')).not.toBe(idKey('12345678901234567891'))
})

describe('metadata', () => {
  const metaText = fc.oneof(objectText, fc.constant('{"trace":12345678901234567890,"limit":1e400,"keep":1.0}'))

  test('is edited, and everything else keeps its exact text', () => {
    fc.assert(
      fc.property(metaText, objectText, fc.option(fc.nat(), { nil: undefined }), (meta, argument, token) => {
        const raw = parseObject(`{ "arguments" : ${argument}, "_meta":${meta}}`)
        assert(raw)
        const edited = withMeta(raw, { progressToken: token })
        assert.deepStrictEqual(JSON.parse(edited.text), edited.value)
        expect(memberText(edited.text, 'arguments')).toBe(argument)
        const kept = memberText(edited.text, '_meta')
        const before = parseObject(meta)
        assert(before)
        const keys = Object.keys(before.value).filter((key) => key !== 'progressToken')
        assert.equal(kept === undefined, keys.length === 0 && token === undefined)
        for (const key of keys) assert.equal(memberText(kept ?? '{}', key), memberText(meta, key))
        assert.equal(memberText(kept ?? '{}', 'progressToken'), token?.toString())
      }),
    )
  })

  test('is created if there is none, and removed if it becomes empty', () => {
    expect(withMeta(undefined, { a: 1 }).text).toBe('{"_meta":{"a":1}}')
    expect(withMeta(parseObject('{"_meta":{"a":1},"b":2}'), { a: undefined })).toEqual({
      value: { b: 2 },
      text: '{"b":2}',
    })
    expect(isObject(withMeta(parseObject('{"_meta":"odd"}'), { a: 1 }).value['_meta'])).toBe(true)
  })
})
