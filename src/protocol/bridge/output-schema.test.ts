import assert from 'node:assert/strict'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import { ToolSchema } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObject, type JsonObject, type JsonValue, parseObject, rawObject } from '../json-text.ts'
import { objectRoot, plainProperties } from './output-schema.ts'

/** Validates structured content as clients of the official library do. */
const isValid = (schema: JsonObject, value: unknown): boolean =>
  new AjvJsonSchemaValidator().getValidator(schema)(value).valid
const wrapped = (value: JsonValue): JsonValue => (isObject(value) ? value : { result: value })
const rooted = (schema: JsonObject): JsonObject => objectRoot(rawObject(schema)).value
const inTool = (outputSchema: JsonObject): boolean =>
  ToolSchema.safeParse({ name: 't', inputSchema: { type: 'object' }, outputSchema }).success

const leaf = fc.constantFrom<JsonObject>(
  { type: 'string' },
  { type: 'integer', minimum: 2 },
  { type: 'null' },
  { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  { type: ['object', 'null'] },
  { type: ['string', 'number'] },
  { enum: [1, 'b', { $ref: '#' }] },
  { const: { $ref: '#/$defs/a' } },
  { const: 'b' },
  { $ref: '#/$defs/a' },
  { $ref: '#/$defs/b~1c' },
  {},
)
const schemas = fc.letrec<{ schema: JsonObject }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.record({ type: fc.constant('array'), items: tie('schema') }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ type: fc.constant('object'), properties: fc.record({ a: tie('schema'), $ref: tie('schema') }) }),
    fc.record({ type: fc.constant('array'), items: fc.constant({ $ref: '#' }) }),
  ),
})).schema
const whole = fc
  .tuple(schemas, leaf, fc.option(fc.constant('https://json-schema.org/draft/2020-12/schema'), { nil: undefined }))
  .map(([schema, shared, schemaVersion]): JsonObject => ({
    ...(schemaVersion !== undefined && { $schema: schemaVersion }),
    ...schema,
    $defs: { a: { type: 'object', properties: { a: { type: 'string' } } }, 'b/c': isRef(shared) ? {} : shared },
  }))
const isRef = (schema: JsonObject): boolean => '$ref' in schema
const values: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue>('b', 1, 3, null, {}, { a: 'x' }, { a: 1 }, [], [[]], ['b'], { $ref: '#' }, { result: 1 }),
  // The validator calls members with these names when it compares values.
  (fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>).filter(
    (value) => !/"(?:valueOf|toString|constructor|__proto__)":/.test(JSON.stringify(value)),
  ),
)

describe('a schema with an object at its root', () => {
  test('accepts everything the schema accepts, wrapped if it is not an object', () => {
    fc.assert(
      fc.property(whole, values, (schema, value) => {
        fc.pre(isValid(schema, value))
        expect(isValid(rooted(schema), wrapped(value))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('accepts no object that the schema does not accept, unless it looks like a wrapper', () => {
    fc.assert(
      fc.property(whole, values, (schema, value) => {
        fc.pre(isObject(value) && !('result' in value))
        expect(isValid(rooted(schema), value)).toBe(isValid(schema, value))
      }),
      { numRuns: 200 },
    )
  })

  test('validates wrapped values like the schema, if the schema allows no object', () => {
    const lists = fc.record({ type: fc.constant('array'), items: schemas, $defs: fc.constant({ a: {}, 'b/c': {} }) })
    fc.assert(
      fc.property(lists, values, (schema, value) => {
        expect(isValid(rooted(schema), { result: value })).toBe(isValid(schema, value))
      }),
    )
  })

  test('is accepted by clients', () => {
    fc.assert(fc.property(whole, (schema) => inTool(plainProperties(objectRoot(rawObject(schema))).value)))
  })

  test('is the schema itself if that already is of type object', () => {
    const schema = parseObject('{"type":"object","properties":{"n":{"maximum":1.0}}}')
    assert(schema)
    expect(objectRoot(schema)).toBe(schema)
  })

  test.each([
    [{ anyOf: [{ type: 'object' }, { $ref: '#/$defs/a' }], $defs: { a: { type: 'object' } } }],
    [{ $ref: '#/$defs/a', $defs: { a: { allOf: [{}, { type: ['object'] }] } } }],
    [{ enum: [{ a: 1 }, {}] }],
  ])('says so where it means nothing else, and is not wrapped: %j', (schema: JsonObject) => {
    expect(rooted(schema)).toEqual({ ...schema, type: 'object' })
  })

  test('wraps any other schema, with its references moved and its digits kept', () => {
    const schema = parseObject(
      '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","maxItems":1.0,' +
        '"items":{"anyOf":[{"$ref":"#"},{"$ref":"#/$defs/a"},{"$ref":"#here"},{"$ref":"https://example.com/x"}]},' +
        '"$defs":{"a":{"default":{"$ref":"#"},"properties":{"default":{"$ref":"#"}}}}}',
    )
    assert(schema)
    expect(objectRoot(schema).text).toBe(
      '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"result":{"type":"array","maxItems":1.0,' +
        '"items":{"anyOf":[{"$ref":"#/properties/result"},{"$ref":"#/properties/result/$defs/a"},{"$ref":"#here"},{"$ref":"https://example.com/x"}]},' +
        '"$defs":{"a":{"default":{"$ref":"#"},"properties":{"default":{"$ref":"#/properties/result"}}}}}},"required":["result"]}',
    )
  })

  test('does not change the references of a schema with its own $id', () => {
    const schema = { $id: 'https://example.com/s', type: 'array', items: { $ref: '#/$defs/a' }, $defs: { a: {} } }
    expect(rooted(schema)['properties']).toEqual({ result: schema })
    expect(isValid(rooted(schema), { result: [1] })).toBe(true)
  })

  test('is found even for circular references', () => {
    expect(rooted({ $ref: '#' })['type']).toBe('object')
    expect(rooted({ anyOf: [{ $ref: '#/anyOf/1' }, { $ref: '#/anyOf/0' }] })['type']).toBe('object')
  })
})

test('property schemas that are true or false become objects, in their places', () => {
  const schema = parseObject('{"type":"object","properties":{"a":true,"b":{"maximum":1.0},"c":false}}')
  assert(schema)
  const plain = plainProperties(schema)
  expect(plain.text).toContain('"properties":{"a":{},"b":{"maximum":1.0},"c":{"not":{}}}')
  expect(plain.value).toEqual(JSON.parse(plain.text))
  expect(plainProperties(plain)).toBe(plain)
})
