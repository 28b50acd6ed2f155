import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addMembers, mapElements, mapMembers, objectElements, objectMember, replaceMember } from './json-edit.ts'
import { eachMember, isObject, type JsonObject, type JsonValue, parseObject, type RawObject } from './json-text.ts'

/** Objects as others write them: with white space, and with any key. */
const objects = fc
  .tuple(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), fc.constantFrom(0, 1, '\t'))
  .map(([value, space]) => parseObject(JSON.stringify(value, null, space)) as RawObject)
const agree = ({ value, text }: RawObject): void => expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('an object that is changed', () => {
  test('by a member has equal value and text, and the member once', () => {
    fc.assert(
      fc.property(objects, fc.string(), fc.jsonValue() as fc.Arbitrary<JsonValue>, (raw, key, member) => {
        const changed = replaceMember(raw, key, member, JSON.stringify(member))
        agree(changed)
        expect(plain(changed.value[key])).toEqual(plain(member))
      }),
    )
  })

  test.each([
    ['{ "name":"a", "x": 1.0 }', '{ "name":"b", "x": 1.0 }'],
    ['{"x":1.0,"name":  "a"}', '{"x":1.0,"name":  "b"}'],
    ['{"name":"a","x":"\\n"}', '{"name":"b","x":"\\n"}'],
    ['{"x":1.0}', '{"x":1.0,"name":"b"}'],
    ['{"name":"a","x":{"name":1.0}}', '{"name":"b","x":{"name":1.0}}'],
    ['{}', '{"name":"b"}'],
  ])('by a member of a known name keeps all other text: %s', (text, wanted) => {
    expect(replaceMember(parseObject(text) as RawObject, 'name', 'b', '"b"').text).toBe(wanted)
  })

  test.each([
    '{"name":"a","x":1,"name":"c"}',
    '{"name":"a","x":{"name":"y"},"n\\u0061me":"c"}',
    '{"n\\u0061me":"c","name":"a"}',
    '{"n\\u0061me":"c"}',
    '{"name":{"name":"a"},"x":"\\"name\\"","\\u006eame":2}',
  ])('by a member that is there under several spellings has it once: %s', (text) => {
    const changed = replaceMember(parseObject(text) as RawObject, 'name', 'b', '"b"')
    agree(changed)
    const names: string[] = []
    eachMember(changed.text, 0, (key) => void names.push(key))
    expect(names.filter((key) => key === 'name')).toHaveLength(1)
    expect(changed.value['name']).toBe('b')
  })

  test('by new members keeps its own text in front of them', () => {
    fc.assert(
      fc.property(objects, objects, (raw, more) => {
        const added = Object.fromEntries(Object.entries(more.value).filter(([key]) => !Object.hasOwn(raw.value, key)))
        const changed = addMembers(raw, added as Record<string, JsonValue>)
        agree(changed)
        expect(Object.keys(changed.value)).toHaveLength(Object.keys(raw.value).length + Object.keys(added).length)
        expect(changed.text.startsWith(raw.text.slice(0, -1))).toBe(true)
      }),
    )
  })
})

test('a member that is an object is found as value and text, and no other member is', () => {
  fc.assert(
    fc.property(objects, (raw) => {
      for (const key of Object.keys(raw.value)) {
        const member = objectMember(raw, key)
        expect(member !== undefined).toBe(isObject(raw.value[key]))
        expect(JSON.parse(member?.text ?? '{}')).toEqual(plain(member?.value ?? {}))
      }
      expect(objectMember(raw, 'a key that is not there')).toBeUndefined()
    }),
  )
})

describe('the objects in an array', () => {
  const raw = parseObject('{"list":[{"n":1.0},7,{"n":2.0},[]],"other":{}}') as RawObject

  test('are found with their texts, in their places', () => {
    expect(objectElements(raw, 'list')?.map((element) => element?.text)).toEqual([
      '{"n":1.0}',
      undefined,
      '{"n":2.0}',
      undefined,
    ])
    expect(objectElements(raw, 'other')).toBeUndefined()
    expect(objectElements(raw, 'none')).toBeUndefined()
  })

  test('become one, several or none, and other members keep their text', () => {
    const second = (change: (element: RawObject) => RawObject | readonly RawObject[]): string =>
      mapElements(raw, 'list', (element) => (element.value['n'] === 2 ? change(element) : element)).text
    const one: RawObject = { value: { x: 1 }, text: '{"x":1.0}' }
    expect(second(() => one)).toBe('{"list":[{"n":1.0},7,{"x":1.0},[]],"other":{}}')
    expect(second((element) => [element, one])).toBe('{"list":[{"n":1.0},7,{"n":2.0},{"x":1.0},[]],"other":{}}')
    expect(second(() => [])).toBe('{"list":[{"n":1.0},7,[]],"other":{}}')
  })

  test('without any change leave the object itself unchanged', () => {
    fc.assert(
      fc.property(objects, (any) => {
        for (const key of Object.keys(any.value)) expect(mapElements(any, key, (element) => element)).toBe(any)
      }),
    )
  })
})

test('members are changed in their places', () => {
  const upper = (key: string, value: string): string => (key === 'b' ? value.toUpperCase() : value)
  expect(mapMembers('{ "a": "x", "b": "y", "c": 1.0 }', upper)).toBe('{"a":"x","b":"Y","c":1.0}')
  const untouched = '{ "a": "x" }'
  expect(mapMembers(untouched, upper)).toBe(untouched)
  fc.assert(
    fc.property(objects, ({ value, text }) => {
      const changed = JSON.parse(mapMembers(text, () => '1')) as JsonObject
      expect(Object.keys(changed)).toEqual(Object.keys(value))
    }),
  )
})
