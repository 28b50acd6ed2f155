import { expect, test } from 'vitest'
import { Broadcast } from './broadcast.ts'
import { Cancel } from './cancel.ts'
import { manualClock } from './clock.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a notification wakes all that wait, and none that comes later', async () => {
  const clock = manualClock()
  const broadcast = new Broadcast()
  broadcast.notify()
  const woken: string[] = []
  const wait = (name: string, ms: number, ends?: readonly Cancel[]): void =>
    void broadcast.next(clock, ms, ends).then(() => woken.push(name))
  wait('one', 1000)
  wait('two', 1000)
  await settled()
  expect(woken).toEqual([])
  broadcast.notify()
  wait('late', 1000)
  await settled()
  expect(woken.splice(0)).toEqual(['one', 'two'])
  clock.advance(1000)
  await settled()
  expect(woken).toEqual(['late'])
})

test('a wait ends at its time, or when one of its ends fires', async () => {
  const clock = manualClock()
  const broadcast = new Broadcast()
  const end = new Cancel()
  const inTime = broadcast.next(clock, 1000)
  const ended = broadcast.next(clock, 1000, [end])
  end.cancel('over')
  await ended
  clock.advance(1000)
  await inTime
})
