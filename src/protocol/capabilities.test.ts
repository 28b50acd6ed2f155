import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { acrossEras, offeredToRequest, offeredToSession, profileOf, withoutInputRequests } from './capabilities.ts'
import { isObject, type JsonObject } from './json-text.ts'

const odd = fc.jsonValue({ maxDepth: 2 })
const declared = fc.record(
  {
    elicitation: fc.oneof(fc.constantFrom({}, { form: {} }, { url: {}, form: {} }, { form: { x: 1 }, y: {} }), odd),
    roots: fc.oneof(fc.constantFrom({}, { listChanged: true }, { listChanged: 1 }), odd),
    sampling: fc.oneof(fc.constantFrom({}, { tools: {} }, { context: {}, tools: {}, z: {} }), odd),
    tasks: fc.constantFrom({}, { list: {} }),
    extensions: fc.oneof(fc.dictionary(fc.string(), fc.constantFrom({}, { a: 1 }, 7)), odd),
    experimental: odd,
    unknown: odd,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>

test('the profile of a profile is the same, and its text equals its value', () => {
  fc.assert(
    fc.property(declared, (capabilities) => {
      const profile = profileOf(capabilities)
      expect(profileOf(profile.value).text).toBe(profile.text)
      expect(JSON.stringify(profile.value)).toBe(profile.text)
    }),
  )
})

test('a profile depends neither on the order of members nor on members that the specification does not define', () => {
  const defined = ['elicitation', 'roots', 'sampling', 'tasks', 'extensions']
  fc.assert(
    fc.property(
      declared.chain((one) =>
        fc.tuple(fc.constant(one), fc.shuffledSubarray(Object.keys(one), { minLength: Object.keys(one).length }), odd),
      ),
      ([capabilities, order, extra]) => {
        const shuffled = Object.fromEntries(order.map((key) => [key, capabilities[key]]))
        const { text } = profileOf(capabilities)
        expect(profileOf(shuffled).text).toBe(text)
        expect(profileOf({ ...capabilities, somethingNew: extra }).text).toBe(text)
        for (const key of Object.keys(JSON.parse(text) as object)) expect(defined).toContain(key)
      },
    ),
  )
})

test('a profile declares exactly the declared capabilities', () => {
  expect(
    profileOf({
      experimental: { x: {} },
      sampling: { tools: { deep: 1 }, other: {} },
      roots: { listChanged: true },
      elicitation: {},
    }).text,
  ).toBe('{"elicitation":{},"roots":{"listChanged":true},"sampling":{"tools":{}}}')
  fc.assert(
    fc.property(declared, (capabilities) => {
      for (const key of Object.keys(profileOf(capabilities).value)) assert(Object.hasOwn(capabilities, key))
    }),
  )
})

test('extensions beyond the bound create no more profiles', () => {
  const many = (count: number): JsonObject => ({
    extensions: Object.fromEntries(Array.from({ length: count }, (_, i) => [`x/${String(i).padStart(3, '0')}`, {}])),
  })
  expect(profileOf(many(9)).text).toBe(profileOf(many(500)).text)
  expect(profileOf(many(3)).text).not.toBe(profileOf(many(4)).text)
})

test('without input requests no capability is left that allows one', () => {
  fc.assert(
    fc.property(declared, (capabilities) => {
      const rest = withoutInputRequests(capabilities)
      expect(Object.keys(rest.value).filter((key) => key !== 'extensions')).toEqual([])
      const { extensions } = profileOf(capabilities).value
      expect(JSON.stringify(rest.value['extensions'])).toBe(JSON.stringify(extensions))
    }),
  )
})

const declaredAll: JsonObject = {
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  sampling: { tools: {}, context: {} },
  tasks: { list: {} },
  extensions: { 'io.modelcontextprotocol/tasks': {}, 'io.modelcontextprotocol/ui': { a: 1 } },
}
const across = (version: string, capabilities: JsonObject, mayAsk = true): string =>
  acrossEras({ era: 'legacy', version, capabilities, info: undefined }, mayAsk).text

test('a stateless server sees the capabilities of a session’s client that its revision has, and no tasks', () => {
  const extensions = '"extensions":{"io.modelcontextprotocol/ui":{"a":1}}'
  expect(across('2025-11-25', declaredAll)).toBe(
    `{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{"context":{},"tools":{}},${extensions}}`,
  )
  expect(across('2025-06-18', declaredAll)).toBe(`{"elicitation":{},"roots":{},"sampling":{},${extensions}}`)
  expect(across('2025-03-26', declaredAll)).toBe(`{"roots":{},"sampling":{},${extensions}}`)
  expect(across('2025-11-25', declaredAll, false)).toBe(`{${extensions}}`)
  expect(across('2025-11-25', { extensions: { 'io.modelcontextprotocol/tasks': {} } })).toBe('{}')
})

test('a stateless server never sees a capability that a session’s client did not declare', () => {
  fc.assert(
    fc.property(
      declared,
      fc.constantFrom('2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'),
      (client, version) => {
        for (const key of Object.keys(JSON.parse(across(version, client)) as object)) assert(isObject(client[key]))
        expect(across(version, {})).toBe('{}')
      },
    ),
  )
})

test('a session-based server sees the capabilities that a stateless client declared, and no tasks', () => {
  const client = { era: 'modern', version: '2026-07-28', capabilities: declaredAll, info: undefined } as const
  expect(acrossEras(client, true).text).toBe(
    '{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{"context":{},"tools":{}},"extensions":{"io.modelcontextprotocol/ui":{"a":1}}}',
  )
})

const offered: JsonObject = {
  tools: { listChanged: true },
  completions: {},
  experimental: { x: {} },
  extensions: { 'io.modelcontextprotocol/tasks': {}, 'io.modelcontextprotocol/ui': {} },
}

test('a session’s client sees extensions if it declared some, and completions if its revision has them', () => {
  const to = (version: string, capabilities: JsonObject): JsonObject =>
    offeredToSession(offered, { era: 'legacy', version, capabilities, info: undefined })
  const { completions, extensions: _, ...rest } = offered
  expect(to('2024-11-05', {})).toEqual(rest)
  expect(to('2025-03-26', {})).toEqual({ ...rest, completions })
  const extensions = { 'io.modelcontextprotocol/ui': {} }
  expect(to('2025-11-25', { extensions: {} })).toEqual({ ...rest, completions, extensions })
})

test('a stateless client does not see tasks of the session-based era', () => {
  const { extensions: _, ...rest } = offered
  const extensions = { 'io.modelcontextprotocol/ui': {} }
  expect(offeredToRequest({ ...offered, tasks: { list: {} } })).toEqual({ ...rest, extensions })
  expect(offeredToRequest({ tasks: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } })).toEqual({})
})
