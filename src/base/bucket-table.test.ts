import { expect, test } from 'vitest'
import { BucketTable, takeAll } from './bucket-table.ts'

const rule = { points: 60, perMs: 60_000, burst: 3 }

function drain(table: BucketTable, key: string, nowMs: number): number {
  let taken = 0
  while (table.waitMs(key, nowMs, 1) === 0) {
    table.take(key, nowMs, 1)
    taken++
  }
  return taken
}

test('each key has a bucket of its own', () => {
  const table = new BucketTable(rule, 10)
  expect([drain(table, 'a', 1000), drain(table, 'b', 1000), drain(table, 'a', 1000)]).toEqual([3, 3, 0])
  expect(table.tokens('a', 3000)).toBe(2)
})

test('a hundred thousand keys take the memory of as many as there is room for, and share one bucket beyond', () => {
  const table = new BucketTable(rule, 100)
  let admitted = 0
  for (let at = 0; at < 100_000; at++) admitted += drain(table, `key ${at}`, 1000)
  expect(table.size).toBe(100)
  expect(admitted).toBe(101 * rule.burst)
})

test('keys whose buckets are full again make room', () => {
  const table = new BucketTable(rule, 2)
  for (const key of ['a', 'b', 'c', 'd']) drain(table, key, 1000)
  expect(drain(table, 'e', 1000)).toBe(0)
  const later = 1000 + rule.burst * 1000
  expect([drain(table, 'e', later), drain(table, 'f', later), table.size]).toEqual([3, 3, 2])
})

test('tokens are taken of all buckets or of none, and the wait is until all have them', () => {
  const [wide, narrow] = [new BucketTable(rule, 10), new BucketTable({ points: 1, perMs: 5000, burst: 1 }, 10)]
  const wanted = [
    { table: wide, key: 'tenant', cost: 1 },
    { table: narrow, key: 'tool', cost: 1 },
  ]
  expect(takeAll(wanted, 1000)).toBeUndefined()
  expect(takeAll(wanted, 1000)).toMatchObject({ waitMs: 5000, of: { key: 'tool' } })
  expect(wide.tokens('tenant', 1000)).toBe(2)
  expect(takeAll(wanted, 5999)?.waitMs).toBe(1)
  expect(takeAll(wanted, 6000)).toBeUndefined()
})
