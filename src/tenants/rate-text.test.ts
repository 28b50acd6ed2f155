import { expect, test } from 'vitest'
import { readPair, readQuota, readRate, writeRate } from './rate-text.ts'

test.each([
  ['1000/min, burst 200', 1000, 60_000, 200],
  ['1000/min burst 200', 1000, 60_000, 200],
  ['5/s', 5, 1000, 5],
  ['100/10s', 100, 10_000, 100],
  ['100 per minute', 100, 60_000, 100],
  ['20 / hour', 20, 3_600_000, 20],
  ['points 100, duration 60', 100, 60_000, 100],
  ['points=100, duration=1m, burst=7', 100, 60_000, 7],
  ['duration: 60 s, points: 9', 9, 60_000, 9],
])('%s', (text, points, perMs, burst) => {
  const rule = readRate(text)
  expect(rule).toEqual({ points, perMs, burst })
  expect(rule && readRate(writeRate(rule))).toEqual(rule)
})

test.each([
  '',
  '10',
  '10/',
  '/min',
  '0/min',
  '10/year',
  '-1/s',
  '10/min, burst 0',
  '10/min, burst',
  '10/48h',
  'points 5',
])('%s is no rate', (text) => {
  expect(readRate(text)).toBeUndefined()
})

test('a burst beside the rate holds if the rate has none', () => {
  expect([readRate('10/s', 3)?.burst, readRate('10/s, burst 2', 3)?.burst]).toEqual([3, 2])
})

test('quotas and pairs', () => {
  expect(readQuota('100000/day')).toEqual({ points: 100_000, period: 'day' })
  expect(readQuota('5 per month')).toEqual({ points: 5, period: 'month' })
  expect([readQuota('5/week'), readQuota('0/day')]).toEqual([undefined, undefined])
  expect([readPair('a__*=10/min'), readPair('=x'), readPair('x')]).toEqual([['a__*', '10/min'], undefined, undefined])
})
