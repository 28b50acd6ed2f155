import { expect, test } from 'vitest'
import { Cancel } from './cancel.ts'
import { manualClock, pauseUnless } from './clock.ts'

/** Counts its listeners. */
class Watched extends Cancel {
  listening = 0

  override onCancel(listener: () => void): () => void {
    this.listening++
    const stop = super.onCancel(listener)
    return () => {
      this.listening--
      stop()
    }
  }
}

test('a pause lasts its time or until a signal ends it, and leaves no listener behind', async () => {
  const clock = manualClock()
  const [first, second] = [new Watched(), new Watched()]
  const seen: string[] = []
  const pause = async (name: string): Promise<void> => {
    await pauseUnless([first, second], clock, 100)
    seen.push(name)
  }

  const whole = pause('whole')
  clock.advance(99)
  await Promise.resolve()
  expect(seen).toEqual([])
  clock.advance(1)
  await whole
  expect([first.listening, second.listening]).toEqual([0, 0])

  const cut = pause('cut')
  second.cancel('enough')
  await cut
  expect(seen).toEqual(['whole', 'cut'])
  expect(first.listening).toBe(0)
})

test('a pause whose first signal has already fired adds no listener to the others', async () => {
  const [over, later] = [new Cancel(), new Watched()]
  over.cancel('over')
  await pauseUnless([over, later], manualClock(), 100)
  expect(later.listening).toBe(0)
})
