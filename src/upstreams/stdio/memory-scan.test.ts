/** When processes are looked at, and by how many looks: with a clock that the test moves. */
import { expect, test } from 'vitest'
import { manualClock, pause } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createMemoryScan, type WatchedChild } from './memory-scan.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** @param lookMs how long a look takes */
function createFixture(lookMs = 0) {
  const clock = manualClock()
  const looks: number[][] = []
  const scan = createMemoryScan(clock, async (roots) => {
    looks.push([...roots])
    if (lookMs > 0) await pause(clock, lookMs)
    return new Map([...roots].map((pid) => [pid, pid * 100] as const))
  })
  const exceeded: number[] = []
  const childOf = (pid: number): WatchedChild => ({
    pid,
    worker: pid,
    exited: false,
    memoryBytes: undefined,
    exceed: () => void exceeded.push(pid),
  })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50)
      await settled()
    }
  }
  return { scan, looks, exceeded, childOf, pass }
}

const limited = (most: number) => ({ log: silentLog, limit: () => most, isUsed: true })
const shown = { log: silentLog, limit: () => undefined, isUsed: false }

test('one look serves the children of all servers', async () => {
  const { scan, looks, exceeded, childOf, pass } = createFixture()
  const [one, other, third] = [childOf(1), childOf(2), childOf(3)]
  scan.add(one, limited(1000))
  scan.add(other, limited(1000))
  scan.add(third, shown)
  await pass(250)
  expect(looks).toEqual([[1, 2, 3]])
  expect([one, other, third].map(({ memoryBytes }) => memoryBytes)).toEqual([100, 200, 300])
  await pass(9_500)
  expect(looks.length, 'four a second, whatever is watched').toBeLessThanOrEqual(39)
  expect(looks.slice(1).every((roots) => roots.join() === '1,2')).toBe(true)
  await pass(1000)
  expect(looks.filter((roots) => roots.includes(3))).toHaveLength(2)
  expect(exceeded).toEqual([])
})

test('one that takes more than it may is ended, and others are not', async () => {
  const { scan, exceeded, childOf, pass } = createFixture()
  scan.add(childOf(5), limited(499))
  scan.add(childOf(6), limited(600))
  await pass(250)
  expect(exceeded).toEqual([5])
})

test('looks that take long on a busy machine are still made every few seconds', async () => {
  const { scan, looks, exceeded, childOf, pass } = createFixture(1000)
  let most = Infinity
  scan.add(childOf(5), { ...limited(0), limit: () => most })
  await pass(1500)
  most = 499
  await pass(3500)
  expect([looks.length, exceeded[0]]).toEqual([2, 5])
})

test('children that come and go for operators alone cost no more looks, and without any there are none', async () => {
  const { scan, looks, childOf, pass } = createFixture()
  const children = Array.from({ length: 100 }, (_, at) => childOf(at + 1))
  for (const child of children) {
    scan.add(child, shown)
    await pass(100)
  }
  expect(looks.length).toBeLessThanOrEqual(2)
  for (const child of children) scan.remove(child)
  const before = looks.length
  await pass(60_000)
  expect(looks).toHaveLength(before)
})
