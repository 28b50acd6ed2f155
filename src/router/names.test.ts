/** Tests that names of several members are found back, whatever they are, and that collisions are reported. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxNameChars, namesProblems, plainNames, prefixedNames, prefixOf } from './names.ts'

const member = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const members = fc
  .uniqueArray(member, { minLength: 1, maxLength: 5 })
  .filter((names) => namesProblems(names).length === 0)
const own = fc.oneof(
  fc.string({ minLength: 1, maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.stringMatching(/^[a-z_]{40,128}$/),
)

describe('the name of a tool', () => {
  test('leads back to its member and its own name, in full or as its short form', () => {
    fc.assert(
      fc.property(members, own, fc.nat(), (names, tool, at) => {
        const name = names[at % names.length] ?? ''
        const all = prefixedNames(names)
        const shown = all.shown(name, tool)
        expect(shown.length).toBeLessThanOrEqual(maxNameChars)
        const found = all.find(shown)
        expect(found?.member).toBe(name)
        expect(found?.own === tool || found?.mayBeShort).toBe(true)
      }),
    )
  })

  test('is the same for the same tool, and differs for any other, however long the names are', () => {
    fc.assert(
      fc.property(members, own, own, fc.nat(), fc.nat(), (names, one, other, first, second) => {
        const [a, b] = [names[first % names.length] ?? '', names[second % names.length] ?? '']
        const isSame = a === b && one === other
        expect(prefixedNames(names).shown(a, one) === prefixedNames(names).shown(b, other)).toBe(isSame)
      }),
    )
  })

  test('is readable', () => {
    const names = prefixedNames(['github', 'search'])
    expect(names.shown('github', 'create_issue')).toBe('github__create_issue')
    const long = names.shown('github', 'a'.repeat(60))
    expect(long).toMatch(/^github__a{47}_[A-Za-z0-9_-]{8}$/)
    expect(prefixOf('m'.repeat(64))).toMatch(/^m{23}_[A-Za-z0-9_-]{8}__$/)
  })

  test('with a name of no member is not found', () => {
    const names = prefixedNames(['github'])
    for (const unknown of ['echo', 'git__echo', 'github_echo', '__echo', ''])
      expect(names.find(unknown)).toBeUndefined()
  })

  test('stays as it is where there is a single upstream', () => {
    fc.assert(
      fc.property(own, (tool) => {
        const names = plainNames('only')
        expect(names.shown('only', tool)).toBe(tool)
        expect(names.find(tool)).toEqual({ member: 'only', own: tool, mayBeShort: false })
      }),
    )
  })
})

describe('an alias', () => {
  const names = prefixedNames(['brave', 'github'], { search: 'brave__web_search' })

  test('stands for the name, which is still understood', () => {
    expect(names.shown('brave', 'web_search')).toBe('search')
    const found = { member: 'brave', own: 'web_search', mayBeShort: false }
    expect(names.find('search')).toEqual(found)
    expect(names.find('brave__web_search')).toEqual(found)
    expect(names.shown('brave', 'other')).toBe('brave__other')
  })

  test('is one of all names of a tool, next to the short form and the name in full', () => {
    const tool = 't'.repeat(100)
    const short = prefixedNames(['brave']).shown('brave', tool)
    const all = prefixedNames(['brave'], { one: short, other: `brave__${tool}` })
    expect(all.all('brave', tool).toSorted()).toEqual(['one', 'other', short, `brave__${tool}`].toSorted())
    expect(plainNames('brave', { one: short }).all('brave', tool)).toEqual([tool, short, `brave__${tool}`, 'one'])
  })

  test('may stand for a name that is too long', () => {
    const tool = 't'.repeat(100)
    const all = prefixedNames(['brave'], { short: `brave__${tool}` })
    expect(all.shown('brave', tool)).toBe('short')
    expect(all.find('short')).toEqual({ member: 'brave', own: tool, mayBeShort: false })
  })
})

test.each([
  [['a', 'b'], {}, []],
  [['a', 'a_'], {}, ['the upstreams "a" and "a_" collide: a tool "a___x" could be of either']],
  [['a__b', 'a'], {}, ['the upstreams "a" and "a__b" collide: a tool "a__b__x" could be of either']],
  [['a', 'b'], { b__x: 'a__y' }, ['the alias "b__x" collides with the names of the upstream "b"']],
  [['a'], { x: 'c__y' }, ['the alias "x" stands for "c__y", which is of no upstream']],
  [['a'], { x: 'a__y', z: 'a__y' }, ['the aliases "x" and "z" stand for the same name "a__y"']],
  [['a'], { ['__proto__']: 'a__y' }, ['the alias "__proto__" cannot be a name']],
  [['a'], { 'no way': 'a__y' }, ['the alias "no way" must have 1 to 64 of the characters A-Z a-z 0-9 _ . -']],
])('of the upstreams %j and the aliases %j the problems are told', (names, aliases, problems) => {
  expect(namesProblems(names, aliases).map(({ message }) => message)).toEqual(problems)
})
