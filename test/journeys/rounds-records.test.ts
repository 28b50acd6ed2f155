/**
 * What is kept of a call while its client is asked, and how such a call ends that nobody finishes: by time, by the end
 * of the session, by a drain, or with the store.
 */
import assert from 'node:assert/strict'
import { afterEach, expect, test } from 'vitest'
import { createMemoryBackplane } from '../../src/backplane/memory.ts'
import { type ManualClock, manualClock, systemClock } from '../../src/base/clock.ts'
import { type Backplane, type Clock, Refusal } from '../../src/index.ts'
import {
  accepted,
  answer,
  asksInRounds,
  everyCapability,
  follow,
  questionOn,
  questionsOn,
  rooted,
  roots,
  toldBy,
  who,
} from '../support/scripted-session.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { type JsonMap, messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const running: InProcess[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end()))
})

interface Watched {
  readonly backplane: Backplane
  /** The records of continuations at the moment, by key. */
  readonly continuations: Map<string, JsonMap>
  /** What was written to each, in order. */
  readonly written: JsonMap[]
}

/** The real store, looked at; with `fails`, records of continuations cannot be begun. */
function watched(clock: Clock, fails = false): Watched {
  const memory = createMemoryBackplane({ clock })
  const { records } = memory
  const continuations = new Map<string, JsonMap>()
  const written: JsonMap[] = []
  const note = (key: string, value: JsonMap): void => {
    if (!key.includes('/continuation/')) return
    continuations.set(key, value)
    written.push(value)
  }
  return {
    continuations,
    written,
    backplane: {
      ...memory,
      records: {
        ...records,
        async create(key, value, ttlMs) {
          if (fails && key.includes('/continuation/')) throw new Refusal('store_unavailable')
          note(key, value)
          return records.create(key, value, ttlMs)
        },
        async replace(key, value, version, ttlMs) {
          note(key, value)
          return records.replace(key, value, version, ttlMs)
        },
        async remove(key) {
          continuations.delete(key)
          return records.remove(key)
        },
      },
    },
  }
}

async function start(
  store: Watched,
  clock: Clock = systemClock,
  settings: Parameters<typeof startInProcess>[1] = {},
): Promise<Session> {
  const one = await startInProcess(asksInRounds, settings, { clock, backplane: store.backplane })
  running.push(one)
  return openSession(one.url, { capabilities: everyCapability })
}

const withdrawnOn = (messages: RpcMessage[]): unknown[] =>
  messages.filter(({ method }) => method === 'notifications/cancelled').map(({ params }) => params?.['requestId'])

test('while a client is asked, all that is needed to go on is a plain record; afterwards there is none', async () => {
  const store = watched(systemClock)
  const session = await start(store)
  const asked = await follow(session, [{ ask: { a: who, b: roots } }, { ask: { c: who } }])
  const [first, second] = await questionsOn(asked.call, 2)
  assert(first && second)

  const [[key, record] = []] = [...store.continuations]
  assert(key !== undefined && record)
  expect(key).toMatch(new RegExp(`^session/(?:[^/]*/){3}${session.id}/continuation/[\\w-]+$`))
  expect(JSON.parse(JSON.stringify(record))).toEqual(record)
  const continuation = key.slice(key.lastIndexOf('/') + 1)
  expect(record).toMatchObject({
    id: continuation,
    request: String(asked.id),
    method: 'tools/call',
    round: 1,
    step: 'asking',
    requestState: JSON.stringify({ at: 1, answers: [] }),
    inputRequests: {
      [String(first.id)]: { key: 'a', method: 'elicitation/create' },
      [String(second.id)]: { key: 'b', method: 'roots/list' },
    },
    answers: {},
  })
  expect(JSON.parse(String(record['params']))).toMatchObject({ name: 'follow' })
  expect(String(first.id).startsWith(`ask-${continuation}.`), 'a question names its continuation').toBe(true)

  await answer(session, second, rooted)
  await eventually('the answer to be stored', () => {
    const answers = store.continuations.get(key)?.['answers'] as JsonMap
    return Object.keys(answers).includes(String(second.id))
  })
  await answer(session, first, accepted)
  await answer(session, await questionOn(asked.call, 2), accepted)
  expect((await toldBy(asked)).answers).toEqual([{ a: accepted, b: rooted }, { c: accepted }])
  await eventually('no record', () => store.continuations.size === 0)
  expect(store.written.map(({ round, step }) => `${String(round)} ${String(step)}`)).toEqual([
    '1 asking',
    '1 asking',
    '1 calling',
    '2 asking',
    '2 calling',
  ])
})

