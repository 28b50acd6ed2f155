import { describe, expect, test } from 'vitest'
import { isScopeRule, ScopeRules } from './scope-rules.ts'

const rules = new ScopeRules(['mcp:tools tools/*', 'mcp:write tools/call', 'mcp:admin logging/setLevel'])

test.each<[readonly string[] | undefined, readonly string[], readonly string[] | undefined]>([
  [undefined, ['tools/call'], undefined],
  [[], ['initialize'], undefined],
  [[], ['tools/list'], ['mcp:tools']],
  [['mcp:tools'], ['tools/list'], undefined],
  // All that are needed are named, not only those that are missing.
  [['mcp:tools'], ['tools/call'], ['mcp:tools', 'mcp:write']],
  [['mcp:tools', 'mcp:write'], ['tools/call'], undefined],
  [
    ['mcp:tools', 'mcp:write'],
    ['tools/call', 'logging/setLevel'],
    ['mcp:tools', 'mcp:write', 'mcp:admin'],
  ],
  [['mcp:Tools'], ['tools/list'], ['mcp:tools']],
  [[], ['xtools/list'], undefined],
  [[], [''], undefined],
])('with %j, %j lacks %j', (granted, methods, lacked) => {
  expect(rules.lackedBy(granted, methods)).toEqual(lacked)
})

test('a star alone is for everything, also for what has no method', () => {
  const all = new ScopeRules(['mcp:use *'])
  expect(all.lackedBy([], [''])).toEqual(['mcp:use'])
  expect(all.lackedBy([], ['x'.repeat(100_000)])).toEqual(['mcp:use'])
  expect(all.lackedBy([], ['x\ny'])).toEqual(['mcp:use'])
})

test('no character of a method keeps it from a rule, nor does its length', () => {
  for (const name of ['tools/\n', 'tools/\u2028call', 'tools/a\r\nb'])
    expect(rules.lackedBy([], [name])).toEqual(['mcp:tools'])
  const ends = new ScopeRules(['mcp:write *call', 'mcp:read tools/list'])
  expect(ends.lackedBy([], [`${'x'.repeat(1000)}call`])).toEqual(['mcp:write'])
})

test('a dot or a dollar stands for itself', () => {
  expect(new ScopeRules(['a x.y']).lackedBy([], ['xzy'])).toBeUndefined()
})

describe('is no rule', () => {
  test.each(['', 'mcp:tools', '"quoted" tools/call', 'a tools/call(x)', 'back\\slash x'])('%j', (line) => {
    expect(isScopeRule(line)).toBe(false)
  })
})
