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
  readWhileSuspended,
  lookAhead,
  nextStep,
  addInputRequest,
  type InputRequests,
  type Step,
} from './suspendable-call.ts'

/** A reply whose steps are given by `emit`; `waiting` counts the listeners on them. */
function reply(): { readonly reply: Reply; readonly emit: (step: Step) => void; readonly waiting: () => number } {
  const waited: Array<{ readonly mock: { readonly calls: readonly unknown[] } }> = []
  const resolves: Array<(step: Step) => void> = []
  const next = (): Promise<Step> => {
    const step = new Promise<Step>((resolve) => resolves.push(resolve))
    waited.push(vi.spyOn(step, 'then'))
    return step
  }
  const never = (): Promise<Step> => new Promise(() => {})
  const generator: Reply = {
    next,
    return: never,
    throw: never,
    [Symbol.asyncIterator]: () => generator,
  }
  return {
    reply: generator,
    emit: (step) => resolves.shift()?.(step),
    waiting: () => waited.reduce((sum, { mock }) => sum + mock.calls.length, 0),
  }
}

function suspendableOf(steps: Reply): SuspendableCall {
  const call: Call = {
    id: '1',
    method: 'tools/call',
    params: undefined,
    client: { era: 'modern', version: '2026-07-28', capabilities: {}, info: undefined },
    principal: { tenant: '', subject: '' },
    session: undefined,
    worker: undefined,
    fairnessKey: 'a connection',
    clientKey: 'a client',
    progressToken: undefined,
    logLevel: undefined,
    cancel: new Cancel(),
  }
  const memory = createMemoryBudget(1_000_000).account()
  return {
    call,
    endpoint: '',
    reply: steps,
    next: undefined,
    inputRequests: undefined,
    callId: undefined,
    memory,
    leaveDrain: () => undefined,
  }
}

function ask(answers: Answer[]): InputRequest {
  const method = 'elicitation/create'
  return {
    kind: 'input_request',
    method,
    params: undefined,
    answer: (one) => answers.push(one),
    withdrawn: new Cancel(),
  }
}

function add(suspendable: SuspendableCall, inputRequest: InputRequest): InputRequests {
  const inputRequests = addInputRequest(suspendable, inputRequest)
  if (!inputRequests) throw new Error('there was no memory for an input request')
  return inputRequests
}

const log: Update = { kind: 'notification', method: 'notifications/message', params: undefined }
const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a client that looks for the same step again and again adds no listeners to it', async () => {
  const clock = manualClock(0)
  const { reply: steps, waiting } = reply()
  const suspendable = suspendableOf(steps)
  const inputRequests = add(suspendable, ask([]))
  for (let n = 0; n < 100; n++) {
    const looking = lookAhead(suspendable, 10, clock)
    clock.advance(10)
    expect(await looking).toBeUndefined()
    readWhileSuspended(suspendable, inputRequests)()
  }
  expect(waiting()).toBe(1)
})

test('updates that come between two requests go to the next request in order, and the outcome follows', async () => {
  const clock = manualClock(0)
  const { reply: steps, emit } = reply()
  const suspendable = suspendableOf(steps)
  const inputRequests = add(suspendable, ask([]))
  const stop = readWhileSuspended(suspendable, inputRequests)
  emit({ done: false, value: log })
  await nextTick()
  emit({ done: true, value: {} as Outcome })
  await nextTick()
  stop()
  expect(inputRequests.held).toEqual([log])
  expect((await lookAhead(suspendable, 10, clock))?.done).toBe(true)
})

test('abandoning a call answers all its input requests', async () => {
  const { reply: steps, emit } = reply()
  const suspendable = suspendableOf(steps)
  const answers: Answer[] = []
  const stop = readWhileSuspended(suspendable, add(suspendable, ask(answers)))
  emit({ done: false, value: ask(answers) })
  await nextTick()
  stop()
  abandon(suspendable, 'no client waits for it')
  await nextTick()
  expect(answers.map(({ kind }) => kind)).toEqual(['result', 'result'])
})

/** A call that may keep `bytes` bytes, and the account that counts them. */
function bounded(
  steps: Reply,
  bytes: number,
): { readonly suspendable: SuspendableCall; readonly memory: MemoryAccount } {
  const memory = createMemoryBudget(1_000_000).account(bytes)
  return { suspendable: { ...suspendableOf(steps), memory }, memory }
}

const asked = (answers: Answer[], chars: number): InputRequest => ({
  ...ask(answers),
  params: rawObject({ message: 'x'.repeat(chars) }),
})
const result = (chars: number): Outcome => ({
  answer: { kind: 'result', result: rawObject({ text: 'x'.repeat(chars) }) },
  era: 'legacy',
  worker: undefined,
})

test('updates of a suspended call count as memory, which is released as they are taken', async () => {
  const { reply: steps, emit } = reply()
  const { suspendable, memory } = bounded(steps, 100_000)
  const answers: Answer[] = []
  const inputRequests = add(suspendable, asked(answers, 5000))
  const withInputRequest = memory.heldBytes
  expect(withInputRequest).toBeGreaterThan(10_000)
  const stop = readWhileSuspended(suspendable, inputRequests)
  emit({ done: false, value: { ...log, params: rawObject({ data: 'y'.repeat(3000) }) } as Update })
  await nextTick()
  expect(memory.heldBytes).toBeGreaterThan(withInputRequest + 6000)
  emit({ done: true, value: result(4000) })
  await nextTick()
  expect(memory.heldBytes).toBeGreaterThan(withInputRequest + 14_000)
  stop()
  await nextStep(suspendable)
  expect(await nextStep(suspendable)).toMatchObject({ done: true })
  expect(memory.heldBytes).toBe(withInputRequest)
  for (const one of inputRequests.open.values()) one.answer({ kind: 'result', result: rawObject({}) })
  expect([memory.heldBytes, answers.length]).toEqual([0, 1])
})

test('without memory, an input request is answered with an error to the server, and a result with one to the client', async () => {
  const { reply: steps, emit } = reply()
  const { suspendable, memory } = bounded(steps, 20_000)
  const answers: Answer[] = []
  expect(addInputRequest(suspendable, asked(answers, 50_000))).toBeUndefined()
  const inputRequests = add(suspendable, ask(answers))
  const stop = readWhileSuspended(suspendable, inputRequests)
  emit({ done: false, value: asked(answers, 50_000) })
  await nextTick()
  expect(answers.map(({ kind }) => kind)).toEqual(['error', 'error'])
  emit({ done: true, value: result(50_000) })
  await nextTick()
  stop()
  await expect(nextStep(suspendable)).rejects.toMatchObject({ code: 'result_too_large' })
  expect(memory.heldBytes).toBeLessThan(2000)
})
