import { expect, test } from 'vitest'
import { contentId, shortId, unguessableId } from './ids.ts'

test('10,000 ids of sessions differ, are 43 visible characters long, and use each bit', () => {
  const ids = Array.from({ length: 10_000 }, unguessableId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => !/^[\w-]{43}$/.test(id))).toEqual([])
  const ones = new Array<number>(256).fill(0)
  for (const id of ids) {
    const bytes = Buffer.from(id, 'base64url')
    for (let bit = 0; bit < 256; bit++) ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1)
  }
  // 5,000 on average, with a standard deviation of 50.
  expect(Math.min(...ones)).toBeGreaterThan(4500)
  expect(Math.max(...ones)).toBeLessThan(5500)
})

test('short ids between those of sessions differ from them and from each other', () => {
  const ids = Array.from({ length: 3000 }, (_, at) => (at % 3 === 0 ? unguessableId().slice(0, 8) : shortId()))
  expect(new Set(ids).size).toBe(ids.length)
})

test('an id of content is equal for equal texts in the same order, and for no others', () => {
  expect(contentId(['a', 'bc'])).toBe(contentId(['a', 'bc']))
  expect(new Set([['a', 'bc'], ['ab', 'c'], ['abc'], ['bc', 'a']].map(contentId)).size).toBe(4)
})
