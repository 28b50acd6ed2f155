import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { CoarseTimers } from '../../base/coarse-timers.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { InputRequest, Reply } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { addInputRequest, type Step, type SuspendableCall } from './suspendable-call.ts'
import { SuspendedCalls } from './suspended-calls.ts'

const answerTimeoutMs = 10_000
const evictIdleMs = 2000

const at = fc.nat(4)
type Action =
  | { readonly do: 'begin' }
  | { readonly do: 'suspend' | 'end' | 'cancel'; readonly at: number }
  | {
      readonly do: 'resume'
      readonly at: number
      readonly round: number
      readonly answers: 'all' | 'none' | 'malformed'
    }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'evict'; readonly wanted: number }

const steps: fc.Arbitrary<readonly Action[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('suspend' as const), at }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('resume' as const),
        at,
        // Mostly the round that waits; else one that was answered before, or never began.
        round: fc.constantFrom(0, 0, 0, -1, 1),
        answers: fc.constantFrom('all' as const, 'all' as const, 'none' as const, 'malformed' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'cancel' as const), at }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(100, 2000, answerTimeoutMs) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const), wanted: fc.integer({ min: 1, max: 2 }) }) },
  ),
  { maxLength: 50 },
)

/** What a simple model knows of a call. */
interface Expected {
  readonly suspendable: SuspendableCall
  readonly key: string
  /** `new`: the request that began it is attached, and it was never suspended. */
  state: 'new' | 'attached' | 'suspended' | 'ended'
  callId: string
  round: number
  seenMs: number
  isOpen: boolean
  isCancelled: boolean
  answers: number
}

/** A reply that says nothing. */
function silent(): Reply {
  const never = (): Promise<Step> => new Promise(() => {})
  const reply: Reply = { next: never, return: never, throw: never, [Symbol.asyncIterator]: () => reply }
  return reply
}

function begin(): Expected {
  const cancel = new Cancel()
  const memory = createMemoryBudget(1_000_000).account()
  const suspendable: SuspendableCall = {
    call: {
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
      cancel,
    },
    endpoint: 'here',
    reply: silent(),
    next: undefined,
    inputRequests: undefined,
    callId: undefined,
    memory,
    leaveDrain: () => undefined,
  }
  const expected: Expected = {
    suspendable,
    key: 'elicitation-1',
    state: 'new',
    callId: '',
    round: 0,
    seenMs: 0,
    isOpen: true,
    isCancelled: false,
    answers: 0,
  }
  const inputRequest: InputRequest = {
    kind: 'input_request',
    method: 'elicitation/create',
    params: undefined,
    answer: () => void expected.answers++,
    withdrawn: new Cancel(),
  }
  addInputRequest(suspendable, inputRequest)
  return expected
}

function paramsOf(key: string, answers: 'all' | 'none' | 'malformed'): ReturnType<typeof rawObject> {
  if (answers === 'none') return rawObject({})
  return rawObject({ inputResponses: { [key]: answers === 'all' ? { action: 'decline' } : 'no answer' } })
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'done'
  } catch (error) {
    return asRefusal(error)?.code ?? String(error)
  }
}

test('a suspended call is resumed once for each round, and ends exactly when the model says', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const clock = manualClock(0)
      const timers = new CoarseTimers(clock)
      const calls = new SuspendedCalls({ timers, clock, evictIdleMs, answerTimeoutMs })
      const all: Expected[] = [begin()]
      const expire = (one: Expected): void => {
        one.state = 'ended'
        one.isCancelled = true
        one.isOpen = false
      }
      for (const step of sequence) {
        const one = 'at' in step ? all[step.at] : undefined
        if (step.do === 'begin') all.push(begin())
        else if (step.do === 'pass') {
          clock.advance(step.ms)
          for (const other of all)
            if (other.state === 'suspended' && clock.now() >= other.seenMs + answerTimeoutMs) expire(other)
        } else if (step.do === 'evict') {
          const idle = all.filter(
            ({ state, isOpen, seenMs }) => state === 'suspended' && isOpen && clock.now() >= seenMs + evictIdleMs,
          )
          const last = idle.toSorted((a, b) => a.seenMs - b.seenMs)[step.wanted - 1]?.seenMs ?? Infinity
          calls.endSilent(step.wanted, ({ endpoint }) => endpoint === 'elsewhere')
          assert.ok(idle.every(({ suspendable }) => !suspendable.call.cancel.cancelled))
          calls.endSilent(step.wanted, ({ endpoint }) => endpoint === 'here')
          const ended = idle.filter(({ suspendable }) => suspendable.call.cancel.cancelled)
          assert.equal(ended.length, Math.min(step.wanted, idle.length))
          for (const other of ended) assert.ok(other.seenMs <= last)
          ended.forEach(expire)
        } else if (!one) continue
        else if (step.do === 'suspend') {
          const { inputRequests } = one.suspendable
          // A request can suspend its call as long as it is attached to it.
          if (!inputRequests || one.state === 'suspended' || one.state === 'ended') continue
          const { callId, round } = calls.suspend(one.suspendable, inputRequests)
          if (one.callId !== '') assert.equal(callId, one.callId)
          assert.equal(round, one.round + 1)
          Object.assign(one, { state: 'suspended', callId, round, seenMs: clock.now() })
          // Its client was gone before.
          if (one.isCancelled) expire(one)
        } else if (step.do === 'resume') {
          const round = one.round + step.round
          const outcome = codeOf(() => calls.resume(one.callId, round, paramsOf(one.key, step.answers)))
          if (one.state === 'new' || one.state === 'ended') assert.equal(outcome, 'suspended_call_gone')
          else if (one.state === 'attached' || step.round !== 0) assert.equal(outcome, 'input_already_provided')
          else if (one.isOpen && step.answers === 'malformed') assert.equal(outcome, 'invalid_params')
          else {
            assert.equal(outcome, 'done')
            one.state = 'attached'
            if (step.answers === 'all') one.isOpen = false
          }
        } else if (step.do === 'cancel') {
          one.suspendable.call.cancel.cancel('gone')
          one.isCancelled = true
          if (one.state === 'suspended') expire(one)
        } else {
          calls.end(one.suspendable)
          if (one.state !== 'new') one.state = 'ended'
        }
        assert.equal(calls.count, all.filter(({ state }) => state === 'suspended' || state === 'attached').length)
        for (const { suspendable, isCancelled, isOpen, answers, state } of all) {
          assert.equal(suspendable.call.cancel.cancelled, isCancelled)
          assert.equal(suspendable.inputRequests?.open.size, isOpen ? 1 : 0)
          // Each input request is answered once: by the client, or with an error at the end of the call.
          if (state !== 'ended') assert.equal(answers, isOpen ? 0 : 1)
        }
      }
      timers.close()
    }),
    { numRuns: 500 },
  )
})

test('a server is told that an answer may still come as long as its call is suspended', () => {
  const clock = manualClock(0)
  const timers = new CoarseTimers(clock)
  const calls = new SuspendedCalls({ timers, clock, evictIdleMs, answerTimeoutMs: 600_000 })
  const { suspendable, key } = begin()
  const { inputRequests } = suspendable
  assert.ok(inputRequests)
  let told = 0
  for (const [name, inputRequest] of inputRequests.open)
    inputRequests.open.set(name, { ...inputRequest, reportProgress: () => void told++ })
  const { callId, round } = calls.suspend(suspendable, inputRequests)
  clock.advance(45_000)
  expect(told).toBe(3)
  calls.resume(callId, round, paramsOf(key, 'none'))
  clock.advance(45_000)
  expect(told).toBe(3)
  timers.close()
})
