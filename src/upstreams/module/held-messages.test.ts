import { expect, test } from 'vitest'
import { HeldMessages } from './held-messages.ts'

function start(): { held: HeldMessages; passed: string[] } {
  const passed: string[] = []
  return { held: new HeldMessages((text) => passed.push(text)), passed }
}

test('messages go on at once, and wait in order while the object is held back', async () => {
  const { held, passed } = start()
  await held.send('a')
  held.hold(true)
  let sent = 0
  const sending = ['b', 'c'].map((text) => held.send(text).then(() => sent++))
  await Promise.resolve()
  expect({ passed: [...passed], sent }).toEqual({ passed: ['a'], sent: 0 })
  held.hold(false)
  await Promise.all(sending)
  expect(passed).toEqual(['a', 'b', 'c'])
})

test.each([
  ['many', 1000, 'x'],
  ['large', 4, 'x'.repeat(256 * 1024)],
])('%s messages of an object that is held back go on beyond the bound, in order', (_what, most, text) => {
  const { held, passed } = start()
  held.hold(true)
  for (let at = 0; at < most; at++) void held.send(text)
  expect(passed).toHaveLength(0)
  void held.send('the last')
  expect(passed).toHaveLength(most + 1)
  expect(passed.at(-1)).toBe('the last')
})

test('what waits is dropped when the object is over, and no tool waits for it', async () => {
  const { held, passed } = start()
  held.hold(true)
  const sending = held.send('a')
  held.drop()
  await sending
  expect(passed).toEqual([])
})
