import { expect, test, vi } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { Cancel } from '../../base/cancel.ts'
import { createMemoryBudget, type MemoryAccount } from '../../base/memory-budget.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import type { InputRequest, Call, Outcome, Reply, Update } from '../../protocol/call.ts'
import {
  abandon,
  type SuspendableCall,
  listenOn,
  lookAhead,
  nextStep,
  noteAsk,
  type Questions,
  type Step,
} from './suspendable-call.ts'

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

function suspendableOf(of: Reply): SuspendableCall {
  const call = { cancel: new Cancel() } as unknown as Call
  const memory = createMemoryBudget(1_000_000).account()
  return { call, reply: of, next: undefined, questions: undefined, memory, over: () => undefined }
}

function ask(answers: Answer[]): InputRequest {
  const method = 'elicitation/create'
  return { kind: 'ask', method, params: undefined, answer: (one) => answers.push(one), withdrawn: new Cancel() }
}

function note(suspendable: SuspendableCall, inputRequest: InputRequest): Questions {
  const questions = noteAsk(suspendable, inputRequest)
  if (!questions) throw new Error('there was no memory for a question')
  return questions
}

const log: Update = { kind: 'notification', method: 'notifications/message', params: undefined }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a client that comes by again and again in vain leaves nothing at the step that it waits for', async () => {
  const clock = manualClock(0)
  const { reply: of, waiting } = reply()
  const suspendable = suspendableOf(of)
  const questions = note(suspendable, ask([]))
  for (let n = 0; n < 100; n++) {
    const looking = lookAhead(suspendable, 10, clock)
    clock.advance(10)
    expect(await looking).toBeUndefined()
    listenOn(suspendable, questions)()
  }
  expect(waiting()).toBe(1)
})

test('what is heard between two requests comes with the next one, in order, and the end is still to come', async () => {
  const clock = manualClock(0)
  const { reply: of, say } = reply()
  const suspendable = suspendableOf(of)
  const questions = note(suspendable, ask([]))
  const stop = listenOn(suspendable, questions)
  say({ done: false, value: log })
  await turn()
  say({ done: true, value: {} as Outcome })
  await turn()
  stop()
  expect(questions.held).toEqual([log])
  expect((await lookAhead(suspendable, 10, clock))?.done).toBe(true)
})

test('whoever abandons a call leaves no question without an answer', async () => {
  const { reply: of, say } = reply()
  const suspendable = suspendableOf(of)
  const answers: Answer[] = []
  const stop = listenOn(suspendable, note(suspendable, ask(answers)))
  say({ done: false, value: ask(answers) })
  await turn()
  stop()
  abandon(suspendable, 'nobody waits for it')
  await turn()
  expect(answers.map(({ kind }) => kind)).toEqual(['result', 'result'])
})

/** A course whose call may keep so many bytes, and what they are counted in. */
function bounded(of: Reply, bytes: number): { readonly suspendable: SuspendableCall; readonly memory: MemoryAccount } {
  const memory = createMemoryBudget(1_000_000).account(bytes)
  return { suspendable: { ...suspendableOf(of), memory }, memory }
}

const asked = (answers: Answer[], chars: number): InputRequest => ({
  ...ask(answers),
  params: rawObject({ message: 'x'.repeat(chars) }),
})
const result = (chars: number): Outcome => ({
  answer: { kind: 'result', result: rawObject({ text: 'x'.repeat(chars) }) },
  era: 'legacy',
  process: undefined,
})

test('what a call says while its client is away counts, and is given back as it is taken', async () => {
  const { reply: of, say } = reply()
  const { suspendable, memory } = bounded(of, 100_000)
  const answers: Answer[] = []
  const questions = note(suspendable, asked(answers, 5000))
  const withQuestion = memory.heldBytes
  expect(withQuestion).toBeGreaterThan(10_000)
  const stop = listenOn(suspendable, questions)
  say({ done: false, value: { ...log, params: rawObject({ data: 'y'.repeat(3000) }) } as Update })
  await turn()
  expect(memory.heldBytes).toBeGreaterThan(withQuestion + 6000)
  say({ done: true, value: result(4000) })
  await turn()
  expect(memory.heldBytes).toBeGreaterThan(withQuestion + 14_000)
  stop()
  await nextStep(suspendable)
  expect(await nextStep(suspendable)).toMatchObject({ done: true })
  expect(memory.heldBytes).toBe(withQuestion)
  for (const one of questions.open.values()) one.answer({ kind: 'result', result: rawObject({}) })
  expect([memory.heldBytes, answers.length]).toEqual([0, 1])
})

test('a question that there is no memory for is answered to the server, and a result is refused to the client', async () => {
  const { reply: of, say } = reply()
  const { suspendable, memory } = bounded(of, 20_000)
  const answers: Answer[] = []
  expect(noteAsk(suspendable, asked(answers, 50_000))).toBeUndefined()
  const questions = note(suspendable, ask(answers))
  const stop = listenOn(suspendable, questions)
  say({ done: false, value: asked(answers, 50_000) })
  await turn()
  expect(answers.map(({ kind }) => kind)).toEqual(['error', 'error'])
  say({ done: true, value: result(50_000) })
  await turn()
  stop()
  await expect(nextStep(suspendable)).rejects.toMatchObject({ code: 'result_too_large' })
  expect(memory.heldBytes).toBeLessThan(2000)
})