test('a call that asks nothing is never stored', async () => {
  const store = watched(systemClock)
  const session = await start(store)
  await toldBy(await follow(session, []))
  await toldBy(await follow(session, [{ again: true }]))
  expect(store.written).toEqual([])
})

test('an input request without an answer ends its call in time, and all open input requests are cancelled', async () => {
  const clock = manualClock(Date.now())
  const store = watched(clock)
  const session = await start(store, clock)
  const asked = await follow(session, [{ ask: { a: roots, b: who, c: who } }])
  const [first, ...rest] = await questionsOn(asked.call, 3)
  assert(first)
  await answer(session, first, rooted)
  clock.advance(9 * 60_000)
  expect(store.continuations.size).toBe(1)
  clock.advance(2 * 60_000)
  const response = await responseTo(asked.call, asked.id)
  expect(response.result?.['isError']).toBe(true)
  expect(textOf(response)).toContain('did not answer')
  expect(withdrawnOn(messagesOf(asked.call)).sort()).toEqual(rest.map(({ id }) => id).sort())
  await eventually('no record', () => store.continuations.size === 0)
  for (const { id } of rest) expect((await session.post({ id, result: rooted })).status).toBe(202)
})

test('a person who takes nine minutes is waited for', async () => {
  const clock = manualClock(Date.now())
  const session = await start(watched(clock), clock)
  const asked = await follow(session, [{ ask: { a: who } }])
  const question = await questionOn(asked.call)
  clock.advance(9 * 60_000)
  await answer(session, question, accepted)
  expect((await toldBy(asked)).answers).toEqual([{ a: accepted }])
})

test('a server that only ever wants to be called again is called so often, and no more', async () => {
  const clock = manualClock(Date.now())
  const patient = { callIdleMs: 24 * 3_600_000, callTotalMs: 24 * 3_600_000 }
  const session = await start(watched(clock), clock, { upstream: patient })
  const asked = follow(
    session,
    Array.from({ length: 100 }, () => ({ again: true })),
  )
  const stop = tick(clock)
  try {
    const { call, id } = await asked
    expect(reasonOf(await responseTo(call, id))).toBe('too_many_rounds')
  } finally {
    stop()
  }
})

/** Moves the clock on by a second now and then. */
function tick(clock: ManualClock): () => void {
  const timer = setInterval(() => clock.advance(1000), 1)
  return () => clearInterval(timer)
}

test('the end of the session ends what it is asked', async () => {
  const store = watched(systemClock)
  const session = await start(store)
  const asked = await follow(session, [{ ask: { a: who } }])
  await questionOn(asked.call)
  await session.end()
  await asked.call.over
  await eventually('no record', () => store.continuations.size === 0)
})

test('a drain waits for an answer, but not for ever', async () => {
  const store = watched(systemClock)
  const session = await start(store, systemClock, { http: { drainMs: 3000 } })
  const [late, prompt] = [await follow(session, [{ ask: { a: who } }]), await follow(session, [{ ask: { a: roots } }])]
  const question = await questionOn(prompt.call)
  const { id } = await questionOn(late.call)
  const drained = running[0]?.gateway.drain()
  await answer(session, question, rooted)
  expect((await toldBy(prompt)).answers).toEqual([{ a: rooted }])
  const { error } = await responseTo(late.call, late.id)
  expect(error?.data).toMatchObject({ reason: 'draining', executed: 'unknown' })
  expect(withdrawnOn(messagesOf(late.call))).toEqual([id])
  await drained
})

test('a client is asked nothing that could not be stored', async () => {
  const session = await start(watched(systemClock, true))
  const asked = await follow(session, [{ ask: { a: who } }])
  expect(reasonOf(await responseTo(asked.call, asked.id))).toBe('store_unavailable')
  expect(messagesOf(asked.call)).toHaveLength(1)
})
