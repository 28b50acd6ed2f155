/** Tests which tools a view shows, and of which members it is made. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainNames, prefixedNames } from './names.ts'
import { matchesGlob } from '../base/glob.ts'
import { createView, membersInView } from './view.ts'

const names = prefixedNames(['github', 'search', 'git'], { find: 'search__find' })
const tools = ['github__*', '!github__delete_*', 'search__find']

test.each([
  ['github', 'create_issue', true],
  ['github', 'delete_repo', false],
  ['github', `delete_${'x'.repeat(100)}`, false],
  ['github', `create_${'x'.repeat(100)}`, true],
  ['search', 'find', true],
  ['search', 'find_all', false],
  ['git', 'log', false],
])('of %s, %s is seen: %s', (member, own, isSeen) => {
  expect(createView({ tools }, names).seesTool(member, own)).toBe(isSeen)
})

test('a tool is hidden under each of its names', () => {
  for (const hidden of ['!find', '!search__find', '!search__*', '!*']) {
    expect(createView({ tools: [hidden] }, names).seesTool('search', 'find')).toBe(false)
  }
  expect(createView({ tools: ['!*_end'] }, names).seesTool('git', `${'x'.repeat(100)}_end`)).toBe(false)
})

test('a view shows and hides the same tools of an upstream that is the only one', () => {
  const alone = plainNames('github', { wipe: 'github__delete_repo' })
  for (const hidden of ['!github__delete_*', '!delete_*', '!wipe', '!*delete*'])
    for (const all of [alone, prefixedNames(['github', 'search'], { wipe: 'github__delete_repo' })]) {
      const view = createView({ tools: [hidden] }, all)
      expect([view.seesTool('github', 'delete_repo'), view.seesTool('github', 'list')]).toEqual([false, true])
    }
  for (const shown of ['github__*', 'delete_repo', 'wipe'])
    expect(createView({ tools: [shown] }, alone).seesTool('github', 'delete_repo')).toBe(true)
  expect(createView({ tools: ['search__*'] }, alone).seesTool('github', 'delete_repo')).toBe(false)
})

test('without patterns to match, everything is seen that is not excluded', () => {
  expect(createView({ tools: ['!git__*'] }, names).seesTool('search', 'any')).toBe(true)
  for (const all of [{}, { tools: [] }]) expect(createView(all, names).seesTool('search', 'any')).toBe(true)
})

test.each([
  [tools, ['github', 'search']],
  [['find'], ['search']],
  [['git*'], ['github', 'git']],
  [['*'], ['github', 'search', 'git']],
  [['!github__*'], ['search', 'git']],
  [['!git*'], ['search']],
  [['!*'], []],
  [['!*_*'], []],
  [['!*__delete_*'], ['github', 'search', 'git']],
  [
    ['*', '!github__*'],
    ['search', 'git'],
  ],
  [['github__create_*', 'search__find', '!github__c*'], ['search']],
  [['github__create_*', '!create_*'], []],
  [['github__c*', '!github__create_*'], ['github']],
  [['search__find', '!find'], []],
  [['find', '!search__f*'], []],
  [['nothing__x'], []],
])('a view of %j has the members %j', (patterns, members) => {
  expect(membersInView({ tools: patterns }, ['github', 'search', 'git'], { find: 'search__find' })).toEqual(members)
})

test.each([
  [['search__find'], []],
  [['search__*', 'find'], ['github']],
  [['create_*'], ['github']],
  [['github__*'], ['github']],
  [['!github__*'], []],
  [['create_*', '!create*'], []],
  [['!delete_*'], ['github']],
])('a view of %j of an only upstream has the members %j', (patterns, members) => {
  expect(membersInView({ tools: patterns }, ['github'])).toEqual(members)
})

test('a member that is not in a view has no tool that is seen', () => {
  const part = fc.stringMatching(/^[a-b_*]{1,6}$/)
  const patterns = fc.array(
    fc
      .tuple(fc.boolean(), fc.constantFrom('', 'a__', 'b__'), part)
      .map(([out, of, one]) => `${out ? '!' : ''}${of}${one}`),
    { minLength: 1, maxLength: 4 },
  )
  fc.assert(
    fc.property(patterns, fc.stringMatching(/^[ab_]{1,6}$/), (given, own) => {
      const view = createView({ tools: given }, prefixedNames(['a', 'b']))
      const inView = membersInView({ tools: given }, ['a', 'b'])
      const outside = ['a', 'b'].filter((member) => !inView.includes(member))
      expect(outside.filter((member) => view.seesTool(member, own))).toEqual([])
    }),
  )
})

test('a pattern matches like the regular expression, and in bounded time', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '_'), maxLength: 12 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '_', '*'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, (one, name) => {
      expect(matchesGlob(one, name)).toBe(new RegExp(`^${one.replaceAll('*', '.*')}$`).test(name))
    }),
  )
  expect(matchesGlob(`${'a*'.repeat(500)}b`, 'a'.repeat(8192))).toBe(false)
})
