import { expect, test } from 'vitest'
import { jsonWeight } from './json-weight.ts'

test('a text counts for itself and for its value, by the width of its characters', () => {
  expect(jsonWeight('"abcdefgh"')).toBe(20)
  expect(jsonWeight('"abcdefg→"')).toBe(40)
})

test('a value of many members counts for more than its text', () => {
  const text = `[${Array(1000).fill('{}').join(',')}]`
  expect(jsonWeight(text)).toBe(2 * text.length + 64 * 2000)
})

test('a long text is sampled in windows, and the estimate is close to that of the whole text', () => {
  const dense = `[${Array(100_000).fill('{}').join(',')}]`
  for (const chance of [0, 0.3, 0.99]) {
    const members = (jsonWeight(dense, chance) - 2 * dense.length) / 64
    expect(members).toBeGreaterThan(190_000)
    expect(members).toBeLessThan(210_000)
  }
  const long = `["${'x'.repeat(1_000_000)}"]`
  expect(jsonWeight(long, 0.5)).toBe(2 * long.length)
})
