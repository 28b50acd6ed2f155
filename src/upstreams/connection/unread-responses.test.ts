import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { UnreadResponses } from './unread-responses.ts'

function fixture(): {
  clock: ReturnType<typeof manualClock>
  happened: string[]
  answers: UnreadResponses
  ask(times: number): void
  read(): void
} {
  const clock = manualClock()
  const happened: string[] = []
  let backlog = 0
  const answers = new UnreadResponses({
    clock,
    idleMs: 60_000,
    backlog: () => backlog,
    hold: (isHeld) => void happened.push(isHeld ? 'held' : 'heard'),
    notReading: () => void happened.push('given up'),
  })
  return {
    clock,
    happened,
    answers,
    ask(times) {
      for (let i = 0; i < times; i++) {
        backlog += 1024
        answers.sent(1024)
      }
    },
    read() {
      backlog = 0
      answers.drained()
    },
  }
}

test('a server that reads may send any number of requests', () => {
  const { happened, ask, read } = fixture()
  for (let i = 0; i < 100; i++) {
    ask(50)
    read()
  }
  expect(happened).toEqual([])
})

test('the output of a server that does not read is held until it does', () => {
  const { clock, happened, ask, read } = fixture()
  ask(400)
  expect(happened).toEqual(['held'])
  clock.advance(29_000)
  read()
  clock.advance(60_000)
  expect(happened).toEqual(['held', 'heard'])
})

test('a server that does not read for half a minute is given up, unless it has ended', () => {
  const one = fixture()
  one.ask(400)
  one.clock.advance(30_000)
  expect(one.happened).toEqual(['held', 'given up'])
  const other = fixture()
  other.ask(400)
  other.answers.close()
  other.clock.advance(30_000)
  expect(other.happened).toEqual(['held'])
})
