/** Tests that merged lists are put together from kept parts, within the memory budget, whatever their number. */
import { expect, test } from 'vitest'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { createEncodedTexts, type Page } from '../catalog/pages.ts'
import type { EraName } from '../protocol/call.ts'
import { type JsonObject, rawObject, type RawObject } from '../protocol/json-text.ts'
import { createMergedPages, type MemberPages, shortestTtl } from './merged-pages.ts'

function page(tools: readonly JsonObject[], more: JsonObject = {}, era: EraName = 'legacy', isForAll = false): Page {
  return { result: rawObject({ tools, ...more }), era, isForAll, encoded: createEncodedTexts(() => true) }
}

const given = (member: string, pages: readonly Page[], ttlMs = 0): MemberPages => ({ member, pages, ttlMs })
const translate = (member: string, _: string, entry: RawObject): RawObject =>
  rawObject({ ...entry.value, name: `${member}__${JSON.stringify(entry.value['name']).slice(1, -1)}` })

test('value and text of a merged list are the same, in the order of the members', () => {
  const merged = createMergedPages(createMemoryBudget(10_000_000), translate)
  const members = [given('b', [page([{ name: '1' }]), page([])]), given('a', [page([{ name: '2' }, { name: '3' }])])]
  const { pages } = merged.merge('tools/list', members, [{ member: 'c', reason: 'why' }])
  const [{ value, text }] = pages.map(({ result }) => result) as [RawObject]
  expect(JSON.parse(text)).toEqual(value)
  expect(value).toEqual({
    tools: [{ name: 'b__1' }, { name: 'a__2' }, { name: 'a__3' }],
    _meta: { 'mcplex/missing': [{ upstream: 'c', reason: 'why' }] },
  })
})

test('the same parts give the same pages, and another part of one member costs that part alone', () => {
  let translated = 0
  const merged = createMergedPages(createMemoryBudget(10_000_000), (...entry) => {
    translated++
    return translate(...entry)
  })
  const common = [given('a', [page([{ name: '1' }])]), given('b', [page([{ name: '2' }])])]
  const first = merged.merge('tools/list', common, [])
  const again = merged.merge('tools/list', common, []).pages
  expect(again.every((one, at) => one === first.pages[at])).toBe(true)
  expect(translated).toBe(2)
  const own = merged.merge('tools/list', [...common.slice(0, 1), given('b', [page([{ name: '3' }])])], [])
  expect(translated).toBe(3)
  expect(own.generation).not.toBe(first.generation)
  merged.clear()
  expect(merged.merge('tools/list', common, []).generation).toBe(first.generation)
})

test.each([
  [[page([], { cacheScope: 'public' }), page([], { cacheScope: 'public' })], true],
  [[page([], { cacheScope: 'public' }), page([])], false],
  [[page([], {}, 'legacy', true), page([], { cacheScope: 'public' }, 'modern')], true],
  [[page([], {}, 'legacy', true), page([], {}, 'legacy', false)], false],
  [[page([], { cacheScope: 'private' }, 'modern', true), page([], {}, 'legacy', true)], false],
] as const)('clients may share a merged list if they may share each part: case %#', (pages, isForAll) => {
  const merged = createMergedPages(createMemoryBudget(10_000_000), translate)
  const members = pages.map((one, at) => given(String(at), [one]))
  const [only] = merged.merge('tools/list', members, []).pages
  expect(only?.isForAll).toBe(isForAll)
  // It is not said to sessions, whose revisions do not know it: the codec of the other era says it.
  expect(only?.result.value['cacheScope']).toBe(undefined)
  const [partial] = merged.merge('tools/list', members, [{ member: 'c', reason: 'why' }]).pages
  expect(partial?.isForAll).toBe(false)
})

test('a client may keep a merged list as long as the shortest of its parts, and not at all if a member is missing', () => {
  const members = [given('a', [], 500), given('b', [], 900)]
  expect(shortestTtl(members, [])).toBe(500)
  expect(shortestTtl(members, [{ member: 'c', reason: 'why' }])).toBe(0)
})

test('lists of both eras are merged in the form of the stateless one', () => {
  const merged = createMergedPages(createMemoryBudget(10_000_000), translate)
  const old = page([{ name: '1', execution: { taskSupport: 'optional' } }])
  const [only] = merged.merge(
    'tools/list',
    [given('a', [old]), given('b', [page([{ name: '2' }], {}, 'modern')])],
    [],
  ).pages
  expect(only?.era).toBe('modern')
  expect(only?.result.value['tools']).toEqual([{ name: 'a__1' }, { name: 'b__2' }])
})

test('a long list has several pages', () => {
  const merged = createMergedPages(createMemoryBudget(100_000_000), translate)
  const description = 'd'.repeat(400_000)
  const members = ['a', 'b', 'c', 'd'].map((name) => given(name, [page([{ name, description }])]))
  const { pages, generation } = merged.merge('tools/list', members, [])
  expect(pages.map(({ result }) => result.value['nextCursor'])).toEqual([`${generation}.1`, undefined])
})

test('any number of lists of sessions stays within the budget, and is served', () => {
  const budget = createMemoryBudget(4_000_000)
  const merged = createMergedPages(budget, translate)
  const common = given('a', [page([{ name: 'x'.repeat(20_000) }])])
  for (let at = 0; at < 500; at++) {
    const own = given('b', [page([{ name: `${at}${'y'.repeat(20_000)}` }])])
    const [only] = merged.merge('tools/list', [common, own], []).pages
    expect(only?.result.text).toContain(`b__${at}y`)
    only?.encoded.keep('2025-11-25', 'z'.repeat(40_000))
    expect(budget.heldBytes).toBeLessThanOrEqual(500_000)
  }
  merged.clear()
  expect(budget.heldBytes).toBe(0)
})
