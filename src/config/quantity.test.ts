import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCount, readDuration, readSize, writeDuration, writeSize } from './quantity.ts'

describe('durations', () => {
  test.each([
    ['300ms', 300],
    ['5s', 5000],
    ['1.5s', 1500],
    ['30m', 1_800_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['600000', 600_000],
    ['0', 0],
    [' 10 M ', 600_000],
    ['5min', 300_000],
    ['2 hours', 7_200_000],
    ['1 Day', 86_400_000],
    ['90 seconds', 90_000],
    ['500 millis', 500],
  ])('%j is %i milliseconds', (text, ms) => {
    expect(readDuration(text)).toBe(ms)
  })

  test.each([
    '',
    's',
    '10 minuets',
    '-5s',
    '1e3',
    '5ss',
    '5 parsecs',
    '5 kb',
    '0x10',
    'Infinity',
    '1.5',
    '99999999999999999h',
    '5s 3s',
    '١s',
  ])('%j is none', (text) => {
    expect(readDuration(text)).toBeUndefined()
  })

  test('a written value is read back as the same', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (ms) => readDuration(writeDuration(ms)) === ms))
  })
})

describe('sizes', () => {
  test.each([
    ['512', 512],
    ['64kb', 65_536],
    ['10MB', 10_485_760],
    ['1gb', 1_073_741_824],
    ['0.5kb', 512],
    ['512m', 536_870_912],
    ['2 GiB', 2_147_483_648],
    ['100 bytes', 100],
  ])('%j is %i bytes', (text, bytes) => {
    expect(readSize(text)).toBe(bytes)
  })

  test('a duration is not a size', () => {
    expect(readSize('10s')).toBeUndefined()
  })

  test('a written value is read back as the same', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (bytes) => readSize(writeSize(bytes)) === bytes))
  })
})

test('for any text the readers return a whole number or undefined, and never throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const read of [readCount, readDuration, readSize]) {
        const value = read(text)
        expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true)
      }
    }),
  )
})
