import { expect, test, vi } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { Cancel } from '../base/cancel.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Ask, Call, Outcome, Reply, Update } from '../protocol/call.ts'
import { abandon, type Course, listenOn, lookAhead, noteAsk, type Questions, type Step } from './course.ts'

/** A reply whose steps are handed in, and that counts who waits for them. */
function reply(): { readonly reply: Reply; readonly say: (step: Step) => void; readonly waiting: () => number } {
  const waited: Array<{ readonly mock: { readonly calls: readonly unknown[] } }> = []
  const said: Array<(step: Step) => void> = []
  const next = (): Promise<Step> => {
    const step = new Promise<Step>((resolve) => said.push(resolve))
    waited.push(vi.spyOn(step, 'then'))
    return step
  }
  const generator = { next, return: () => Promise.resolve() } as unknown as Reply
  return {
    reply: generator,
    say: (step) => said.shift()?.(step),
    waiting: () => waited.reduce((sum, { mock }) => sum + mock.calls.length, 0),
  }
}

function courseOf(of: Reply): Course {
  const call = { cancel: new Cancel() } as unknown as Call
  const memory = createMemoryBudget(1_000_000).account()
  return { call, reply: of, next: undefined, questions: undefined, memory, over: () => undefined }
}

function ask(answers: Answer[]): Ask {
  const method = 'elicitation/create'
  return { kind: 'ask', method, params: undefined, answer: (one) => answers.push(one), withdrawn: new Cancel() }
}

function note(course: Course, asked: Ask): Questions {
  const questions = noteAsk(course, asked)
  if (!questions) throw new Error('there was no memory for a question')
  return questions
}

const log: Update = { kind: 'notification', method: 'notifications/message', params: undefined }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a client that comes by again and again in vain leaves nothing at the step that it waits for', async () => {
  const clock = manualClock(0)
  const { reply: of, waiting } = reply()
  const course = courseOf(of)
  const questions = note(course, ask([]))
  for (let n = 0; n < 100; n++) {
    const looking = lookAhead(course, 10, clock)
    clock.advance(10)
    expect(await looking).toBeUndefined()
    listenOn(course, questions)()
  }
  expect(waiting()).toBe(1)
})

test('what is heard between two requests comes with the next one, in order, and the end is still to come', async () => {
  const clock = manualClock(0)
  const { reply: of, say } = reply()
  const course = courseOf(of)
  const questions = note(course, ask([]))
  const stop = listenOn(course, questions)
  say({ done: false, value: log })
  await turn()
  say({ done: true, value: {} as Outcome })
  await turn()
  stop()
  expect(questions.held).toEqual([log])
  expect((await lookAhead(course, 10, clock))?.done).toBe(true)
})

test('whoever abandons a call leaves no question without an answer', async () => {
  const { reply: of, say } = reply()
  const course = courseOf(of)
  const answers: Answer[] = []
  const stop = listenOn(course, note(course, ask(answers)))
  say({ done: false, value: ask(answers) })
  await turn()
  stop()
  abandon(course, 'nobody waits for it')
  await turn()
  expect(answers.map(({ kind }) => kind)).toEqual(['result', 'result'])
})
