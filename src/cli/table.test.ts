import { expect, test } from 'vitest'
import { shortAge, shortSize, table, timeLeft } from './table.ts'

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

test('what is left of a time is rounded up, so that a pause of five minutes is one of five minutes', () => {
  const times = [0, 1, 25_001, 59_999, 90_000, 299_999, 300_000, 3_599_999, 3_600_000, 5_340_001]
  expect(times.map(timeLeft)).toEqual(['0s', '1s', '26s', '1m', '1m30s', '5m', '5m', '1h', '1h', '1h30m'])
})
