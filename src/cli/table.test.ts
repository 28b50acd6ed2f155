import { expect, test } from 'vitest'
import { shortAge, shortSize, table } from './table.ts'

test('a table has aligned columns, and nothing that steers a terminal', () => {
  const text = table(
    ['ID', 'CLIENT'],
    [
      ['1', '\u001b[31mred\u202e'],
      ['1234', ''],
      ['2', 'x'.repeat(70)],
    ],
  )
  expect(text).toBe(`ID    CLIENT\n1     red\n1234  -\n2     ${'x'.repeat(59)}…\n`)
})

test('an age has two units at most, a size one', () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
  const ages = [0, 59 * second, 12 * minute, 3 * hour + 12 * minute, 3 * hour, 2 * day + 4 * hour, 9 * day]
  expect(ages.map(shortAge)).toEqual(['0s', '59s', '12m', '3h12m', '3h', '2d4h', '9d'])
  expect([0, 512, 14_541, 326_107_136].map(shortSize)).toEqual(['0 B', '512 B', '14.2 KB', '311 MB'])
})
