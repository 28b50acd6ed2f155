import { describe, expect, test } from 'vitest'
import { type ScopedRequest, isScopeRule, patternsInRule, ScopeRules } from './scope-rules.ts'

const of = (...methods: readonly string[]): readonly ScopedRequest[] => methods.map((method) => ({ method }))

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
  expect(rules.lackedBy(granted, of(...methods))).toEqual(lacked)
})

test('a star alone is for everything, also for what has no method', () => {
  const all = new ScopeRules(['mcp:use *'])
  expect(all.lackedBy([], of(''))).toEqual(['mcp:use'])
  expect(all.lackedBy([], of('x'.repeat(100_000)))).toEqual(['mcp:use'])
  expect(all.lackedBy([], of('x\ny'))).toEqual(['mcp:use'])
})

test('no character of a method keeps it from a rule, nor does its length', () => {
  for (const name of ['tools/\n', 'tools/\u2028call', 'tools/a\r\nb'])
    expect(rules.lackedBy([], of(name))).toEqual(['mcp:tools'])
  const ends = new ScopeRules(['mcp:write *call', 'mcp:read tools/list'])
  expect(ends.lackedBy([], of(`${'x'.repeat(1000)}call`))).toEqual(['mcp:write'])
})

test('a dot or a dollar stands for itself', () => {
  expect(new ScopeRules(['a x.y']).lackedBy([], of('xzy'))).toBeUndefined()
})

describe('rules about tools and servers', () => {
  const some = new ScopeRules([
    'mcp:write tool:github__create_* tool:search',
    'mcp:github upstream:github',
    'mcp:tools tools/call',
  ])
  const call = (tools: readonly string[] | 'any', ...upstreams: readonly string[]): ScopedRequest => ({
    method: 'tools/call',
    target: () => ({ tools, upstreams }),
  })

  test.each<[string, readonly ScopedRequest[], readonly string[] | undefined]>([
    ['a tool', [call(['create_issue', 'github__create_issue'], 'github')], ['mcp:write', 'mcp:github', 'mcp:tools']],
    ['an alias', [call(['brave__web', 'search'], 'brave')], ['mcp:write', 'mcp:tools']],
    ['another tool', [call(['list_issues', 'github__list_issues'], 'github')], ['mcp:github', 'mcp:tools']],
    ['a tool of another server', [call(['crm__create_x'], 'crm')], ['mcp:tools']],
    ['a tool that may be any', [call('any', 'crm')], ['mcp:write', 'mcp:tools']],
    ['a tool that may be of any server', [call(['x'], 'crm', 'github')], ['mcp:github', 'mcp:tools']],
    ['a name without end', [call(['x'.repeat(100_000)], 'crm')], ['mcp:write', 'mcp:tools']],
    ['a batch', [...of('ping'), call(['crm__x'], 'crm'), call(['search'], 'brave')], ['mcp:write', 'mcp:tools']],
    ['a list', of('tools/list'), undefined],
  ])('%s', (_, asked, lacked) => {
    expect(some.lackedBy([], asked)).toEqual(lacked)
    expect(some.lackedBy(lacked, asked)).toBeUndefined()
    expect(some.lackedBy(undefined, asked)).toBeUndefined()
  })

  test('what a request is for is looked at only if a rule asks', () => {
    const asked: ScopedRequest = { method: 'tools/call', target: () => expect.unreachable('it was looked at') }
    expect(rules.lackedBy([], [asked])).toEqual(['mcp:tools', 'mcp:write'])
  })

  test('have the patterns of their lines', () => {
    const line = 'mcp:write tool:a__* upstream:b tools/call tool:c'
    expect([patternsInRule(line, 'tool'), patternsInRule(line, 'upstream')]).toEqual([['a__*', 'c'], ['b']])
    expect(patternsInRule('"no rule" tool:a', 'tool')).toEqual([])
  })
})

describe('is no rule', () => {
  test.each([
    '',
    'mcp:tools',
    '"quoted" tools/call',
    'a tools/call(x)',
    'a tool:',
    'a tool:a b:c',
    'a upstream:a.b',
    'a server:x',
    'back\\slash x',
  ])('%j', (line) => {
    expect(isScopeRule(line)).toBe(false)
  })
})
