import { expect, test } from 'vitest'
import { joinListed, summarizeTools } from './listed-tools.ts'

function page(names: readonly unknown[]): ReturnType<typeof summarizeTools> {
  const value = { tools: names.map((name) => ({ name, inputSchema: {} })) as never }
  return summarizeTools({ value, text: JSON.stringify(value) })
}

test('a list in short has its names and a hash that changes with it', () => {
  const one = page(['echo', 'env'])
  expect(one).toMatchObject({ names: ['echo', 'env'], count: 2 })
  expect(page(['echo', 'env'])).toEqual(one)
  expect(page(['echo', 'other']).hash).not.toBe(one.hash)
  expect(summarizeTools({ value: {}, text: '{}' })).toMatchObject({ names: [], count: 0 })
})

test('names are bounded in number and length, the number of tools is not', () => {
  const { names, count } = page([...Array.from({ length: 300 }, (_, at) => `t${at}`)])
  expect([names.length, count]).toEqual([100, 300])
  expect(page(['x'.repeat(4000), 7]).names).toEqual(['x'.repeat(128), ''])
})

test('pages are one list', () => {
  const [one, other] = [page(['a']), page(['b', 'c'])]
  expect(joinListed([one, other])).toMatchObject({ names: ['a', 'b', 'c'], count: 3 })
  expect(joinListed([one, other])?.hash).not.toBe(joinListed([other, one])?.hash)
  expect(joinListed([one])).toBe(one)
  expect(joinListed([])).toBeUndefined()
})
