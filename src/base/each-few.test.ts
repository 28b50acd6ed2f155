import { expect, test } from 'vitest'
import { Cancel } from './cancel.ts'
import { eachFew } from './each-few.ts'

const hundred = Array.from({ length: 100 }, (_, at) => at)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('all are done, and never more than a few at once', async () => {
  let [running, most] = [0, 0]
  const done: number[] = []
  await eachFew(
    hundred,
    8,
    async (one) => {
      most = Math.max(most, ++running)
      await turn()
      running--
      done.push(one)
    },
    new Cancel(),
  )
  expect([most, running, done.length]).toEqual([8, 0, 100])
  await eachFew([], 8, () => Promise.reject(new Error('there is nothing to do')), new Cancel())
})

test('after an error nothing more is begun', async () => {
  let begun = 0
  const run = async (one: number): Promise<void> => {
    begun++
    await turn()
    if (one === 2) throw new Error('two')
  }
  await expect(eachFew(hundred, 4, run, new Cancel())).rejects.toThrow('two')
  for (let at = 0; at < 10; at++) await turn()
  expect(begun).toBeLessThan(12)
})

test('once it is stopped nothing more is begun', async () => {
  const stop = new Cancel()
  let begun = 0
  const run = async (): Promise<void> => {
    if (++begun === 10) stop.cancel('it is over')
    await turn()
  }
  await eachFew(hundred, 4, run, stop)
  expect(begun).toBeLessThan(14)
})
