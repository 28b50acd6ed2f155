import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createEvents } from '../../base/events.ts'
import type { Call, Outcome, Reply } from '../../protocol/call.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import { type CallNeeds, runCall } from './run-call.ts'
import { RunningCalls } from './running-calls.ts'

const outcome: Outcome = { answer: { kind: 'result', result: emptyObject }, era: 'legacy', worker: undefined }
const call: Call = {
  id: '1',
  method: 'tools/call',
  params: undefined,
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  principal: { tenant: 't', subject: 's' },
  session: 'session',
  fairnessKey: 'session',
  clientKey: 'session',
  progressToken: undefined,
  logLevel: undefined,
  worker: undefined,
  cancel: new Cancel(),
}

/** A running call whose upstream replies with `steps`, and what is reported of it. */
function start(steps: () => Reply): { reply: Reply; reported: string[]; begun: () => number } {
  const events = createEvents()
  const reported: string[] = []
  events.on('callEnded', ({ status }) => void reported.push(status))
  let begun = 0
  const runningCalls = new RunningCalls()
  const needs: CallNeeds = {
    running: { count: 0 },
    log: silentLog,
    runningCalls,
    upstreamOf: () => 'server',
    upstream: {
      call() {
        begun++
        return steps()
      },
    },
    catalog: {
      hasTaskOnly: false,
      isTaskOnly: () => Promise.resolve(false),
      isListed: () => true,
      isHeldBack: () => false,
    },
    continuations: {
      continueCall() {
        throw new Error('not continued')
      },
    },
    events,
    clock: manualClock(0),
    addToHistory: () => {},
  }
  return { reply: runCall(call, needs), reported, begun: () => begun }
}

const log = { kind: 'notification', method: 'notifications/message', params: undefined } as const

async function* answering(): Reply {
  yield log
  await Promise.resolve()
  return outcome
}

async function* failing(): Reply {
  yield log
  await Promise.resolve()
  throw new Error('secret')
}

test('updates come in order, then the outcome, which is reported once', async () => {
  const { reply, reported } = start(answering)
  expect([await reply.next(), await reply.next()]).toEqual([
    { done: false, value: log },
    { done: true, value: outcome },
  ])
  expect(await reply.next()).toMatchObject({ done: true })
  expect(reported).toEqual(['ok'])
})

test('a call that fails is reported as internal, once', async () => {
  const { reply, reported } = start(failing)
  await reply.next()
  await expect(reply.next()).rejects.toMatchObject({
    code: 'internal',
    cause: { message: expect.stringContaining('secret') as string },
  })
  await reply.return(outcome)
  expect(reported).toEqual(['internal'])
})

test('a call that is ended between two updates is reported as cancelled, once', async () => {
  const { reply, reported } = start(answering)
  await reply.next()
  expect(await reply.return(outcome)).toEqual({ done: true, value: outcome })
  expect(await reply.next()).toMatchObject({ done: true })
  expect(reported).toEqual(['cancelled'])
})

test('a call that is ended before its first step never begins', async () => {
  const { reply, reported, begun } = start(answering)
  await reply.return(outcome)
  expect(await reply.next()).toMatchObject({ done: true })
  expect([begun(), reported]).toEqual([0, []])
})
